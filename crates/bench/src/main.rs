//! Measures, in one run: messages a second and processor time a message of iot-core and `iot-sub`
//! beside `mosquitto_sub`, `mosquitto_pub`, rumqttc and Paho C, against a peer on loopback that
//! sends and takes as fast as TCP does; then round trips, idle clients and system calls.
//! `scripts/bench core` runs it, and builds the program `bench-peers` for it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::measure::{machine, processor_time};
use bench::peer::{Guest, Peer, Run, topic};
use bench::{Face, QOS, WINDOW, client};
use iot_core::QoS;

const DURATION: Duration = Duration::from_millis(1_500);
const ROUNDS: usize = 3;
const IDLE: usize = 1_000;
const ROUND_TRIPS: usize = 21;
const QUICK_ROUND_TRIPS: usize = 5_001;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["client", "receive", face, port] => {
            client::receive(face.parse()?, port.parse()?).map(drop)
        }
        ["client", "publish", face, port, qos] => {
            client::publish(face.parse()?, port.parse()?, qos.parse()?)
        }
        ["client", "round-trips", face, port, bare, times, pause] => client::round_trips(
            face.parse()?,
            port.parse()?,
            bare.parse()?,
            times.parse()?,
            Duration::from_millis(pause.parse()?),
        ),
        ["client", "idle", face, port] => client::idle(face.parse()?, port.parse()?, IDLE),
        ["client", "threads"] => client::threads(IDLE),
        [] => everything(),
        ["throughput"] => throughput(|_| true),
        ["receive"] => throughput(|case| case.direction == Direction::Receive),
        ["publish"] => throughput(|case| case.direction == Direction::Publish),
        ["round-trips"] => round_trips(),
        ["idle"] => idle(),
        ["system-calls"] => system_calls(),
        _ => bail!(
            "arguments: none for everything, or one of `throughput`, its halves `receive` and `publish`, `round-trips`, `idle`, `system-calls`"
        ),
    }
}

fn everything() -> Result<()> {
    throughput(|_| true)?;
    round_trips()?;
    idle()?;
    system_calls()
}

/// The client that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Core(Face),
    IotSub,
    Mosquitto,
    PahoPython,
    /// A client of `bench-peers`.
    Peer(Library),
}

/// A library that `bench-peers` measures, which is found in `PATH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    Rumqttc,
    PahoC,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Receive,
    Publish,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    direction: Direction,
    qos: QoS,
    who: Who,
}

/// The result of one round.
#[derive(Debug, Clone, Copy)]
struct Figures {
    /// Messages a second.
    rate: f64,
    /// Processor time of the client, µs a message.
    cost: f64,
}

