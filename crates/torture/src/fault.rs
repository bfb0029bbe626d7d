//! What can go wrong, and how it is made to.

use std::thread::sleep;
use std::time::Duration;

use rand::RngExt;
use testkit::{FaultyNet, Way, eventually};

use crate::round::{Database, World};
use crate::subject::Subject;

/// The points where `iot-sub` can be made to kill itself, and at which pass at most.
pub(crate) const POINTS: [(&str, u32); 12] = [
    ("before-receive", 2_000),
    ("after-receive", 200),
    ("before-commit", 100),
    ("after-commit", 100),
    ("before-ack", 100),
    ("after-ack", 100),
    ("before-pubrel", 800),
    ("after-pubrel", 800),
    ("before-delivery", 50),
    ("after-delivery", 50),
    ("before-trim", 3),
    ("after-trim", 3),
];

/// Longer than one and a half times the keep alive of five seconds, after which a silent side counts as gone.
const SILENCE: Duration = Duration::from_secs(8);
/// How long `iot-sub` may take to notice.
const PATIENCE: Duration = Duration::from_mins(1);

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillSubject,
    /// At one of [`POINTS`].
    KillSubjectAt(usize),
    TerminateSubject,
    FreezeSubject,
    RestartBroker,
    FreezeBroker,
    KillBroker,
    KillStore,
    FreezeStore,
    KillPrimary,
    FreezePrimary,
    StepDown,
    BrokerNet(NetFault),
    StoreNet(NetFault),
    FillDisk,
}

/// What can be wrong with a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetFault {
    Latency,
    Cut,
    BlackHole,
    RepliesLost,
    RequestsLost,
}

const NET_FAULTS: [NetFault; 5] = [
    NetFault::Latency,
    NetFault::Cut,
    NetFault::BlackHole,
    NetFault::RepliesLost,
    NetFault::RequestsLost,
];

impl Fault {
    /// Returns all that a round with such a database can hold, but for the killed broker.
    pub(crate) fn all(database: &Database) -> Vec<Self> {
        let mut all = vec![
            Self::KillSubject,
            Self::TerminateSubject,
            Self::FreezeSubject,
            Self::RestartBroker,
            Self::FreezeBroker,
            Self::FillDisk,
        ];
        all.extend((0..POINTS.len()).map(Self::KillSubjectAt));
        all.extend(NET_FAULTS.map(Self::BrokerNet));
        match database {
            Database::Alone(..) => {
                all.extend([Self::KillStore, Self::FreezeStore]);
                all.extend(NET_FAULTS.map(Self::StoreNet));
            }
            Database::Set(_) => {
                for primary in [Self::KillPrimary, Self::FreezePrimary, Self::StepDown] {
                    all.extend([primary; 2]);
                }
            }
        }
        all
    }

    /// Returns what the report calls it.
    pub(crate) fn name(self) -> String {
        let net = |fault| match fault {
            NetFault::Latency => "slow",
            NetFault::Cut => "cut",
            NetFault::BlackHole => "a black hole",
            NetFault::RepliesLost => "one that loses what the server says",
            NetFault::RequestsLost => "one that loses what iot-sub says",
        };
        match self {
            Self::KillSubject => "kill -9 of iot-sub at any moment".into(),
            Self::KillSubjectAt(point) => format!("kill -9 of iot-sub {}", POINTS[point].0),
            Self::TerminateSubject => "SIGTERM of iot-sub in the middle of the flood".into(),
            Self::FreezeSubject => "iot-sub frozen".into(),
            Self::RestartBroker => "mosquitto ended with SIGTERM and started again".into(),
            Self::FreezeBroker => "mosquitto frozen".into(),
            Self::KillBroker => "kill -9 of mosquitto".into(),
            Self::KillStore => "kill -9 of mongod".into(),
            Self::FreezeStore => "mongod frozen".into(),
            Self::KillPrimary => "kill -9 of a replica set's primary".into(),
            Self::FreezePrimary => "a replica set's primary frozen".into(),
            Self::StepDown => "a replica set's primary steps down".into(),
            Self::BrokerNet(fault) => format!("network to mosquitto: {}", net(fault)),
            Self::StoreNet(fault) => format!("network to mongod: {}", net(fault)),
            Self::FillDisk => "disk full under the spool".into(),
        }
    }

