//! What runs for hours: mosquitto, mongod and `iot-sub`, with networks between them that can fail.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use tempfile::TempDir;
use testkit::{Broker, FaultyNet, Mongo, Program, Running};
use torture::shape::TOPICS;
use torture::usage::Holding;

use crate::samples::Curve;

/// Room for the indexes of ten million readings: with the small cache of tests, mongod gets slower
/// as the store grows, and what is measured is its disk.
const MONGOD_CACHE: &str = "cache_size=2G";

/// The topic of the messages whose latency is measured.
pub(crate) const PROBE_TOPIC: &str = "iot/probe";

const fn curve(topic: &'static str, unit: &'static str, may_rise: bool) -> Curve {
    Curve {
        topic,
        unit,
        may_rise,
    }
}

pub(crate) const MEMORY: Curve = curve("soak/iot-sub/memory", "MiB", false);
pub(crate) const DESCRIPTORS: Curve = curve("soak/iot-sub/descriptors", "files", false);
pub(crate) const SPOOL: Curve = curve("soak/spool/size", "MiB", false);
pub(crate) const LATENCY: Curve = curve("soak/latency", "ms", false);
pub(crate) const BYTES: Curve = curve("soak/store/message", "B", false);
pub(crate) const STORE: Curve = curve("soak/store/size", "GiB", true);
pub(crate) const RATE: Curve = curve("soak/rate", "1/s", true);

/// All of them.
pub(crate) const CURVES: [Curve; 7] = [MEMORY, DESCRIPTORS, SPOOL, LATENCY, BYTES, STORE, RATE];

/// Everything that runs.
pub(crate) struct World {
    pub(crate) broker: Broker,
    to_broker: FaultyNet,
    mongo: Mongo,
    to_mongo: FaultyNet,
    subject: Running,
    folder: TempDir,
    runtime: tokio::runtime::Runtime,
    database: mongodb::Database,
    latest: Option<(Instant, u64)>,
}

/// What strikes. `iot-sub` itself is not restarted: its memory is what is watched.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    CutBroker,
    FreezeBroker,
    CutStore,
    FreezeStore,
    KillStore,
    FreezeSubject,
}

const FAULTS: [Fault; 6] = [
    Fault::CutBroker,
    Fault::FreezeBroker,
    Fault::CutStore,
    Fault::FreezeStore,
    Fault::KillStore,
    Fault::FreezeSubject,
];

impl World {
    pub(crate) fn start(program: &Path) -> Self {
        let broker = Broker::builder()
            .persistent()
            .config("max_queued_messages 0")
            .config("log_type error")
            .start();
        let mongo = Mongo::builder()
            .args(["--wiredTigerEngineConfigString", MONGOD_CACHE])
            .start();
        let (to_broker, to_mongo) = (FaultyNet::to(broker.port()), FaultyNet::to(mongo.port()));
        let folder = TempDir::new().expect("a temporary folder");
        let spool = folder.path().join("spool").display().to_string();
        let (port, store) = (
            to_broker.port().to_string(),
            format!("mongodb://127.0.0.1:{}", to_mongo.port()),
        );
        let subject = Program::new(program)
            .args(["-p", &port, "--store", &store, "--spool", &spool, "-k", "5"])
            .args([
                "--durable",
                "-i",
                "soak",
                "--id-key",
                "/n",
                "--index",
                "-N",
                "-F",
                "",
            ])
            .spawn();
        subject.wait_for_stderr("Connected with result code 0");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let client = runtime.block_on(mongodb::Client::with_uri_str(mongo.url()));
        let database = client.expect("a client").database("iot_service");
        Self {
            broker,
            to_broker,
            mongo,
            to_mongo,
            subject,
            folder,
            runtime,
            database,
            latest: None,
        }
    }

    /// It must not have ended by itself.
    pub(crate) fn check(&mut self) {
        let is_running = self.subject.is_running();
        assert!(is_running, "iot-sub ended:\n{}", self.subject.stderr());
    }

    /// Measures everything; `sent` is how many messages were published, `latency` the latest one.
    pub(crate) fn measure(&mut self, sent: u64, latency: Option<Duration>) -> Vec<(Curve, f64)> {
        let mut values = Vec::new();
        if let Some(holding) = Holding::of(self.subject.id()) {
            values.push((MEMORY, mebibytes(holding.memory)));
            values.push((DESCRIPTORS, number(holding.descriptors)));
        }
        values.push((SPOOL, mebibytes(self.spool_bytes())));
        if let Some(latency) = latency {
            values.push((LATENCY, latency.as_secs_f64() * 1e3));
        }
        if let Some(bytes) = self.store_bytes() {
            // A unit of its own, for a plot of its own: it is far more than the memory.
            values.push((STORE, mebibytes(bytes) / 1024.0));
            values.push((BYTES, number(bytes) / number(sent.max(1))));
        }
        let now = Instant::now();
        if let Some((before, count)) = self.latest {
            let rate = number(sent - count) / (now - before).as_secs_f64();
            values.push((RATE, rate));
        }
        self.latest = Some((now, sent));
        values
    }

