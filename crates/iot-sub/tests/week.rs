//! Simulated days with the built program, 600 times as fast as the clock: sensors die, freeze,
//! overheat, flap and come late. Each fault is reported once and cleared once, and nothing else is
//! reported. Needs the feature `failpoints`, for the clock.
//!
//! `scripts/test-week` runs a whole week with 1,000 sensors, which takes 17 minutes.

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::sub;
use iot_core::{Client, ClientConfig};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use testkit::{Broker, DEADLINE, Running};

const SPEED: i64 = 600;
const MINUTE: i64 = 60_000;
/// Time between two readings of a sensor.
const INTERVAL: i64 = 10 * MINUTE;
/// How late readings come.
const LATE: i64 = 120 * MINUTE;

/// How a sensor fails for a while.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Dies,
    Freezes,
    Overheats,
    /// Its value flaps around the limit, within the hysteresis.
    Flaps,
    ComesLate,
}

impl Fault {
    const ALL: [Self; 5] = [
        Self::Dies,
        Self::Freezes,
        Self::Overheats,
        Self::Flaps,
        Self::ComesLate,
    ];

    fn reported_as(self) -> &'static str {
        match self {
            Self::Dies | Self::ComesLate => "silent",
            Self::Freezes => "stuck",
            Self::Overheats | Self::Flaps => "hot",
        }
    }
}

/// What is simulated.
struct Course {
    sensors: usize,
    /// Readings of each sensor.
    rounds: i64,
    /// Rounds of a fault.
    lasts: i64,
    /// Faults of a sensor that fails, one after the other.
    faults: i64,
    /// Every so many rounds the program is killed and started again; 0 does not.
    restart: i64,
}

impl Course {
    fn new() -> Self {
        if std::env::var_os("IOT_WEEK").is_some() {
            return Self {
                sensors: 1_000,
                rounds: 7 * 24 * 6,
                lasts: 36,
                faults: 5,
                restart: 200,
            };
        }
        Self {
            sensors: 100,
            rounds: 36,
            lasts: 18,
            faults: 1,
            restart: 0,
        }
    }

    /// Returns the faults of each tenth sensor, with the rounds at which they begin.
    fn plan(&self, random: &mut SmallRng) -> BTreeMap<usize, Vec<(Fault, i64)>> {
        let failing = (0..self.sensors).step_by(10);
        let plan = failing.map(|sensor| {
            // Each has its share of the time, and a quiet time at the end for its recovery.
            let share = self.rounds / self.faults;
            let room = (share - self.lasts - 12).max(1);
            let faults = (0..self.faults).map(|number| {
                let at = usize::try_from(number).expect("few");
                let fault = Fault::ALL[(sensor / 10 + at) % Fault::ALL.len()];
                (fault, number * share + 4 + random.random_range(0..room))
            });
            (sensor, faults.collect())
        });
        plan.collect()
    }
}

fn millis() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    i64::try_from(now.as_millis()).expect("a time")
}

/// The simulated clock, as the program has it.
#[derive(Clone, Copy)]
struct Clock(i64);

impl Clock {
    fn now(self) -> i64 {
        self.0 + (millis() - self.0) * SPEED
    }
}

fn start(broker: &Broker, folder: &std::path::Path, clock: Clock) -> Running {
    let store = format!("sqlite:{}", folder.join("iot.db").display());
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &store, "-t", "s/#", "-q", "1"])
        .args([
            "--durable",
            "-i",
            "week",
            "--value-key",
            "/v",
            "--time-key",
            "/t",
        ])
        .args(["--alert", "hot: s/+ > 50 clear < 40"])
        .args([
            "--alert",
            "s/+ stuck 90m",
            "--silent-after",
            "65m",
            "--alert-max-age",
            "60m",
        ])
        .env("XDG_STATE_HOME", folder.join("state"))
        .env("IOT_CLOCK", format!("{SPEED}@{}", clock.0))
        .spawn();
    program.wait_for_stderr("Connected with result code 0");
    program
}

