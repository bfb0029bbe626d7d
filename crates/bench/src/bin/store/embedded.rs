//! The embedded broker beside what SQLite alone commits, and its throughput.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench::peer::topic;
use bench::program;
use chrono::Utc;
use iot_store::sqlite::SqliteStore;
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};

use crate::figures::{aim, median};

/// Rounds of each measurement, in turn.
const ROUNDS: usize = 7;
/// Commits, and messages one by one, in a round.
const SINGLES: usize = 400;
/// Messages of a round at full speed.
const MANY: usize = 200_000;
/// Messages that one publisher gets in the time of one commit.
const AIM: f64 = 0.8;
const PAYLOAD: &str = "25.37";

/// An embedded broker in a process of its own, ended when dropped.
struct Broker {
    child: Child,
    stderr: BufReader<ChildStderr>,
    port: u16,
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Broker {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(program("iot-sub")?)
            .args(["--embedded", "--listen", "127.0.0.1:0"])
            .args(["--store", "sqlite:iot.db"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("stderr is a pipe")?;
        let mut stderr = BufReader::new(stderr);
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        let port = line.trim().rsplit_once(':').map(|(_, port)| port.parse());
        let port = port.context(line)??;
        Ok(Self {
            child,
            stderr,
            port,
        })
    }

    /// Ends it with SIGTERM; returns its last line.
    fn end(mut self) -> Result<String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let mut text = String::new();
        self.stderr.read_to_string(&mut text)?;
        let status = self.child.wait()?;
        ensure!(status.success(), "iot-sub: {status}: {text}");
        Ok(text.lines().next_back().unwrap_or_default().to_owned())
    }

    /// Runs `iot-pub` to its end; returns how long that took.
    fn publish(&self, arguments: &[&str], input: Option<&Path>) -> Result<Duration> {
        let input = input.map_or(Ok(Stdio::null()), |path| File::open(path).map(Stdio::from))?;
        let start = Instant::now();
        let status = Command::new(program("iot-pub")?)
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "--quiet"])
            .args(arguments)
            .stdin(input)
            .stdout(Stdio::null())
            .status()?;
        ensure!(status.success(), "iot-pub: {status}");
        Ok(start.elapsed())
    }
}

/// A publisher on a bare socket that waits for each PUBACK.
struct Single(TcpStream);

impl Single {
    fn connect(port: u16) -> Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01b")?;
        let mut connack = [0; 4];
        stream.read_exact(&mut connack)?;
        ensure!(connack == *b"\x20\x02\x00\x00", "{connack:02x?}");
        Ok(Self(stream))
    }

    fn publish(&mut self) -> Result<Duration> {
        let mut publish = vec![0x32, 0, 0, 0];
        publish.extend(topic(0).as_bytes());
        publish[3] = u8::try_from(publish.len() - 4)?;
        publish.extend(b"\x00\x01");
        publish.extend(PAYLOAD.as_bytes());
        publish[1] = u8::try_from(publish.len() - 2)?;
        let start = Instant::now();
        for _ in 0..SINGLES {
            self.0.write_all(&publish)?;
            let mut puback = [0; 4];
            self.0.read_exact(&mut puback)?;
            ensure!(puback == *b"\x40\x02\x00\x01", "{puback:02x?}");
        }
        Ok(start.elapsed())
    }
}

/// Commits readings one by one, as `iot-sub` does.
struct Commits {
    store: SqliteStore,
    ids: IdGenerator,
}

impl Commits {
    fn into_file(path: &Path) -> Result<Self> {
        Ok(Self {
            store: SqliteStore::open(path)?,
            ids: IdGenerator::new(),
        })
    }

    fn commit(&mut self) -> Result<()> {
        let now = Utc::now();
        let value = Value::Number(25.37);
        let payload = ReceivedPayload::new(PAYLOAD.as_bytes(), &value);
        let reading = Reading {
            id: self.ids.next(now),
            topic: topic(0).into(),
            metric: None,
            value,
            unit: None,
            reg_date: now,
            extra: None,
            payload,
        };
        self.store.commit_with(&[Entry::Reading(reading)], &[])?;
        Ok(())
    }

    fn round(&mut self) -> Result<Duration> {
        let start = Instant::now();
        for _ in 0..SINGLES {
            self.commit()?;
        }
        Ok(start.elapsed())
    }

