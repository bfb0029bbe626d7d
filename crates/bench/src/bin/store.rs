//! Measures, in one run, how fast `iot-sub` stores: into SQLite, and into MongoDB through the
//! spool, beside what the driver alone inserts and beside the tutorial's way; how soon it
//! acknowledges a single message; and how much memory it takes. `scripts/bench store` runs it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench::measure::{forget_peak, machine, processor_time, resident_of};
use bench::peer::{Guest, Peer, Run, topic};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc, rawdoc};
use mongodb::options::{Acknowledgment, InsertManyOptions, WriteConcern};
use rusqlite::Connection;
use testkit::Mongo;

/// Unacknowledged messages that an MQTT 5 broker sends to `iot-sub`.
const WINDOW: usize = 2_000;
const MILLION: usize = 1_000_000;
/// Readings into MongoDB, by either way.
const MONGODB: usize = 400_000;
/// The same by the tutorial's way, which is slow.
const TUTORIAL: usize = 10_000;
/// Documents in one insert, and inserts under way: `iot-sub`'s own.
const BATCH: usize = 5_000;
const IN_FLIGHT: usize = 2;
/// Rounds in which the ways to store are compared.
const ROUNDS: usize = 5;
/// Messages one by one, a second apart.
const SINGLE: usize = 8;
/// How long anything may take.
const RUN_TIMEOUT: Duration = Duration::from_mins(5);

fn main() -> Result<()> {
    println!("{}", machine());
    println!(
        "Fed by a bare peer with QoS 1 and a window of {WINDOW}; readings are numbers on 100 topics.\n"
    );
    match std::env::args().nth(1).as_deref() {
        None => {
            sqlite()?;
            mongodb()?;
            collections()?;
            single()?;
            memory()
        }
        Some("sqlite") => sqlite(),
        Some("mongodb") => mongodb(),
        Some("collections") => collections(),
        Some("single") => single(),
        Some("memory") => memory(),
        _ => bail!(
            "arguments: none for everything, or one of sqlite, mongodb, collections, single, memory"
        ),
    }
}

/// `iot-sub` in a process of its own, ended when dropped.
struct Subject {
    child: Child,
    guest: Guest,
    before: Duration,
    _peer: Peer,
}

impl Drop for Subject {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Subject {
    fn start(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name("iot-sub");
        let peer = Peer::listen()?;
        let child = Command::new(&program)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &peer.port()?.to_string(),
                "-q",
                "1",
            ])
            .args(arguments)
            .env("XDG_STATE_HOME", folder)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("stderr"))?)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let mut guest = peer.accept()?;
        guest.accept_subscription()?;
        let before = processor_time(child.id())?;
        Ok(Self {
            child,
            guest,
            before,
            _peer: peer,
        })
    }

    /// Processor time since the subscription, in µs for each of so many readings.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    fn cost(&self, readings: u64) -> Result<f64> {
        let used = processor_time(self.child.id())?.saturating_sub(self.before);
        Ok(used.as_secs_f64() * 1e6 / readings as f64)
    }

    /// Ends it with SIGTERM.
    fn terminate(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "iot-sub: {status}");
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(run: Run) -> f64 {
    run.messages as f64 / run.time.as_secs_f64()
}