    fn spool_bytes(&self) -> u64 {
        let size = |ending: &str| {
            let path: PathBuf = self.folder.path().join(format!("spool{ending}"));
            path.metadata().map_or(0, |metadata| metadata.len())
        };
        size("") + size("-wal")
    }

    /// The size of data and indexes; `None` if it does not answer.
    fn store_bytes(&self) -> Option<u64> {
        let statistics = self.command(doc! {"collStats": "sensors"})?;
        let field = |name: &str| {
            let value = statistics.get(name)?;
            let number = value.as_i64().or_else(|| value.as_i32().map(i64::from));
            number.and_then(|number| u64::try_from(number).ok())
        };
        Some(field("storageSize")? + field("totalIndexSize")?)
    }

    /// Asks the database, past the faulty network; `None` if it does not answer at once.
    pub(crate) fn command(&self, command: Document) -> Option<Document> {
        let database = self.database.clone();
        self.runtime.block_on(async {
            let asking = tokio::spawn(async move { database.run_command(command).await });
            let reply = tokio::time::timeout(Duration::from_millis(500), asking).await;
            reply.ok()?.ok()?.ok()
        })
    }

    /// The number of the latest message on this topic; `None` if there is none, or no answer. It
    /// reads one entry of an index.
    pub(crate) fn latest(&self, topic: &str) -> Option<i64> {
        let reply = self.command(doc! {
            "find": "sensors",
            "filter": {"topic": topic},
            "sort": {"topic": -1, "reg_date": -1},
            "limit": 1,
        })?;
        let cursor = reply.get_document("cursor").ok()?;
        let batch = cursor.get_array("firstBatch").ok()?;
        let latest = batch.first()?.as_document()?;
        let number = latest.get_document("value").ok()?.get("n")?;
        number.as_i64().or_else(|| number.as_i32().map(i64::from))
    }

    /// How many of these topics have a last message that is not stored yet.
    pub(crate) fn behind(&self, last: &[(String, usize)]) -> usize {
        let is_behind = |(topic, number): &&(String, usize)| {
            let latest = self.latest(topic);
            latest.is_none_or(|latest| usize::try_from(latest).is_ok_and(|it| it < *number))
        };
        last.iter().filter(is_behind).count()
    }

    /// How many different numbered messages are stored, by topic and remainder: topic, remainder,
    /// count, least and greatest number.
    pub(crate) fn tally(&self) -> Vec<Document> {
        let pipeline = [
            doc! {"$match": {"topic": {"$ne": PROBE_TOPIC}}},
            doc! {"$group": {
                "_id": {"topic": "$topic", "rest": {"$mod": ["$value.n", i64::try_from(TOPICS).expect("small")]}},
                "count": {"$sum": 1},
                "least": {"$min": "$value.n"},
                "greatest": {"$max": "$value.n"},
            }},
        ];
        self.runtime.block_on(async {
            let collection = self.database.collection::<Document>("sensors");
            let mut cursor = collection.aggregate(pipeline).await.expect("a cursor");
            let mut groups = Vec::new();
            while cursor.advance().await.expect("the next group") {
                groups.push(cursor.deserialize_current().expect("a document"));
            }
            groups
        })
    }

    /// Lets one fault happen. Returns once it is over.
    pub(crate) fn strike(&mut self, random: &mut ChaCha8Rng) -> Fault {
        let fault = FAULTS[random.random_range(0..FAULTS.len())];
        let pause = Duration::from_millis(random.random_range(500..4_000));
        match fault {
            Fault::CutBroker => self.to_broker.cut(),
            Fault::FreezeBroker => {
                self.to_broker.freeze();
                sleep(pause);
                self.to_broker.thaw();
            }
            Fault::CutStore => self.to_mongo.cut(),
            Fault::FreezeStore => {
                self.mongo.freeze();
                sleep(pause);
                self.mongo.thaw();
            }
            Fault::KillStore => {
                self.mongo.kill();
                sleep(pause);
                self.mongo.start_again();
            }
            Fault::FreezeSubject => {
                self.subject.freeze();
                sleep(pause);
                self.subject.thaw();
            }
        }
        fault
    }

    /// Ends `iot-sub`, which must have delivered everything.
    pub(crate) fn end(&mut self) {
        self.subject.terminate();
        let status = self.subject.wait();
        let stderr = self.subject.stderr();
        let last = stderr.lines().last().unwrap_or_default();
        assert!(status.success(), "iot-sub: {status}\n{stderr}");
        assert!(
            last.contains("rejected 0") && last.contains("spooled 0"),
            "{last}"
        );
        println!("{last}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
fn number(count: u64) -> f64 {
    count as f64
}

fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / f64::from(1 << 20)
}
