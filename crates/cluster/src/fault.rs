//! What happens to members, broker nodes and the replica set.

use std::thread::sleep;
use std::time::Duration;

use rand::RngExt;

use crate::service::Service;
use crate::world::World;

/// The end of a member's absence, in which the others' rate is measured.
const AWAY_WINDOW: Duration = Duration::from_secs(1);
/// How long the database is frozen before a member leaves: less than an election takes.
const SPOOLING: Duration = Duration::from_secs(1);

/// What happens to one machine, and ends again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// `kill -9`, and a start some seconds later.
    Kill,
    /// SIGSTOP for some seconds.
    Freeze,
    /// No packet passes for some seconds.
    Cut,
}

/// What strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// One of the members.
    Member(Harm),
    /// One of the broker nodes.
    Node(Harm),
    /// The primary of the replica set.
    Primary(Harm),
    /// Everything is ended with SIGTERM and started again, one after the other.
    RollingRestart,
    /// A new member comes.
    Join,
    /// A member leaves for good.
    Leave,
}

const HARMS: [Harm; 3] = [Harm::Kill, Harm::Freeze, Harm::Cut];

impl Fault {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::RollingRestart, Self::Join, Self::Leave];
        for harm in HARMS {
            all.extend([Self::Member(harm), Self::Node(harm), Self::Primary(harm)]);
        }
        all
    }

    /// Its name for the report.
    pub(crate) fn name(self) -> String {
        let harm = |harm| match harm {
            Harm::Kill => "kill -9 of",
            Harm::Freeze => "SIGSTOP of",
            Harm::Cut => "network cut of",
        };
        match self {
            Self::Member(it) => format!("{} a member", harm(it)),
            Self::Node(it) => format!("{} a broker node", harm(it)),
            Self::Primary(it) => format!("{} the primary", harm(it)),
            Self::RollingRestart => "rolling restart of everything".into(),
            Self::Join => "a member joins".into(),
            Self::Leave => "a member leaves for good".into(),
        }
    }

    /// Reads what `--only` names.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let all = Self::all();
        let found = all.iter().find(|fault| fault.option() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|fault| fault.option()).collect();
            format!("one of: {}", names.join(", "))
        })
    }

    /// Its name for the command line.
    pub(crate) fn option(self) -> String {
        let harm = |harm| format!("{harm:?}").to_lowercase();
        match self {
            Self::Member(it) => format!("{}-member", harm(it)),
            Self::Node(it) => format!("{}-node", harm(it)),
            Self::Primary(it) => format!("{}-primary", harm(it)),
            Self::RollingRestart => "rolling-restart".into(),
            Self::Join => "join".into(),
            Self::Leave => "leave".into(),
        }
    }

    /// Whether a broker node ends.
    pub(crate) fn ends_a_node(self) -> bool {
        matches!(self, Self::Node(Harm::Kill) | Self::RollingRestart)
    }

    /// Lets it happen. Returns once it is over.
    pub(crate) fn strike(self, world: &mut World) {
        let seconds = world.random.random_range(2_000..7_000);
        let pause = Duration::from_millis(seconds);
        match self {
            Self::Member(harm) => strike_member(world, harm, pause),
            Self::Node(harm) => {
                let which = world.random.random_range(0..world.brokers.len());
                harm.strike(world.brokers.node(which), pause);
                if harm == Harm::Kill {
                    world.brokers.wait_until_ready(which);
                }
            }
            Self::Primary(harm) => {
                let which = world.database.primary();
                harm.strike(world.database.server(which), pause);
                world.database.wait_until_whole();
            }
            Self::RollingRestart => rolling_restart(world),
            Self::Join => world.group.join(&mut world.network),
            Self::Leave => leave(world),
        }
    }
}

impl Harm {
    fn strike(self, victim: &mut Service, pause: Duration) {
        self.begin(victim);
        sleep(pause);
        self.end(victim);
    }

    fn begin(self, victim: &mut Service) {
        match self {
            Self::Kill => victim.kill(),
            Self::Freeze => victim.freeze(),
            Self::Cut => victim.machine.cut(),
        }
    }

    fn end(self, victim: &mut Service) {
        match self {
            Self::Kill => victim.start(),
            Self::Freeze => victim.thaw(),
            Self::Cut => victim.machine.heal(),
        }
    }
}

/// A member is away for a while. Prints how much the others do meanwhile: if the broker keeps the
/// share of the one that is away, less than all.
fn strike_member(world: &mut World, harm: Harm, pause: Duration) {
    let which = world.random.random_range(0..world.group.len());
    harm.begin(world.group.member(which));
    sleep(pause);
    let rate = world.witness.evidence().rate(AWAY_WINDOW);
    println!("  while a member was away: {rate:.0} messages/s");
    harm.end(world.group.member(which));
}

/// A member is killed and does not come back. The database is frozen before, so that the member
/// leaves messages in its spool.
fn leave(world: &mut World) {
    let primary = world.database.primary();
    world.database.server(primary).freeze();
    sleep(SPOOLING);
    let which = world.random.random_range(0..world.group.len());
    let member = world.group.take_out(which);
    world.database.server(primary).thaw();
    let found = world.group.leave(member, &world.witness);
    println!("  the member that left had {found} messages in its spool");
}

fn rolling_restart(world: &mut World) {
    world.group.restart();
    for which in 0..world.database.servers().len() {
        world.database.shut_down(which);
        world.database.server(which).start();
        world.database.wait_until_whole();
    }
    for which in 0..world.brokers.len() {
        world.brokers.node(which).terminate();
        // Until the others have elected another leader, they would send this node to itself.
        world.rest(4_000..5_000);
        world.brokers.node(which).start();
        world.brokers.wait_until_ready(which);
        world.rest(1_000..2_000);
    }
}
