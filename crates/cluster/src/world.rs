//! Everything that a fault can strike.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use crate::broker::{Brokers, Mode};
use crate::database::Database;
use crate::member::Group;
use crate::network::Network;
use crate::service::Service;
use crate::witness::Witness;
use torture::usage::Usage;

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) node: PathBuf,
    pub(crate) iot_sub: PathBuf,
}

/// The cluster, the group and the replica set.
pub(crate) struct World {
    pub(crate) random: ChaCha8Rng,
    pub(crate) brokers: Brokers,
    pub(crate) group: Group,
    pub(crate) database: Database,
    pub(crate) witness: Witness,
    pub(crate) network: Network,
}

/// What each part has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usages {
    pub(crate) brokers: Usage,
    pub(crate) members: Usage,
    pub(crate) database: Usage,
    /// This process, in which the publishers run.
    pub(crate) publishers: Usage,
    /// What the whole machine was busy with.
    pub(crate) machine: Duration,
    /// Those of the database.
    pub(crate) fsyncs: i64,
}

impl World {
    /// Starts everything, with so many members.
    pub(crate) fn start(
        random: ChaCha8Rng,
        programs: &Programs,
        (mode, with_witness): (Mode, bool),
        members: usize,
        folder: &Path,
    ) -> Self {
        let mut network = Network::new();
        let database = Database::start(&mut network, folder);
        let brokers = Brokers::start(&mut network, &programs.node, (mode, with_witness), folder);
        let store = database.url();
        let hosts = brokers.addresses().into_iter().map(|(host, _)| host);
        let mut group = Group::new(&programs.iot_sub, folder, store, hosts.collect());
        for _ in 0..members {
            group.join(&mut network);
        }
        let witness = Witness::of(brokers.witness_files());
        Self {
            random,
            brokers,
            group,
            database,
            witness,
            network,
        }
    }

    /// Nothing may have ended by itself.
    pub(crate) fn check(&mut self) {
        self.group.members().iter_mut().for_each(Service::check);
        self.brokers.nodes().iter_mut().for_each(Service::check);
        self.database.servers().iter_mut().for_each(Service::check);
    }

    /// Waits for so many milliseconds.
    pub(crate) fn rest(&mut self, milliseconds: std::ops::Range<u64>) {
        let milliseconds = self.random.random_range(milliseconds);
        sleep(Duration::from_millis(milliseconds));
    }

    /// Waits until the members acknowledge at least `rate` messages a second, over two seconds;
    /// returns how long after `since` these began.
    pub(crate) fn time_to_rate(&mut self, rate: f64, since: Instant) -> Option<Duration> {
        const WINDOW: Duration = Duration::from_secs(2);
        const TIMEOUT: Duration = Duration::from_mins(1);
        // Before, the window would show what was before the fault.
        sleep(WINDOW);
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            self.check();
            if self.witness.evidence().rate(WINDOW) >= rate {
                return Some(since.elapsed().saturating_sub(WINDOW));
            }
            sleep(Duration::from_millis(100));
        }
        None
    }

    /// Waits until what the nodes have received so far is acknowledged. It is in the memory of two
    /// of them only, so it may be lost if both end before.
    pub(crate) fn wait_until_acknowledged(&mut self) {
        const TIMEOUT: Duration = Duration::from_secs(20);
        let end = Instant::now() + TIMEOUT;
        let mut waiting = self.witness.evidence().unacknowledged();
        while !waiting.is_empty() && Instant::now() < end {
            self.check();
            sleep(Duration::from_millis(100));
            let evidence = self.witness.evidence();
            waiting.retain(|key| !evidence.of(*key).acknowledged);
        }
    }

    /// What each part has used so far.
    pub(crate) fn usages(&mut self) -> Usages {
        let sum = |services: &mut [Service]| {
            let usages = services.iter().map(Service::usage);
            usages.fold(Usage::default(), Usage::plus)
        };
        Usages {
            brokers: sum(self.brokers.nodes()),
            members: sum(self.group.members()),
            database: sum(self.database.servers()),
            publishers: Usage::of(std::process::id()).unwrap_or_default(),
            machine: torture::usage::machine(),
            fsyncs: self.database.fsyncs(),
        }
    }
}

impl Usages {
    pub(crate) fn minus(self, earlier: Self) -> Self {
        Self {
            brokers: self.brokers.minus(earlier.brokers),
            members: self.members.minus(earlier.members),
            database: self.database.minus(earlier.database),
            publishers: self.publishers.minus(earlier.publishers),
            machine: self.machine.saturating_sub(earlier.machine),
            fsyncs: self.fsyncs - earlier.fsyncs,
        }
    }
}