fn aim(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn sqlite() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let mut subject = Subject::start(folder.path(), &["--store", &store])?;
    let run = subject.guest.send_count(MILLION, WINDOW)?;
    let cost = subject.cost(run.messages)?;
    subject.terminate()?;
    println!(
        "into SQLite: {:.0} readings/s, {cost:.2} µs of processor time each (aim: 100,000/s, {})",
        rate(run),
        aim(rate(run) >= 100_000.0)
    );

    let connection = Connection::open(&file)?;
    let count: i64 = connection.query_row("SELECT count(*) FROM readings", [], |row| row.get(0))?;
    ensure!(
        u64::try_from(count)? == run.messages,
        "{count} of {} are stored",
        run.messages
    );
    // A second in the middle of one topic.
    let middle: String = connection.query_row(
        "SELECT reg_date FROM sensors WHERE topic = ? LIMIT 1 OFFSET 5000",
        [topic(7)],
        |row| row.get(0),
    )?;
    let mut query = connection.prepare(
        "SELECT value, reg_date FROM sensors WHERE topic = ?1 AND reg_date >= ?2 LIMIT 100",
    )?;
    let mut times = Vec::new();
    for n in 0..100 {
        let start = Instant::now();
        let rows = query.query_map((topic(n), &middle), |_| Ok(()))?.count();
        times.push(start.elapsed());
        ensure!(rows > 0, "no rows");
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!(
        "a query of it by topic and time, 100 rows of {count}: {:.3} ms (aim: 1 ms, {})\n",
        median.as_secs_f64() * 1e3,
        aim(median < Duration::from_millis(1))
    );
    Ok(())
}

/// A database, and what counts in it.
struct Server {
    mongo: Mongo,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start(mongo: Mongo) -> Result<Self> {
        let runtime = tokio::runtime::Runtime::new()?;
        Ok(Self { mongo, runtime })
    }

    fn database(&self) -> Result<mongodb::Database> {
        let client = mongodb::Client::with_uri_str(self.mongo.url());
        Ok(self.runtime.block_on(client)?.database("iot_service"))
    }

    /// Returns the collection's own statistics: a count would slow down what is measured. There are
    /// none before it is made.
    fn statistics(&self, database: &mongodb::Database, collection: &str) -> Result<Document> {
        let command = doc! {"collStats": collection};
        Ok(self
            .runtime
            .block_on(async { database.run_command(command).await })?)
    }

    /// Waits until the collection has so many documents.
    fn wait(&self, collection: &str, count: u64) -> Result<()> {
        let end = Instant::now() + RUN_TIMEOUT;
        let database = self.database()?;
        loop {
            let statistics = self.statistics(&database, collection)?;
            let found = match statistics.get_document("timeseries") {
                Ok(series) => number(series, "numMeasurementsCommitted"),
                Err(_) => number(&statistics, "count"),
            };
            if found >= count {
                return Ok(());
            }
            ensure!(Instant::now() < end, "{found} of {count} are stored");
            sleep(Duration::from_millis(5));
        }
    }

    /// Inserts as the driver does at its best: raw documents, the same batches, as many under way.
    fn driver_alone(&self, count: usize) -> Result<Run> {
        let collection = self.database()?.collection::<RawDocumentBuf>("driver");
        let mut concern = WriteConcern::from(Acknowledgment::Majority);
        concern.journal = Some(true);
        let options = InsertManyOptions::builder()
            .ordered(false)
            .write_concern(concern)
            .build();
        let start = Instant::now();
        self.runtime.block_on(async {
            let mut under_way = tokio::task::JoinSet::new();
            for batch in 0..count / BATCH {
                if under_way.len() == IN_FLIGHT {
                    under_way.join_next().await.context("one is under way")???;
                }
                let documents: Vec<RawDocumentBuf> = (0..BATCH)
                    .map(|n| {
                        rawdoc! {
                            "_id": ObjectId::new(),
                            "topic": topic(n % 100),
                            "value": 20.0 + f64::from(u8::try_from((batch + n) % 250).unwrap_or(0)) / 100.0,
                            "reg_date": DateTime::now(),
                        }
                    })
                    .collect();
                let (collection, options) = (collection.clone(), options.clone());
                under_way.spawn(async move {
                    let inserted = collection.insert_many(documents).with_options(options).await;
                    inserted.map(drop).map_err(anyhow::Error::from)
                });
            }
            while let Some(done) = under_way.join_next().await {
                done??;
            }
            Ok::<_, anyhow::Error>(())
        })?;
        Ok(Run {
            messages: (count / BATCH * BATCH) as u64,
            time: start.elapsed(),
        })
    }

    fn drop_collection(&self, name: &str) -> Result<()> {
        let collection = self.database()?.collection::<Document>(name);
        self.runtime.block_on(async { collection.drop().await })?;
        Ok(())
    }
}

/// Returns a number that the server may give as any kind of one; 0 where there is none.
fn number(document: &Document, name: &str) -> u64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
        Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        Some(Bson::Double(number)) => *number as u64,
        _ => 0,
    }
}

/// The result of one run into MongoDB.
struct Stored {
    run: Run,
    /// Processor time in µs for each reading.
    cost: f64,
    /// Bytes on the server's disk, indexes included.
    space: u64,
}