    /// Acknowledges the messages of one client, each after a commit on the same thread: no broker
    /// can do it with less.
    fn serve(&mut self, listener: &TcpListener) -> Result<()> {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut bytes = [0; 64];
        let mut answer: &[u8] = b"\x20\x02\x00\x00";
        while stream.read(&mut bytes)? > 0 {
            if bytes[0] == 0x32 {
                self.commit()?;
                answer = b"\x40\x02\x00\x01";
            }
            stream.write_all(answer)?;
        }
        Ok(())
    }
}

/// Times of one round.
struct Round {
    commit: f64,
    bare: f64,
    single: f64,
    iot_pub: f64,
}

/// One publisher that waits for each PUBACK, beside commits alone.
pub(crate) fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let lines = folder.path().join("lines");
    fs::write(&lines, format!("{PAYLOAD}\n").repeat(SINGLES))?;
    let mut alone = Commits::into_file(&folder.path().join("alone.db"))?;
    let mut bare = Commits::into_file(&folder.path().join("bare.db"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let bare_port = listener.local_addr()?.port();
    std::thread::spawn(move || bare.serve(&listener));
    let mut to_bare = Single::connect(bare_port)?;
    let broker = Broker::start(folder.path())?;
    let mut single = Single::connect(broker.port)?;
    let count = u16::try_from(SINGLES)?;
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(count);
    let arguments = ["-q", "1", "-M", "1", "-t", "iot/a", "-l"];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(Round {
            commit: each(alone.round()?),
            bare: each(to_bare.publish()?),
            single: each(single.publish()?),
            iot_pub: each(broker.publish(&arguments, Some(&lines))?),
        });
    }
    broker.end()?;
    let commit = median(&rounds, |round| round.commit);
    println!("embedded: a commit of SQLite alone takes {commit:.3} ms");
    report(
        "a bare socket, to a thread that reads, commits and answers",
        &rounds,
        |round| round.bare,
    );
    report("a bare socket", &rounds, |round| round.single);
    report("iot-pub", &rounds, |round| round.iot_pub);
    println!();
    throughput(&lines)
}

/// Prints how many messages a publisher gets acknowledged in the time of one commit.
fn report(name: &str, rounds: &[Round], time: impl Fn(&Round) -> f64) {
    let ratio = |round: &Round| round.commit / time(round);
    let mut ratios: Vec<f64> = rounds.iter().map(ratio).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let middle = median(rounds, ratio);
    println!(
        "embedded, {name} with one message in flight: {:.3} ms from publish to PUBACK, {middle:.2} messages in the time of a commit ({:.2} to {:.2}; aim: {AIM}, {})",
        median(rounds, time),
        ratios[0],
        ratios[ratios.len() - 1],
        aim(middle >= AIM)
    );
}

/// Throughput of `iot-pub` at full speed.
fn throughput(lines: &Path) -> Result<()> {
    fs::write(lines, format!("{PAYLOAD}\n").repeat(MANY))?;
    let count = MANY.to_string();
    let devices = [
        "-q",
        "1",
        "--connections",
        "50",
        "--rate",
        "1000000/s",
        "--count",
        &count,
        "--report",
        "json",
    ];
    let cases = [
        ("50 publishers, QoS 1", &devices[..], None, Some(20_000.0)),
        (
            "one publisher, QoS 1, 1,000 in flight",
            &["-q", "1", "-M", "1000", "-t", "iot/a", "-l"][..],
            Some(lines),
            None,
        ),
        (
            "one publisher, QoS 0",
            &["-q", "0", "-t", "iot/a", "-l"][..],
            Some(lines),
            None,
        ),
    ];
    for (name, arguments, input, least) in cases {
        let mut rates = Vec::new();
        let mut last = String::new();
        for _ in 0..3 {
            let folder = tempfile::tempdir()?;
            let broker = Broker::start(folder.path())?;
            let start = Instant::now();
            broker.publish(arguments, input)?;
            last = broker.end()?;
            let stored = last
                .split(", ")
                .find_map(|part| part.strip_prefix("stored "));
            let stored: f64 = stored.with_context(|| last.clone())?.parse()?;
            rates.push(stored / start.elapsed().as_secs_f64());
        }
        let rate = median(&rates, |rate| *rate);
        let aim = least.map(|least: f64| format!(" (aim: {least:.0}/s, {})", aim(rate >= least)));
        let aim = aim.unwrap_or_default();
        println!("embedded, {name}: {rate:.0} readings/s{aim}; {last}");
    }
    Ok(())
}
