//! One round: everything is new, the faults strike one after the other, and in the end everything drains and is counted.

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use testkit::{Broker, FaultyNet, Mongo, MongoSet};

use crate::fault::Fault;
use crate::ledger::{Held, Ledger};
use crate::log;
use crate::publisher::Publishers;
use crate::report::{Numbers, Outcome};
use crate::subject::{Binary, Subject};

/// Readings a second of each publisher.
const RATE: u32 = 250;
/// How long everything may take to drain.
const DRAIN: Duration = Duration::from_mins(3);
/// Faults of a short round.
const SHORT: usize = 9;

/// How many kinds of rounds there are.
pub(crate) const MODES: u64 = 5;

/// How `iot-sub` is run, and what is promised then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// QoS 2 is stored once, QoS 1 again where it was sent again.
    V311,
    /// The same with MQTT 5, and a receive maximum of 2,000.
    V5,
    /// As with a single server.
    Set,
    /// Each reading is stored once, for its payload says which it is.
    Keyed,
    /// The broker is killed too, and loses what it acknowledged to the publishers.
    Lossy,
}

impl Mode {
    fn of(seed: u64) -> Self {
        match seed % MODES {
            0 => Self::V311,
            1 => Self::V5,
            2 => Self::Set,
            3 => Self::Keyed,
            _ => Self::Lossy,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::V311 => "MQTT 3.1.1",
            Self::V5 => "MQTT 5",
            Self::Set => "MQTT 5, into a replica set",
            Self::Keyed => "MQTT 3.1.1, with --id-key",
            Self::Lossy => "MQTT 3.1.1, with a broker that is killed",
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::V311 | Self::Lossy => &["-c"],
            Self::V5 | Self::Set => &["-c", "-V", "5"],
            Self::Keyed => &["-c", "--id-key", "/n"],
        }
    }

    /// How many readings with this QoS may be stored once more.
    fn most_again(self, with: usize, numbers: &Numbers) -> u64 {
        match self {
            // What it had acknowledged is counted apart.
            Self::Lossy => u64::MAX,
            Self::Keyed => 0,
            Self::V311 | Self::V5 | Self::Set if with == 2 => 0,
            Self::V311 | Self::V5 | Self::Set => numbers.sent_again[1] + numbers.published_again[1],
        }
    }
}

/// What the faults strike.
pub(crate) struct World {
    pub(crate) random: ChaCha8Rng,
    pub(crate) subject: Subject,
    pub(crate) to_broker: FaultyNet,
    pub(crate) broker: Broker,
    pub(crate) database: Database,
}

/// Where the readings go.
pub(crate) enum Database {
    /// A single server, behind a network that can fail.
    Alone(Mongo, FaultyNet),
    /// A replica set, whose members are called by their own addresses.
    Set(MongoSet),
}

impl Database {
    /// The URL for `iot-sub`.
    fn url(&self) -> String {
        match self {
            Self::Alone(_, net) => format!("mongodb://127.0.0.1:{}", net.port()),
            Self::Set(set) => set.url(),
        }
    }

    /// The URL past any faulty network.
    fn direct_url(&self) -> String {
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
}

/// One round, before it begins.
pub(crate) struct Round {
    seed: u64,
    mode: Mode,
    faults: Vec<Fault>,
    world: World,
    folder: TempDir,
}

impl Round {
    /// Starts what the round needs.
    pub(crate) fn new(seed: u64, short: bool, binary: &Binary) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mode = Mode::of(seed);
        let database = if mode == Mode::Set {
            Database::Set(MongoSet::start())
        } else {
            let mongo = Mongo::start();
            let net = FaultyNet::to(mongo.port());
            Database::Alone(mongo, net)
        };
        let mut faults = Fault::all(&database);
        if mode == Mode::Lossy {
            faults.extend([Fault::KillBroker; 3]);
        }
        faults.shuffle(&mut random);
        if short {
            faults.truncate(SHORT);
            faults.push(Fault::KillSubject);
            if mode == Mode::Lossy {
                faults.push(Fault::KillBroker);
            }
        }
        let broker = Broker::builder()
            .persistent()
            .config("max_queued_messages 0")
            .start();
        let to_broker = FaultyNet::to(broker.port());
        let folder = TempDir::new().expect("a temporary folder");
        let mut arguments: Vec<String> = [
            "-p",
            &to_broker.port().to_string(),
            "--store",
            &database.url(),
            "-q",
            "2",
            "-i",
            log::SUBJECT,
            "-k",
            "5",
        ]
        .map(String::from)
        .into();
        arguments.extend(
            mode.arguments()
                .iter()
                .map(|argument| String::from(*argument)),
        );
        let world = World {
            random,
            subject: Subject::new(binary, arguments, folder.path()),
            to_broker,
            broker,
            database,
        };
        Self {
            seed,
            mode,
            faults,
            world,
            folder,
        }
    }

