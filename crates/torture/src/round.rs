//! One round: starts new servers and programs, strikes one fault after the other, drains, and
//! counts.

use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use tempfile::TempDir;
use testkit::{Broker, FaultyNet, Mongo, MongoSet};

use crate::broker_log::{self, LogSummary};
use crate::fault::Fault;
use crate::publisher::Publishers;
use crate::report::{Numbers, Outcome};
use crate::round_kind::Kind;
use crate::small_disk::SmallDisk;
use crate::subject::{Binary, Subject};
use crate::world::{Database, World};
use torture::ledger::{Held, Ledger};
use torture::message::qos;

/// Readings a second of each publisher.
const RATE: u32 = 250;
/// How long everything may take to drain.
const DRAIN: Duration = Duration::from_mins(3);
/// Faults of a short round, in addition to those of every round.
const SHORT: usize = 5;

/// One round, before it begins.
pub(crate) struct Round {
    seed: u64,
    kind: &'static Kind,
    faults: Vec<Fault>,
    world: World,
    folder: TempDir,
}

impl Round {
    /// Starts what the round needs. Below `mounted`, if given, is a small file system for every
    /// other round.
    pub(crate) fn new(seed: u64, short: bool, binary: &Binary, mounted: Option<&Path>) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let kind = Kind::of(seed);
        let database = if kind.into_set {
            Database::Set(MongoSet::start())
        } else {
            let mongo = Mongo::start();
            let net = FaultyNet::to(mongo.port());
            Database::Alone(mongo, net)
        };
        let small_disk = mounted.filter(|_| seed.is_multiple_of(2));
        let small_disk = small_disk.map(SmallDisk::on);
        let mut faults = Fault::all(kind, small_disk.is_some());
        faults.shuffle(&mut random);
        if short {
            let always = Fault::always(kind, small_disk.is_some());
            faults.retain(|fault| !always.contains(fault));
            faults.truncate(SHORT);
            faults.extend(always);
            faults.shuffle(&mut random);
        }
        // At a random moment, so sometimes with many messages queued.
        faults.push(Fault::KillSubject);
        let mut broker = Broker::builder()
            .persistent()
            .config("max_queued_messages 0");
        if kind.broker_dies {
            // A killed broker then returns to its state of seconds before, not to that of its
            // start.
            broker = broker.config("autosave_interval 2");
        }
        let broker = broker.start();
        let to_broker = FaultyNet::to(broker.port());
        let folder = TempDir::new().expect("a temporary folder");
        let port = to_broker.port().to_string();
        let url = database.url();
        let mut arguments = vec!["-p", &port, "--store", &url, "-q", "2"];
        arguments.extend(["-i", broker_log::SUBJECT, "-k", "5"]);
        arguments.extend(kind.arguments);
        let arguments = arguments.into_iter().map(String::from).collect();
        let world = World {
            random,
            subject: Subject::new(binary, arguments, small_disk, folder.path()),
            to_broker,
            broker,
            database,
        };
        Self {
            seed,
            kind,
            faults,
            world,
            folder,
        }
    }

    /// Runs it.
    ///
    /// # Panics
    /// A reading is missing, changed, invented, or stored more often than was promised; or the
    /// round proved nothing.
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
        for folder in [
            self.folder.path(),
            &self.world.subject.state().join("iot-sub"),
        ] {
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
        let kind = self.kind;
        let world = &mut self.world;
        let mut numbers = Numbers::default();
        world.subject.start(None);
        world
            .broker
            .wait_for_log("Sending SUBACK", Duration::from_secs(30));
        let publishers = Publishers::start(world.broker.port(), RATE, kind.shape);
        for fault in &self.faults {
            world.rest(200..1_500);
            world.subject.check();
            fault.strike(world);
            *numbers.faults.entry(fault.name()).or_default() += 1;
        }
        let sent = publishers.finish();
        numbers.sent = sent.iter().map(|count| *count as u64).sum();

        let ledger = Ledger::of(&world.database.direct_url(), kind.shape);
        drain(world, &ledger, &sent, kind);
        let totals = world.subject.terminate();
        assert!(totals.contains("spooled 0"), "{totals}");
        let logged = broker_log::read(&world.broker.log());
        let held = ledger.read(&sent);
        assert_eq!(ledger.rejected(), 0, "readings were rejected");
        numbers.stored_again = [0, 1, 2].map(|with| held.again(with));
        numbers.sent_again = logged.sent_again;
        numbers.published_again = logged.published_again;
        numbers.runs = world.subject.runs;
        numbers.found = world.subject.found;
        numbers.acknowledged = logged.acknowledged.len() as u64;
        numbers.forgotten = numbers.sent - held.different() as u64;
        judge(kind, &numbers, &held, &sent, &logged);
        Outcome {
            seed: self.seed,
            kind: kind.name,
            time: start.elapsed(),
            numbers,
        }
    }
}

/// Waits until the store has every reading that it should have.
fn drain(world: &mut World, ledger: &Ledger, sent: &[usize], kind: &Kind) {
    let end = Instant::now() + DRAIN;
    let mut before = (0, 0);
    loop {
        world.subject.check();
        let count = ledger.count();
        let expected = sent.iter().sum::<usize>() * kind.shape.readings();
        if count >= expected as u64 && ledger.read(sent).missing(sent).is_empty() {
            return;
        }
        // What a killed broker has forgotten never comes: there, all has come once nothing more
        // does.
        let sent_on = format!("Sending PUBLISH to {}", broker_log::SUBJECT);
        let now = (count, world.broker.log().matches(&sent_on).count());
        if kind.broker_dies && now == before {
            return;
        }
        before = now;
        assert!(
            Instant::now() < end,
            "after {DRAIN:?} these are missing: {:?}",
            ledger.read(sent).missing(sent)
        );
        sleep(if kind.broker_dies {
            // Longer than the pause before a connection or an attempt to deliver.
            Duration::from_secs(6)
        } else {
            Duration::from_millis(300)
        });
    }
}

fn judge(kind: &Kind, numbers: &Numbers, held: &Held, sent: &[usize], logged: &LogSummary) {
    if !kind.broker_dies {
        assert_eq!(held.missing(sent), []);
    }
    assert_eq!(
        held.uneven(),
        [],
        "a part of a message is stored more often than another"
    );
    assert!(!logged.acknowledged.is_empty());
    let lost = logged.acknowledged.iter().filter(|key| !held.has(**key));
    let lost: Vec<_> = lost.collect();
    assert!(
        lost.is_empty(),
        "acknowledged by iot-sub, and not stored: {lost:?}"
    );
    for (key, count) in held.counts() {
        let sent = logged.sent.get(&key);
        let (times, runs) = sent.map_or((0, 0), |sent| (sent.times, sent.runs));
        let most = kind.most(qos(key.0), times, runs);
        assert!(
            count <= most,
            "{key:?} is stored {count} times, {most} may be: it was sent {times} times in {runs} runs of the broker"
        );
    }
    let again: u64 = numbers.sent_again.iter().sum();
    assert!(again > 0, "nothing was ever sent again: nothing is proven");
    assert!(
        numbers.found > 0,
        "nothing was ever in the spool at a start: nothing is proven"
    );
}
