//! Everything that a fault can strike: `iot-sub`, the broker, the database, the networks.

use std::thread::sleep;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use testkit::{Broker, FaultyNet, Mongo, MongoSet, eventually};

use crate::subject::Subject;

/// How long may pass until something is noticed. It takes most of a minute to fill what is free in
/// a spool's file.
pub(crate) const NOTICE_TIMEOUT: Duration = Duration::from_mins(2);

// Lines that `iot-sub` prints.
pub(crate) const LOST_BROKER: &str = "lost broker";
pub(crate) const LOST_STORE: &str = "waiting for store";
pub(crate) const STOPS: &str = "reading from the broker stops";
pub(crate) const GOES_ON: &str = "reading continues";

/// Everything that a fault can strike.
pub(crate) struct World {
    pub(crate) random: ChaCha8Rng,
    pub(crate) subject: Subject,
    pub(crate) to_broker: FaultyNet,
    pub(crate) broker: Broker,
    pub(crate) database: Database,
}

/// The database that readings go to.
pub(crate) enum Database {
    /// A single server, behind a network that can fail.
    Alone(Mongo, FaultyNet),
    /// A replica set. Clients connect to its members' own addresses.
    Set(MongoSet),
}

impl Database {
    /// The URL for `iot-sub`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Alone(_, net) => format!("mongodb://127.0.0.1:{}", net.port()),
            Self::Set(set) => set.url(),
        }
    }

    /// The URL past any faulty network.
    pub(crate) fn direct_url(&self) -> String {
        match self {
            Self::Alone(mongo, _) => mongo.url(),
            Self::Set(set) => set.url(),
        }
    }

    /// The single server.
    pub(crate) fn alone(&mut self) -> &mut Mongo {
        match self {
            Self::Alone(mongo, _) => mongo,
            Self::Set(_) => panic!("a fault of a single server"),
        }
    }

    /// The network before the single server.
    pub(crate) fn net(&self) -> &FaultyNet {
        match self {
            Self::Alone(_, net) => net,
            Self::Set(_) => panic!("a fault of a single server's network"),
        }
    }

    /// The replica set.
    pub(crate) fn set(&mut self) -> &mut MongoSet {
        match self {
            Self::Set(set) => set,
            Self::Alone(..) => panic!("a fault of a replica set"),
        }
    }
}

impl World {
    /// Waits for so many milliseconds.
    pub(crate) fn rest(&mut self, milliseconds: std::ops::Range<u64>) {
        sleep(Duration::from_millis(
            self.random.random_range(milliseconds),
        ));
    }

    /// Does something while the store is away: a single server, or the majority of a replica set.
    pub(crate) fn without_store(&mut self, act: impl FnOnce(&mut Self)) {
        self.noticed(LOST_STORE, |world| match &mut world.database {
            Database::Alone(mongo, _) => mongo.kill(),
            Database::Set(set) => (0..2).for_each(|which| set.node(which).kill()),
        });
        self.rest(500..2_000);
        act(self);
        match &mut self.database {
            Database::Alone(mongo, _) => mongo.start_again(),
            Database::Set(set) => {
                (0..2).for_each(|which| set.node(which).start_again());
                set.primary();
            }
        }
    }

    /// Does something and waits until `iot-sub` reads nothing more for its sake.
    pub(crate) fn stops_reading(&mut self, act: fn(&Subject)) {
        self.noticed(STOPS, |world| act(&world.subject));
    }

    /// Does something and waits until `iot-sub` says that it has noticed, which it must in time.
    pub(crate) fn noticed(&mut self, line: &str, act: impl FnOnce(&mut Self)) {
        self.wait_until_over(line);
        let before = self.subject.said(line);
        act(self);
        let noticed = self.subject.notices(line, before, NOTICE_TIMEOUT);
        assert!(
            noticed,
            "iot-sub has not said `{line}` within {NOTICE_TIMEOUT:?}"
        );
    }

    /// Waits until `iot-sub` has taken back what it has said of an earlier fault: until then it
    /// doesn't say that again.
    pub(crate) fn wait_until_over(&self, line: &str) {
        let subject = &self.subject;
        eventually(
            NOTICE_TIMEOUT,
            format_args!("`{line}` is over"),
            || match line {
                LOST_BROKER => {
                    subject.last("Connected with result code") > subject.last(LOST_BROKER)
                }
                LOST_STORE => subject.last(LOST_STORE) <= subject.last("is back"),
                _ => true,
            },
        );
    }
}
