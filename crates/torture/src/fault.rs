//! The faults, and how each is caused and healed.

use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use testkit::{FaultyNet, Way};

use crate::broker_log::SUBJECT;
use crate::round_kind::Kind;
use crate::world::{GOES_ON, LOST_BROKER, LOST_STORE, NOTICE_TIMEOUT, STOPS, World};

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
    /// `iot-sub` is killed while the store is away: what it has spooled is delivered by its next
    /// life.
    KillSubjectAlone,
    BrokerNet(NetFault),
    StoreNet(NetFault),
    /// Each write fails.
    FillDisk,
    /// There really is no room, and MongoDB is away: else the spool could do with the room it has.
    FillSmallDisk,
    /// `iot-sub` is killed then, and has to start there.
    KillSubjectOnSmallDisk,
    FailFsync,
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
    /// Returns all that a round of this kind holds.
    pub(crate) fn all(kind: &Kind, small_disk: bool) -> Vec<Self> {
        let mut all = vec![
            Self::KillSubject,
            Self::KillSubjectAlone,
            Self::TerminateSubject,
            Self::FreezeSubject,
            Self::RestartBroker,
            Self::FreezeBroker,
            Self::FillDisk,
            Self::FailFsync,
        ];
        if small_disk {
            all.extend([Self::FillSmallDisk, Self::KillSubjectOnSmallDisk]);
        }
        if kind.broker_dies {
            all.extend([Self::KillBroker; 3]);
        }
        all.extend((0..POINTS.len()).map(Self::KillSubjectAt));
        all.extend(NET_FAULTS.map(Self::BrokerNet));
        if kind.into_set {
            for primary in [Self::KillPrimary, Self::FreezePrimary, Self::StepDown] {
                all.extend([primary; 2]);
            }
        } else {
            all.extend([Self::KillStore, Self::FreezeStore]);
            all.extend(NET_FAULTS.map(Self::StoreNet));
        }
        all
    }

    /// Returns those that a short round doesn't leave to chance.
    pub(crate) fn always(kind: &Kind, small_disk: bool) -> Vec<Self> {
        let mut always = vec![Self::FillDisk, Self::FailFsync, Self::KillSubjectAlone];
        always.extend(small_disk.then_some(Self::KillSubjectOnSmallDisk));
        always.extend(kind.broker_dies.then_some(Self::KillBroker));
        always
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
            Self::KillSubjectAlone => "kill -9 of iot-sub while MongoDB is away".into(),
            Self::FillDisk => "disk full under the spool: each write fails".into(),
            Self::FillSmallDisk => "disk full under the spool: a small file system".into(),
            Self::KillSubjectOnSmallDisk => "kill -9 of iot-sub while its disk is full".into(),
            Self::FailFsync => "fsync fails under the spool".into(),
        }
    }

    /// Causes the fault, waits until it is noticed, and heals it.
    pub(crate) fn strike(self, world: &mut World) {
        match self {
            Self::KillSubject => {
                world.subject.kill();
                world.rest(0..1_000);
                world.subject.start(None);
            }
            Self::KillSubjectAt(point) => kill_subject_at(point, world),
            Self::TerminateSubject => {
                world.subject.terminate();
                world.rest(0..500);
                world.subject.start(None);
            }
            Self::FreezeSubject => freeze_subject(world),
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
            Self::KillSubjectAlone => world.without_store(|world| {
                world.subject.kill();
                world.subject.start(None);
                world.rest(0..2_000);
            }),
            Self::FillDisk => {
                world.stops_reading(|subject| subject.disk.fill());
                world.rest(0..2_000);
                world.noticed(GOES_ON, |world| world.subject.disk.heal());
            }
            Self::FillSmallDisk | Self::KillSubjectOnSmallDisk => world.without_store(|world| {
                world.stops_reading(|subject| subject.small_disk().fill());
                if self == Self::KillSubjectOnSmallDisk {
                    world.subject.kill();
                    world.subject.start(None);
                    let stops = world.subject.notices(STOPS, 0, NOTICE_TIMEOUT);
                    assert!(stops, "iot-sub reads on though its disk is full");
                }
                world.rest(0..2_000);
                world.noticed(GOES_ON, |world| world.subject.small_disk().heal());
            }),
            Self::FailFsync => {
                world.subject.disk.fail_fsync();
                world.subject.fails_with_its_disk();
                world.subject.disk.heal();
                world.subject.start(None);
            }
        }
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
        // Wait for a new primary.
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
        // For a second. The broker then sends acknowledged messages again, or takes lost ones for
        // delivered.
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

fn kill_subject_at(point: usize, world: &mut World) {
    let (point, most) = POINTS[point];
    world.subject.kill();
    let pass = world.random.random_range(1..=most);
    world.subject.start(Some(&format!("{point}:{pass}")));
    assert!(
        world.subject.wait_for_failpoint(NOTICE_TIMEOUT),
        "iot-sub has not reached point {point} within {NOTICE_TIMEOUT:?}"
    );
    world.subject.start(None);
}

/// Freezes `iot-sub` until the broker gives it up.
fn freeze_subject(world: &mut World) {
    let line = format!("Client {SUBJECT} has exceeded timeout");
    let count = |world: &World| world.broker.log().matches(&line).count();
    let before = count(world);
    world.wait_until_over(LOST_BROKER);
    world.subject.freeze();
    let end = Instant::now() + NOTICE_TIMEOUT;
    while count(world) == before {
        assert!(Instant::now() < end, "mosquitto has not logged `{line}`");
        // It is a long log.
        sleep(Duration::from_millis(500));
    }
    world.subject.thaw();
}

fn heal(net: &FaultyNet) {
    // Bytes that waited in it are lost.
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
