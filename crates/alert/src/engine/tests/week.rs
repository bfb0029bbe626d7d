//! A week of 1,000 sensors, some of which fail: each fault is reported once, and its end once.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;

const SERIES: usize = 1000;
const INTERVAL: i64 = 10 * MINUTE;
const READINGS: i64 = 7 * 24 * 6;

/// How a sensor fails for a while.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Dies,
    Freezes,
    Overheats,
    /// Its value flaps around the limit, within the hysteresis.
    Flaps,
    /// Its readings come late.
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

#[test]
fn each_fault_of_a_week_is_reported_once_and_its_end_once() {
    let rules = ["hot: s/+ > 50 clear < 40", "s/+ stuck 3h"];
    let mut watch = Watch::new(&rules, &["35m"]);
    let mut random = SmallRng::seed_from_u64(1);
    let topics: Vec<_> = (0..SERIES).map(|number| format!("s/{number}")).collect();
    // Every tenth sensor fails once, from its day 1 to day 5, for six hours.
    let faults: BTreeMap<usize, (Fault, i64)> = (0..SERIES)
        .step_by(10)
        .map(|number| {
            let fault = Fault::ALL[number / 10 % Fault::ALL.len()];
            (number, (fault, random.random_range(144..720)))
        })
        .collect();
    for reading in 0..READINGS {
        for (number, topic) in topics.iter().enumerate() {
            let time = START + reading * INTERVAL + i64::try_from(number).unwrap() * 100;
            watch.now = time;
            let usual = 20.0 + random.random::<f64>() * 10.0;
            let active = faults
                .get(&number)
                .filter(|(_, from)| (*from..from + 36).contains(&reading))
                .map(|(fault, _)| *fault);
            match active {
                None => watch.number(topic, usual),
                Some(Fault::Dies) => {}
                Some(Fault::Freezes) => watch.number(topic, 25.0),
                Some(Fault::Overheats) => watch.number(topic, 60.0 + usual),
                Some(Fault::Flaps) => watch.number(
                    topic,
                    [45.0, 55.0][usize::from(reading % 2 == 0)] + usual / 100.0,
                ),
                Some(Fault::ComesLate) => {
                    watch.observe(topic, Sample::Number(usual), time - 60 * MINUTE, false);
                }
            }
        }
        watch.now = START + (reading + 1) * INTERVAL - 1;
        let elapsed = Duration::from_millis(INTERVAL.unsigned_abs());
        watch.engine.tick(watch.now, elapsed, &mut watch.changes);
    }
    let mut expected: Vec<String> = Vec::new();
    for (number, (fault, _)) in &faults {
        for state in ["firing", "ok"] {
            expected.push(format!("{} s/{number} {state}", fault.reported_as()));
        }
    }
    let mut reports = watch.reports();
    reports.sort();
    expected.sort();
    assert_eq!(reports, expected);
}