/// A client in a process of its own, ended when dropped.
struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Case {
    fn all() -> Vec<Self> {
        let core = [Who::Core(Face::Callbacks), Who::Core(Face::Connection)];
        let others = [
            Who::Mosquitto,
            Who::Peer(Library::Rumqttc),
            Who::Peer(Library::PahoC),
        ];
        let receivers = [&core[..], &[Who::IotSub], &others].concat();
        let publishers = [&core[..], &others, &[Who::PahoPython]].concat();
        let case = |direction, qos, who| Self {
            direction,
            qos,
            who,
        };
        let mut all = Vec::new();
        for qos in QOS {
            all.extend(
                receivers
                    .iter()
                    .map(|who| case(Direction::Receive, qos, *who)),
            );
        }
        for qos in QOS {
            all.extend(
                publishers
                    .iter()
                    .map(|who| case(Direction::Publish, qos, *who)),
            );
        }
        all
    }

    fn name(self) -> &'static str {
        match (self.who, self.direction) {
            (Who::Core(Face::Callbacks), _) => "iot-core, callbacks",
            (Who::Core(Face::Connection), _) => "iot-core, Connection",
            (Who::IotSub, _) => "iot-sub --store none",
            (Who::Mosquitto, Direction::Receive) => "mosquitto_sub",
            (Who::Mosquitto, Direction::Publish) => "mosquitto_pub -l",
            (Who::PahoPython, _) => "paho-mqtt (Python)",
            (Who::Peer(Library::Rumqttc), _) => "rumqttc",
            (Who::Peer(Library::PahoC), _) => "Paho C",
        }
    }

    fn heading(self) -> String {
        let doing = match self.direction {
            Direction::Receive => "receive",
            Direction::Publish => "publish",
        };
        format!("{doing}, QoS {}", self.qos)
    }

    fn command(self, port: u16) -> Result<Command> {
        let port = port.to_string();
        let qos = self.qos.to_string();
        let own = std::env::current_exe()?;
        let mut command;
        match (self.who, self.direction) {
            (Who::Core(face), Direction::Receive) => {
                command = Command::new(own);
                command.args(["client", "receive", face.name(), &port]);
            }
            (Who::Core(face), Direction::Publish) => {
                command = Command::new(own);
                command.args(["client", "publish", face.name(), &port, &qos]);
            }
            (Who::IotSub, _) => {
                command = Command::new(own.with_file_name("iot-sub"));
                command.args(["--store", "none", "-h", "127.0.0.1", "-p", &port]);
                command.args(["-t", "iot/#", "-q", "1"]);
            }
            (Who::Mosquitto, Direction::Receive) => {
                command = Command::new("mosquitto_sub");
                command.args(["-h", "127.0.0.1", "-p", &port, "-t", "iot/#", "-q", "1"]);
                // Under strace it takes minutes, and the answer to a ping comes after all else.
                command.args(["-k", "3600"]);
            }
            (Who::Mosquitto, Direction::Publish) => {
                command = Command::new("mosquitto_pub");
                command.args(["-h", "127.0.0.1", "-p", &port, "-t", &topic(0), "-l"]);
                command.args(["-q", &qos, "-M", &WINDOW.to_string()]);
                command.stdin(Stdio::piped());
            }
            (Who::PahoPython, _) => {
                command = Command::new("python3");
                command.args(["scripts/peers/paho.py", &port, &topic(0), "25.37", &qos]);
                command.args([&u32::MAX.to_string(), &WINDOW.to_string()]);
            }
            (Who::Peer(library), direction) => {
                command = Command::new("bench-peers");
                command.arg(match library {
                    Library::Rumqttc => "rumqttc",
                    Library::PahoC => "paho-c",
                });
                command.arg(match direction {
                    Direction::Receive => "receive",
                    Direction::Publish => "publish",
                });
                command.args([&port, &qos]);
            }
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command)
    }

    /// Runs the case once; `wrap` may put a program before the client.
    fn run(self, wrap: impl FnOnce(Command) -> Command) -> Result<(Run, Duration)> {
        let peer = Peer::listen()?;
        let command = wrap(self.command(peer.port()?)?);
        let mut client = start(command)?;
        let pid = client.child.id();
        let feeder = client.child.stdin.take().map(|mut stdin| {
            thread::spawn(move || {
                let lines = "25.37\n".repeat(10_000);
                while stdin.write_all(lines.as_bytes()).is_ok() {}
            })
        });
        let mut guest = peer.accept()?;
        let mut before = Ok(Duration::ZERO);
        let run = match self.direction {
            Direction::Receive => {
                guest.accept_subscription()?;
                before = processor_time(pid);
                guest.send(self.qos, DURATION)?
            }
            Direction::Publish => {
                guest.take(self.qos, DURATION, || before = processor_time(pid))?
            }
        };
        let used = processor_time(pid)?.saturating_sub(before?);
        drop(client);
        if let Some(feeder) = feeder {
            // It ends when its output is no longer read.
            let _ = feeder.join();
        }
        Ok((run, used))
    }

    fn measure(self) -> Result<Figures> {
        let (run, used) = self
            .run(|command| command)
            .with_context(|| self.name().to_owned())?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let messages = run.messages as f64;
        Ok(Figures {
            rate: messages / run.time.as_secs_f64(),
            cost: used.as_secs_f64() * 1e6 / messages,
        })
    }
}

fn start(mut command: Command) -> Result<Running> {
    let child = command
        .spawn()
        .with_context(|| format!("cannot start `{}`", command.get_program().display()))?;
    Ok(Running { child })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn throughput(wanted: impl Fn(&Case) -> bool) -> Result<()> {
    println!("{}", machine());
    println!(
        "Median of {ROUNDS} rounds of {} s; {} topics; QoS 1 with a window of {WINDOW}.\n",
        DURATION.as_secs_f64(),
        bench::TOPICS
    );
    let cases: Vec<Case> = Case::all().into_iter().filter(wanted).collect();
    let mut rounds: Vec<Vec<Figures>> = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for (case, figures) in cases.iter().zip(&mut rounds) {
            figures.push(case.measure()?);
        }
    }
    let figures: Vec<Figures> = rounds
        .iter()
        .map(|rounds| Figures {
            rate: median(rounds.iter().map(|f| f.rate)),
            cost: median(rounds.iter().map(|f| f.cost)),
        })
        .collect();
    println!("Speed and cost are beside mosquitto's client, cost beside paho-mqtt too.\n");
    for (case, Figures { rate, cost }) in cases.iter().zip(&figures) {
        if case.who == Who::Core(Face::Callbacks) {
            println!(
                "{:<24} {:>12} {:>12} {:>8} {:>8} {:>10}",
                case.heading(),
                "messages/s",
                "µs/message",
                "speed",
                "cost",
                "cost/paho"
            );
        }
        let beside = |who| {
            let other = Case { who, ..*case };
            let at = cases.iter().position(|case| *case == other)?;
            Some(figures[at])
        };
        let mosquitto = beside(Who::Mosquitto).context("mosquitto is measured too")?;
        let paho = beside(Who::PahoPython)
            .map_or(String::new(), |paho| format!("{:.3}×", cost / paho.cost));
        println!(
            "  {:<22} {rate:>12.0} {cost:>12.3} {:>7.2}× {:>7.2}× {paho:>10}",
            case.name(),
            rate / mosquitto.rate,
            cost / mosquitto.cost
        );
    }
    Ok(())
}

