//! Rounds with `iot-sub --embedded`: bursts at full speed, while the process is killed or ended,
//! its store locked and its disk filled. Every acknowledged reading is in the file after each end.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use iot_core::{Client, ClientConfig, MessageInfo};
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::{FaultyDisk, Program, Running};

use crate::report::{Numbers, Outcome};
use crate::subject::Binary;

/// Publishers; the first half publishes with QoS 1, the others with QoS 2.
const PUBLISHERS: usize = 4;
/// Messages in flight of each.
const WINDOW: u16 = 1_000;
/// How long the broker may take to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_mins(3);

/// What happens to the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Terminate,
    Lock,
    LockAndKill,
    LockAndTerminate,
    FillDisk,
    FillDiskAndKill,
    FillDiskAndTerminate,
}

const FAULTS: [Fault; 8] = [
    Fault::Kill,
    Fault::Terminate,
    Fault::Lock,
    Fault::LockAndKill,
    Fault::LockAndTerminate,
    Fault::FillDisk,
    Fault::FillDiskAndKill,
    Fault::FillDiskAndTerminate,
];

/// The process and its files.
struct Subject {
    program: PathBuf,
    folder: TempDir,
    disk: FaultyDisk,
    running: Option<Running>,
    address: String,
    runs: u64,
}

impl Subject {
    fn new(binary: &Binary) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let disk = FaultyDisk::at(folder.path());
        let mut subject = Self {
            program: binary.path().to_owned(),
            folder,
            disk,
            running: None,
            address: "127.0.0.1:0".to_owned(),
            runs: 0,
        };
        subject.start();
        subject
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("iot.db")
    }

    /// Starts it; from the second time on, on the same port.
    fn start(&mut self) {
        let store = format!("sqlite:{}", self.store().display());
        let program = Program::new(&self.program).args(["--embedded", "--listen", &self.address]);
        let program = program.args(["--store", &store, "-N", "-F", ""]);
        let running = self.disk.under(program).spawn();
        let line = running.wait_for_stderr("broker listens on ");
        let address = line.rsplit_once(' ').expect("an address").1;
        address.clone_into(&mut self.address);
        self.running = Some(running);
        self.runs += 1;
    }

    fn port(&self) -> u16 {
        let port = self.address.rsplit_once(':').expect("a port").1;
        port.parse().expect("a port")
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("started")
    }

    fn kill(&mut self) {
        let running = self.running();
        assert!(running.is_running(), "it ended: {}", running.stderr());
        running.kill();
    }

    /// Ends it with SIGTERM; with a store that takes nothing, a second one ends the wait.
    fn terminate(&mut self, stores: bool) {
        let running = self.running();
        running.terminate();
        if !stores && running.is_running() {
            running.wait_for_stderr("storing what was received");
            running.terminate();
        }
        let status = running.wait();
        let stderr = running.stderr();
        let fits = match status.code() {
            Some(0) => stores || !stderr.contains("are not stored"),
            Some(1) => !stores && stderr.contains("are not stored"),
            _ => false,
        };
        assert!(fits, "it ended with {status}: {stderr}");
    }

    /// Locks the store for writing, until what is returned is dropped.
    fn lock(&self) -> Connection {
        let connection = open(&self.store());
        let locked = connection.execute_batch("BEGIN IMMEDIATE");
        locked.expect("the store can be locked");
        connection
    }
}

fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("the store can be opened");
    let timeout = connection.busy_timeout(Duration::from_secs(30));
    timeout.expect("a timeout");
    connection
}

/// One round.
pub(crate) fn run(seed: u64, binary: &Binary) -> Outcome {
    let start = Instant::now();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut subject = Subject::new(binary);
    let mut faults = FAULTS.to_vec();
    faults.extend([Fault::Kill; 3]);
    faults.shuffle(&mut random);
    let mut numbers = Numbers::default();
    let publishers = Publishers::start(subject.port());
    for fault in faults {
        sleep(Duration::from_millis(random.random_range(300..2_000)));
        strike(fault, &mut subject, &publishers, &mut random);
        *numbers.faults.entry(format!("{fault:?}")).or_default() += 1;
    }
    let sent = publishers.finish();
    subject.terminate(true);
    for (publisher, sent) in sent.iter().enumerate() {
        let stored = stored(&subject.store(), publisher);
        let missing = (0..*sent).filter(|number| !stored.contains_key(number));
        let missing: Vec<_> = missing.collect();
        assert!(
            missing.is_empty(),
            "publisher {publisher}: {missing:?} are missing"
        );
        let again = stored
            .values()
            .map(|count| u64::from(count - 1))
            .sum::<u64>();
        numbers.stored_again[qos(publisher)] += again;
        assert_eq!(
            stored.len(),
            *sent,
            "publisher {publisher}: readings were invented"
        );
        if qos(publisher) == 2 {
            assert_eq!(again, 0, "publisher {publisher}: stored twice with QoS 2");
        }
    }
    let held = "SELECT count(*) FROM held";
    let held: i64 = open(&subject.store())
        .query_row(held, [], |row| row.get(0))
        .expect("a count");
    assert_eq!(held, 0, "packet identifiers are left");
    numbers.sent = sent.iter().map(|sent| *sent as u64).sum();
    numbers.acknowledged = numbers.sent;
    numbers.runs = subject.runs;
    Outcome {
        seed,
        kind: "embedded",
        time: start.elapsed(),
        numbers,
    }
}

