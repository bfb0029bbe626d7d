//! Which threads use the processors: a part that has one busy thread cannot use a second processor.

use std::collections::HashMap;
use std::time::Duration;

use torture::usage::Thread;

use crate::service::Service;
use crate::world::World;

/// The thread of a member that commits.
const COMMITTING: &str = "spooler";

/// The threads of all parts at a moment.
pub(crate) struct Threads {
    brokers: Vec<Thread>,
    members: Vec<Thread>,
    database: Vec<Thread>,
    publishers: Vec<Thread>,
}

/// What the busiest thread of each part has used between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Busiest {
    pub(crate) broker: Duration,
    pub(crate) member: Duration,
    pub(crate) database: Duration,
    pub(crate) publisher: Duration,
    /// All threads of members that commit, together.
    pub(crate) committing: Duration,
}

impl Threads {
    /// Looks at all processes.
    pub(crate) fn now(world: &mut World) -> Self {
        let all = |services: &mut [Service]| services.iter().flat_map(Service::threads).collect();
        Self {
            brokers: all(world.brokers.nodes()),
            members: all(world.group.members()),
            database: all(world.database.servers()),
            publishers: Thread::all(std::process::id()),
        }
    }

    /// What was used since an earlier moment.
    pub(crate) fn since(&self, earlier: &Self) -> Busiest {
        let max = |now, earlier| used(now, earlier).map(|(_, used)| used).max();
        let committing = used(&self.members, &earlier.members);
        Busiest {
            broker: max(&self.brokers, &earlier.brokers).unwrap_or_default(),
            member: max(&self.members, &earlier.members).unwrap_or_default(),
            database: max(&self.database, &earlier.database).unwrap_or_default(),
            publisher: max(&self.publishers, &earlier.publishers).unwrap_or_default(),
            committing: committing
                .filter(|(name, _)| *name == COMMITTING)
                .map(|(_, used)| used)
                .sum(),
        }
    }
}

/// The name of each thread, and what it has used in between.
fn used<'a>(
    now: &'a [Thread],
    earlier: &[Thread],
) -> impl Iterator<Item = (&'a str, Duration)> + use<'a> {
    let earlier: HashMap<_, _> = earlier.iter().map(|it| (it.id, it.processor)).collect();
    now.iter().map(move |thread| {
        let before = earlier.get(&thread.id).copied().unwrap_or_default();
        (&*thread.name, thread.processor.saturating_sub(before))
    })
}