/// A client that prints its result and ends by itself.
fn output(arguments: &[&str]) -> Result<String> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        bail!("`{}` has failed", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn round_trips() -> Result<()> {
    println!("\nFrom publish to PUBACK in µs, and as many bytes there and back without MQTT.");
    println!("Half a second apart, median of {ROUND_TRIPS}:");
    round_trips_apart(ROUND_TRIPS, Duration::from_millis(500))?;
    println!("One after another, median of {QUICK_ROUND_TRIPS}:");
    round_trips_apart(QUICK_ROUND_TRIPS, Duration::ZERO)
}

fn round_trips_apart(times: usize, pause: Duration) -> Result<()> {
    let (times, pause) = (times.to_string(), pause.as_millis().to_string());
    for face in [Face::Callbacks, Face::Connection] {
        let (peer, bare) = (Peer::listen()?, Peer::listen()?);
        let (port, bare_port) = (peer.port()?.to_string(), bare.port()?.to_string());
        thread::spawn(move || -> Result<()> { peer.accept()?.acknowledge() });
        thread::spawn(move || -> Result<()> {
            loop {
                let mut stream = bare.accept_bare()?;
                thread::spawn(move || -> Result<()> {
                    let mut bytes = [0; client::THERE];
                    loop {
                        stream.read_exact(&mut bytes)?;
                        stream.write_all(&bytes[..client::BACK])?;
                    }
                });
            }
        });
        let arguments = [
            "client",
            "round-trips",
            face.name(),
            &port,
            &bare_port,
            &times,
            &pause,
        ];
        let result = output(&arguments)?;
        let [ours, bare, alike] = result.split(' ').collect::<Vec<_>>()[..] else {
            bail!("an odd result: {result}");
        };
        let how = match face {
            Face::Callbacks => "one thread writes, another reads and wakes it",
            Face::Connection => "on the same runtime",
        };
        println!(
            "  {:<22} {ours:>6}; a bare socket {bare}, {how} {alike}",
            face.name()
        );
    }
    Ok(())
}

fn idle() -> Result<()> {
    println!("\nMemory of an idle client, {IDLE} in one process, in bytes:");
    for face in [Face::Callbacks, Face::Connection] {
        let peer = Peer::listen()?;
        let port = peer.port()?.to_string();
        thread::spawn(move || -> Result<()> {
            let mut guests: Vec<Guest> = Vec::new();
            loop {
                guests.push(peer.accept()?);
            }
        });
        let result = output(&["client", "idle", face.name(), &port])?;
        println!("  {:<22} {result:>6}", face.name());
    }
    println!(
        "  {:<22} {:>6}",
        "a thread that waits",
        output(&["client", "threads"])?
    );
    Ok(())
}

fn system_calls() -> Result<()> {
    if Command::new("strace").arg("-V").output().is_err() {
        println!("\nstrace is not installed: system calls not counted");
        return Ok(());
    }
    println!("\nSystem calls for 1,000 messages, start and end of the program included:");
    let file = std::env::temp_dir().join(format!("bench-core-{}", std::process::id()));
    for case in Case::all() {
        let (run, _) = case.run(|command| strace(&command, &file))?;
        let calls = counted(&file)?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = calls as f64 * 1e3 / run.messages as f64;
        println!("  {}, {:<22} {each:>8.2}", case.heading(), case.name());
    }
    std::fs::remove_file(file)?;
    Ok(())
}

/// The command under strace, which counts into `file` and leaves the process its place.
fn strace(command: &Command, file: &Path) -> Command {
    let mut wrapped = Command::new("strace");
    wrapped.args(["-D", "-f", "-c", "-o"]).arg(file);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped.stdin(Stdio::piped());
    wrapped.stdout(Stdio::null()).stderr(Stdio::null());
    wrapped
}

/// Waits for strace's table, and returns and removes its total.
fn counted(file: &PathBuf) -> Result<u64> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(total) = table.lines().find(|line| line.ends_with(" total")) {
            std::fs::write(file, "")?;
            let calls = total.split_whitespace().nth(3);
            return Ok(calls.context("an odd table")?.parse()?);
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("strace has written no table")
}