fn strike(fault: Fault, subject: &mut Subject, publishers: &Publishers, random: &mut ChaCha8Rng) {
    let moment = Duration::from_millis(random.random_range(200..1_500));
    match fault {
        Fault::Kill => subject.kill(),
        Fault::Terminate => subject.terminate(true),
        Fault::Lock | Fault::LockAndKill | Fault::LockAndTerminate => {
            let locked = subject.lock();
            sleep(moment);
            match fault {
                Fault::LockAndKill => subject.kill(),
                Fault::LockAndTerminate => subject.terminate(false),
                _ => {}
            }
            drop(locked);
        }
        Fault::FillDisk | Fault::FillDiskAndKill | Fault::FillDiskAndTerminate => {
            subject.disk.fill();
            sleep(moment);
            match fault {
                Fault::FillDiskAndKill => subject.kill(),
                Fault::FillDiskAndTerminate => subject.terminate(false),
                _ => {}
            }
            subject.disk.heal();
        }
    }
    let acknowledged = publishers.acknowledged();
    for (publisher, acknowledged) in acknowledged.into_iter().enumerate() {
        let stored: HashSet<usize> = stored(&subject.store(), publisher).into_keys().collect();
        let lost = (0..acknowledged).filter(|number| !stored.contains(number));
        let lost: Vec<_> = lost.collect();
        assert!(
            lost.is_empty(),
            "publisher {publisher}: acknowledged, and not stored after {fault:?}: {lost:?}"
        );
    }
    if !matches!(fault, Fault::Lock | Fault::FillDisk) {
        subject.start();
    }
}

/// How often each reading of a publisher is stored.
fn stored(store: &Path, publisher: usize) -> BTreeMap<usize, u32> {
    let connection = open(store);
    let query =
        "SELECT json_extract(value, '$.n'), count(*) FROM sensors WHERE topic = ? GROUP BY 1";
    let mut query = connection.prepare(query).expect("a query");
    let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)? as usize, row.get::<_, u32>(1)?));
    let rows = query.query_map([topic(publisher)], row);
    let rows = rows.expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn qos(publisher: usize) -> usize {
    if publisher < PUBLISHERS / 2 { 1 } else { 2 }
}

fn topic(publisher: usize) -> String {
    format!("iot/burst/{publisher}")
}

/// The publishers at work.
struct Publishers {
    stop: Arc<AtomicBool>,
    /// How many readings of each were acknowledged, from the first on.
    acknowledged: Vec<Arc<AtomicUsize>>,
    threads: Vec<JoinHandle<usize>>,
}

impl Publishers {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let acknowledged: Vec<_> = (0..PUBLISHERS).map(|_| Arc::default()).collect();
        let start = |(number, acknowledged): (usize, &Arc<AtomicUsize>)| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(acknowledged));
            thread::spawn(move || publish(number, port, &stop, &acknowledged))
        };
        let threads = acknowledged.iter().enumerate().map(start).collect();
        Self {
            stop,
            acknowledged,
            threads,
        }
    }

    fn acknowledged(&self) -> Vec<usize> {
        let counts = self.acknowledged.iter();
        counts.map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// Ends them after everything is acknowledged; returns how many readings each sent.
    fn finish(self) -> Vec<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.threads.into_iter().map(JoinHandle::join);
        joined
            .map(|sent| sent.expect("a publisher finishes"))
            .collect()
    }
}

/// Publishes as fast as the window allows.
fn publish(number: usize, port: u16, stop: &AtomicBool, acknowledged: &AtomicUsize) -> usize {
    let config = ClientConfig {
        client_id: format!("burst{number}"),
        clean_session: false,
        max_inflight: WINDOW,
        reconnect_delay: (Duration::from_millis(100), Duration::from_secs(1)),
        ..ClientConfig::default()
    };
    let client = Client::new(config, ()).expect("a client");
    client
        .connect("127.0.0.1", port, Duration::from_mins(1), None)
        .expect("a broker");
    client.loop_start().expect("a loop");
    let mut under_way: VecDeque<MessageInfo> = VecDeque::new();
    let wait = |info: MessageInfo| {
        let result = info.wait_for_publish(Some(ACK_TIMEOUT));
        result.expect("the broker acknowledges");
        acknowledged.fetch_add(1, Ordering::SeqCst);
    };
    let fill = "x".repeat(880);
    let qos = u8::try_from(qos(number)).expect("a QoS");
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let payload = format!(r#"{{"n":{count},"x":"{fill}"}}"#);
        under_way.push_back(
            client
                .publish(topic(number), payload, qos, false)
                .expect("room"),
        );
        count += 1;
        if under_way.len() >= WINDOW.into()
            && let Some(oldest) = under_way.pop_front()
        {
            wait(oldest);
        }
    }
    under_way.into_iter().for_each(wait);
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
    count
}