    /// Strikes, waits until it is noticed, and heals it. Returns what the report calls it.
    pub(crate) fn strike(self, world: &mut World) -> String {
        let mut name = self.name();
        match self {
            Self::KillSubject => {
                world.subject.kill();
                world.rest(0..1_000);
                world.subject.start(None);
            }
            Self::KillSubjectAt(point) => {
                let (point, most) = POINTS[point];
                world.subject.kill();
                let pass = world.random.random_range(1..=most);
                world.subject.start(Some(&format!("{point}:{pass}")));
                if !world.subject.wait_for_failpoint(PATIENCE) {
                    name += ": not reached";
                }
                world.subject.start(None);
            }
            Self::TerminateSubject => {
                world.subject.terminate();
                world.rest(0..500);
                world.subject.start(None);
            }
            Self::FreezeSubject => {
                world.subject.freeze();
                sleep(SILENCE);
                world.subject.thaw();
            }
            Self::RestartBroker => {
                world.broker.stop();
                world.rest(0..1_000);
                world.broker.start_again();
            }
            Self::FreezeBroker => {
                world.noticed(LOST_BROKER, |world| world.broker.freeze());
                world.broker.thaw();
            }
            Self::KillBroker => {
                world.broker.kill();
                world.rest(0..1_000);
                world.broker.start_again();
            }
            Self::KillStore => {
                world.noticed(LOST_STORE, |world| world.database.alone().kill());
                world.rest(0..2_000);
                world.database.alone().start_again();
            }
            Self::FreezeStore => {
                world.noticed(LOST_STORE, |world| world.database.alone().freeze());
                world.rest(0..2_000);
                world.database.alone().thaw();
            }
            Self::KillPrimary | Self::FreezePrimary | Self::StepDown => self.strike_set(world),
            Self::BrokerNet(fault) => fault.strike_broker(world),
            Self::StoreNet(fault) => fault.strike_store(world),
            Self::FillDisk => {
                world.noticed("the disk is full", |world| world.subject.disk.fill());
                world.rest(0..2_000);
                world.noticed("can be written to again", |world| world.subject.disk.heal());
            }
        }
        name
    }

    fn strike_set(self, world: &mut World) {
        let set = world.database.set();
        if self == Self::StepDown {
            set.step_down();
            set.primary();
            return;
        }
        let primary = set.primary();
        if self == Self::KillPrimary {
            set.node(primary).kill();
        } else {
            set.node(primary).freeze();
        }
        // Until there is another one.
        set.primary();
        world.rest(0..3_000);
        let node = world.database.set().node(primary);
        if self == Self::KillPrimary {
            node.start_again();
        } else {
            node.thaw();
        }
    }
}

impl NetFault {
    fn strike_broker(self, world: &mut World) {
        // For a second: then the broker sends again what was acknowledged, or what it thinks it has sent.
        let lost = match self {
            Self::RequestsLost => Way::ToServer,
            Self::RepliesLost => Way::ToClient,
            Self::BlackHole => {
                world.noticed(LOST_BROKER, |world| world.to_broker.freeze());
                return heal(&world.to_broker);
            }
            _ => return slow_or_cut(self, world, |world| &world.to_broker),
        };
        world.to_broker.lose(lost, true);
        world.rest(500..1_500);
        world.to_broker.lose(lost, false);
    }

    fn strike_store(self, world: &mut World) {
        let lost = match self {
            Self::RequestsLost => Way::ToServer,
            Self::RepliesLost => Way::ToClient,
            Self::BlackHole => {
                world.noticed(LOST_STORE, |world| world.database.net().freeze());
                return heal(world.database.net());
            }
            _ => return slow_or_cut(self, world, |world| world.database.net()),
        };
        world.noticed(LOST_STORE, |world| world.database.net().lose(lost, true));
        world.database.net().lose(lost, false);
    }
}

const LOST_BROKER: &str = "lost broker";
const LOST_STORE: &str = "waiting for store";

fn heal(net: &FaultyNet) {
    // What waited in it is lost.
    net.cut();
    net.thaw();
}

fn slow_or_cut(fault: NetFault, world: &mut World, net: fn(&World) -> &FaultyNet) {
    if fault == NetFault::Latency {
        net(world).set_latency(Duration::from_millis(100));
        world.rest(1_000..3_000);
        net(world).set_latency(Duration::ZERO);
    } else {
        net(world).cut();
    }
}

impl World {
    /// Does something and waits until `iot-sub` says that it has noticed, which it must within a minute. What it has
    /// said already and not taken back it doesn't say again, so that must be over before.
    fn noticed(&mut self, line: &str, act: impl FnOnce(&mut Self)) {
        let over = |subject: &Subject| match line {
            LOST_BROKER => subject.last("Connected with result code") > subject.last(LOST_BROKER),
            LOST_STORE => subject.last(LOST_STORE) <= subject.last("is back"),
            _ => true,
        };
        eventually(PATIENCE, format_args!("`{line}` is over"), || {
            over(&self.subject)
        });
        let before = self.subject.said(line);
        act(self);
        let noticed = self.subject.notices(line, before, PATIENCE);
        assert!(noticed, "iot-sub has not said `{line}` within {PATIENCE:?}");
    }
}