fn through_the_spool(server: &Server, collection: &str, options: &[&str]) -> Result<Stored> {
    let folder = tempfile::tempdir()?;
    let url = server.mongo.url();
    let mut subject = Subject::start(folder.path(), &[&["--store", &url], options].concat())?;
    let start = Instant::now();
    let sent = subject.guest.send_count(MONGODB, WINDOW)?.messages;
    server.wait(collection, sent)?;
    let run = Run {
        messages: sent,
        time: start.elapsed(),
    };
    let cost = subject.cost(sent)?;
    subject.terminate()?;
    // Otherwise what is only in its memory and its log would not count.
    let admin = server.database()?.client().database("admin");
    server
        .runtime
        .block_on(async { admin.run_command(doc! {"fsync": 1}).await })?;
    let statistics = server.statistics(&server.database()?, collection)?;
    let space = number(&statistics, "storageSize") + number(&statistics, "totalIndexSize");
    server.drop_collection(collection)?;
    Ok(Stored { run, cost, space })
}

/// What an index and a time-series collection cost, beside a plain one.
fn collections() -> Result<()> {
    let server = Server::start(Mongo::start())?;
    let ways: [(&str, &str, &[&str]); 4] = [
        ("a plain collection", "sensors", &[]),
        ("with --index", "sensors", &["--index"]),
        (
            "with --time-series seconds",
            "sensors_ts",
            &["--time-series", "seconds"],
        ),
        (
            "with --time-series seconds --index",
            "sensors_ts",
            &["--time-series", "seconds", "--index"],
        ),
    ];
    // In turn, because the machine may be busy with something else at times.
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for (_, collection, options) in ways {
            round.push(through_the_spool(&server, collection, options)?);
        }
        rounds.push(round);
    }
    for (way, (name, ..)) in ways.iter().enumerate() {
        let ratio = |round: &Vec<Stored>| rate(round[way].run) / rate(round[0].run);
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let bytes = |round: &Vec<Stored>| round[way].space as f64 / round[way].run.messages as f64;
        println!(
            "into MongoDB, {name}: {:.0} readings/s, {:.2} × the plain collection, {:.2} µs of processor time each, {:.1} bytes \
             of disk each (medians; the ratios of all rounds: {:.2?})",
            median(&rounds, |round| rate(round[way].run)),
            median(&rounds, ratio),
            median(&rounds, |round| round[way].cost),
            median(&rounds, bytes),
            rounds.iter().map(ratio).collect::<Vec<_>>(),
        );
    }
    println!();
    Ok(())
}