fn client(port: u16) -> Client {
    let client = Client::new(ClientConfig::default(), ()).expect("a client");
    let keep_alive = Duration::from_secs(60);
    client
        .connect("127.0.0.1", port, keep_alive, None)
        .expect("a broker");
    client.loop_start().expect("a loop");
    client
}

/// Returns value and time of a reading; `None` if the sensor is dead.
fn reading(
    fault: Option<Fault>,
    round: i64,
    now: i64,
    random: &mut SmallRng,
) -> Option<(f64, i64)> {
    let usual = 20.0 + random.random::<f64>() * 10.0;
    Some(match fault {
        None => (usual, now),
        Some(Fault::Dies) => return None,
        Some(Fault::Freezes) => (25.0, now),
        Some(Fault::Overheats) => (60.0 + usual, now),
        Some(Fault::Flaps) => (
            [45.0, 55.0][usize::from(round % 2 == 0)] + usual / 100.0,
            now,
        ),
        Some(Fault::ComesLate) => (usual, now - LATE),
    })
}

/// The lines of reports, without their reasons.
fn reports(stderr: &str) -> Vec<String> {
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("iot-sub: "));
    let reports = lines.filter(|line| line.starts_with("ALERT ") || line.starts_with("ok "));
    let report = |line: &str| {
        let mut parts = line.splitn(3, ": ");
        format!(
            "{}: {}",
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default()
        )
    };
    reports.map(report).collect()
}

#[test]
fn each_fault_is_reported_once_and_cleared_once() {
    let course = Course::new();
    let mut random = SmallRng::seed_from_u64(1);
    let plan = course.plan(&mut random);
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Clock(millis());
    let mut program = start(&broker, folder.path(), clock);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let publisher = client(broker.port());
    let mut found = Vec::new();
    let begun = Instant::now();
    let pace = Duration::from_millis(u64::try_from(INTERVAL / SPEED).expect("positive"));
    for round in 0..course.rounds {
        if course.restart > 0 && round % course.restart == course.restart - 1 {
            found.extend(reports(&program.stderr()));
            program.kill();
            program = start(&broker, folder.path(), clock);
        }
        let mut last = None;
        for sensor in 0..course.sensors {
            let active = plan.get(&sensor).and_then(|faults| {
                let is_active =
                    |(_, from): &&(Fault, i64)| (*from..from + course.lasts).contains(&round);
                faults.iter().find(is_active).map(|(fault, _)| *fault)
            });
            if let Some((value, time)) = reading(active, round, clock.now(), &mut random) {
                let payload = format!("{{\"v\":{value},\"t\":{time}}}");
                let topic = format!("s/{sensor}");
                last = Some(
                    publisher
                        .publish(topic.as_str(), payload, 1, false)
                        .expect("room"),
                );
            }
        }
        if let Some(last) = last {
            last.wait_for_publish(Some(DEADLINE)).expect("an answer");
        }
        // The simulation goes at the pace of its clock.
        let due = pace * u32::try_from(round + 1).expect("few");
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    let mut expected: Vec<String> = Vec::new();
    for (sensor, faults) in &plan {
        for (fault, _) in faults {
            for state in ["ALERT", "ok"] {
                expected.push(format!("{state} {}: s/{sensor}", fault.reported_as()));
            }
        }
    }
    interrupt_and_collect(program, &mut found);
    found.sort();
    expected.sort();
    println!(
        "{} reports of {} sensors in {} rounds",
        found.len(),
        course.sensors,
        course.rounds
    );
    assert_eq!(found, expected);
    publisher.disconnect().expect("a connection");
    publisher.loop_stop().expect("a loop");
}

fn interrupt_and_collect(mut program: Running, found: &mut Vec<String>) {
    program.interrupt();
    assert!(program.wait().success(), "{}", program.stderr());
    found.extend(reports(&program.stderr()));
}