    /// Runs it.
    ///
    /// # Panics
    /// A reading is missing, changed, invented, or stored more often than was promised; or the round proved nothing.
    pub(crate) fn run(mut self) -> Outcome {
        match panic::catch_unwind(AssertUnwindSafe(|| self.go())) {
            Ok(outcome) => outcome,
            Err(panic) => {
                match self.keep() {
                    Ok(kept) => eprintln!("torture: spool and logs are kept in {}", kept.display()),
                    Err(error) => eprintln!("torture: cannot keep spool and logs: {error}"),
                }
                panic::resume_unwind(panic)
            }
        }
    }

    /// Keeps the files of a round that has failed.
    fn keep(&self) -> io::Result<PathBuf> {
        let kept = std::env::temp_dir().join(format!("torture-{}", self.seed));
        fs::create_dir_all(&kept)?;
        // Below the state directory the program has one of its own.
        for folder in [self.folder.path(), &self.folder.path().join("iot-sub")] {
            for file in fs::read_dir(folder)? {
                let file = file?;
                if file.file_type()?.is_file() {
                    fs::copy(file.path(), kept.join(file.file_name()))?;
                }
            }
        }
        fs::write(kept.join("mosquitto.log"), self.world.broker.log())?;
        if let Database::Alone(mongo, _) = &self.world.database {
            fs::write(kept.join("mongod.log"), mongo.log())?;
        }
        Ok(kept)
    }

    fn go(&mut self) -> Outcome {
        let start = Instant::now();
        let mode = self.mode;
        let world = &mut self.world;
        let mut numbers = Numbers::default();
        world.subject.start(None);
        world
            .broker
            .wait_for_log("Sending SUBACK", Duration::from_secs(30));
        let publishers = Publishers::start(world.broker.port(), RATE, mode == Mode::Lossy);
        for fault in &self.faults {
            world.rest(200..1_500);
            world.subject.check();
            let name = fault.strike(world);
            *numbers.faults.entry(name).or_default() += 1;
        }
        let sent = publishers.finish();
        numbers.sent = sent.iter().map(|count| *count as u64).sum();

        let ledger = Ledger::of(&world.database.direct_url());
        drain(world, &ledger, &sent, mode);
        let totals = world.subject.terminate();
        assert!(totals.contains("spooled 0"), "{totals}");
        let told = log::read(&world.broker.log());
        let held = ledger.read(&sent);
        assert_eq!(ledger.rejected(), 0, "readings were rejected");
        numbers.stored_again = [0, 1, 2].map(|with| held.again(with));
        numbers.sent_again = told.sent_again;
        numbers.published_again = told.published_again;
        numbers.lives = world.subject.lives;
        numbers.found = world.subject.found;
        numbers.forgotten = numbers.sent - held.len() as u64;
        judge(mode, &numbers, &held, &sent, &told);
        Outcome {
            seed: self.seed,
            mode: mode.name(),
            time: start.elapsed(),
            numbers,
        }
    }
}

/// Waits until the store has all it should have.
fn drain(world: &mut World, ledger: &Ledger, sent: &[usize], mode: Mode) {
    let end = Instant::now() + DRAIN;
    let mut before = (0, 0);
    loop {
        world.subject.check();
        let count = ledger.count();
        let expected: usize = sent.iter().sum();
        if count >= expected as u64 && ledger.read(sent).missing(sent).is_empty() {
            return;
        }
        // What a killed broker has forgotten never comes: there, all has come once nothing more does.
        let sent_on = format!("Sending PUBLISH to {}", log::SUBJECT);
        let now = (count, world.broker.log().matches(&sent_on).count());
        if mode == Mode::Lossy && now == before {
            return;
        }
        before = now;
        assert!(
            Instant::now() < end,
            "after {DRAIN:?} these are missing: {:?}",
            ledger.read(sent).missing(sent)
        );
        sleep(if mode == Mode::Lossy {
            // Longer than the pause before a connection or an attempt to deliver.
            Duration::from_secs(6)
        } else {
            Duration::from_millis(300)
        });
    }
}

fn judge(mode: Mode, numbers: &Numbers, held: &Held, sent: &[usize], told: &log::Told) {
    if mode == Mode::Lossy {
        for topic in &told.acknowledged {
            // iot/q1/PUBLISHER/NUMBER
            let mut levels = topic.split('/').skip(2).flat_map(str::parse);
            let (Some(publisher), Some(number)) = (levels.next(), levels.next()) else {
                continue;
            };
            assert!(
                held.has(publisher, number),
                "number {number} of publisher {publisher} was acknowledged, and is not stored"
            );
        }
        assert!(!told.acknowledged.is_empty());
    } else {
        assert_eq!(held.missing(sent), []);
        for with in [1, 2] {
            let most = mode.most_again(with, numbers);
            let again = numbers.stored_again[with];
            assert!(
                again <= most,
                "{again} of QoS {with} are stored again, {most} may be"
            );
        }
    }
    let again: u64 = numbers.sent_again.iter().sum();
    assert!(again > 0, "nothing was ever sent again: nothing is proven");
    assert!(
        numbers.found > 0,
        "nothing was ever in the spool at a start: nothing is proven"
    );
}