fn median<T>(of: &[T], value: impl Fn(&T) -> f64) -> f64 {
    let mut values: Vec<f64> = of.iter().map(value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn mongodb() -> Result<()> {
    let server = Server::start(Mongo::start())?;
    // In turn, because the machine may be busy with something else at times.
    let (mut ratios, mut shown) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let alone = server.driver_alone(MONGODB)?;
        server.drop_collection("driver")?;
        let Stored { run, cost, .. } = through_the_spool(&server, "sensors", &[])?;
        ratios.push(rate(run) / rate(alone));
        shown.push((rate(run), cost, rate(alone)));
    }
    let mut order = [0, 1, 2];
    order.sort_unstable_by(|a, b| ratios[*a].total_cmp(&ratios[*b]));
    let (ours, cost, alone) = shown[order[1]];
    let ratio = ratios[order[1]];
    println!("the driver alone, {IN_FLIGHT} batches of {BATCH} under way: {alone:.0} documents/s");
    println!(
        "into MongoDB through the spool: {ours:.0} readings/s, {cost:.2} µs of processor time each: {ratio:.2} × the driver \
         alone (aim: 0.6, {}; all three rounds: {ratios:.2?})",
        aim(ratio >= 0.6)
    );
    let (tutorial, tutorial_cost) = tutorial(&server)?;
    println!(
        "the tutorial's way, insert_one for each message: {tutorial:.0} readings/s, {tutorial_cost:.0} µs each; iot-sub is \
         {:.0} × as fast (aim: 50, {})\n",
        ours / tutorial,
        aim(ours / tutorial >= 50.0)
    );
    Ok(())
}

fn tutorial(server: &Server) -> Result<(f64, f64)> {
    let python = std::env::var_os("BENCH_PYTHON").context("BENCH_PYTHON is not set")?;
    let peer = Peer::listen()?;
    let mut child = Command::new(python)
        // Without the script's folder in its path: another one there is called `paho`.
        .args(["-I", "scripts/peers/tutorial.py"])
        .args([
            peer.port()?.to_string(),
            server.mongo.url(),
            TUTORIAL.to_string(),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the tutorial's program")?;
    let mut guest = peer.accept()?;
    guest.accept_subscription()?;
    let sent = guest.send_count(TUTORIAL, WINDOW);
    let output = child.wait_with_output_or_kill()?;
    // It may have gone before its last acknowledgement was read.
    drop(sent);
    let (time, used) = output.trim().split_once(' ').context("an odd result")?;
    let count = f64::from(u32::try_from(TUTORIAL)?);
    Ok((
        count / time.parse::<f64>()?,
        used.parse::<f64>()? * 1e6 / count,
    ))
}

/// Takes what a program prints, and its end.
trait Output {
    fn wait_with_output_or_kill(&mut self) -> Result<String>;
}

impl Output for Child {
    fn wait_with_output_or_kill(&mut self) -> Result<String> {
        let end = Instant::now() + RUN_TIMEOUT;
        while self.try_wait()?.is_none() {
            if Instant::now() >= end {
                self.kill()?;
                bail!("the tutorial's program does not end");
            }
            sleep(Duration::from_millis(20));
        }
        let mut text = String::new();
        let stdout = self.stdout.as_mut().context("a pipe")?;
        std::io::Read::read_to_string(stdout, &mut text)?;
        Ok(text)
    }
}

/// What one fsync of a page that was written at the end of a file takes here.
fn fsync(folder: &Path) -> Result<Duration> {
    let mut file = File::create(folder.join("fsync"))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        file.write_all(&[7; 4_096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

fn single() -> Result<()> {
    let mongo = Mongo::start();
    for (name, store) in [("SQLite", "sqlite:iot.db"), ("the spool", &mongo.url())] {
        let folder = tempfile::tempdir()?;
        let mut subject = Subject::start(folder.path(), &["--store", store])?;
        let (mut times, mut limits) = (Vec::new(), Vec::new());
        for _ in 0..SINGLE {
            sleep(Duration::from_secs(1));
            times.push(subject.guest.send_one()?);
            limits.push(fsync(folder.path())?);
        }
        times.sort_unstable();
        limits.sort_unstable();
        let (time, fsync) = (times[SINGLE / 2], limits[SINGLE / 2]);
        let limit = 2 * fsync + Duration::from_millis(1);
        println!(
            "one message a second, from publish to PUBACK with {name}: {:.2} ms, an fsync {:.2} ms (aim: two and 1 ms, {:.2} ms, {})",
            time.as_secs_f64() * 1e3,
            fsync.as_secs_f64() * 1e3,
            limit.as_secs_f64() * 1e3,
            aim(time <= limit)
        );
        subject.terminate()?;
    }
    println!();
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn memory() -> Result<()> {
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir()?;
    let mut subject = Subject::start(folder.path(), &["--store", &mongo.url()])?;
    let pid = subject.child.id();
    sleep(Duration::from_secs(1));
    let (rest, _) = resident_of(pid)?;
    let show = |what: &str, bytes: u64, limit: f64| {
        let megabytes = megabytes(bytes);
        println!(
            "memory {what}: {megabytes:.1} MB (aim: {limit} MB, {})",
            aim(megabytes < limit)
        );
    };
    show("at rest", rest, 20.0);
    let run = subject.guest.send_count(MILLION, WINDOW)?;
    let cost = subject.cost(run.messages)?;
    let (_, most) = resident_of(pid)?;
    println!(
        "into the spool alone: {:.0} readings/s, {cost:.2} µs of processor time each",
        rate(run)
    );
    show("while a million readings go into the spool", most, 64.0);
    let (waiting, _) = resident_of(pid)?;
    show("with a million readings in the spool", waiting, 64.0);
    forget_peak(pid)?;
    mongo.start_again();
    let server = Server::start(mongo)?;
    let start = Instant::now();
    server.wait("sensors", run.messages)?;
    let (_, most) = resident_of(pid)?;
    show("while they drain into MongoDB", most, 64.0);
    println!(
        "drained at {:.0} readings/s (from when mongod was there, the wait for the next attempt included)",
        rate(Run {
            time: start.elapsed(),
            ..run
        })
    );
    subject.terminate()
}
