//! `kill -9` at random moments: no report is lost, and none is made twice.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use testkit::{DEADLINE, eventually};

use super::flipping::{COUNT, Flipping};
use super::interrupt;

/// Kills, for each seed.
const KILLS: usize = 8;

#[test]
fn killed_at_random_moments_it_reports_each_change_once() {
    for seed in 1..=3 {
        println!("seed {seed}");
        let mut random = SmallRng::seed_from_u64(seed);
        let flipping = Flipping::start();
        let port = flipping.broker.port();
        let flood = std::thread::spawn(move || Flipping::flood(port, 0..COUNT));
        for _ in 0..KILLS {
            let before = flipping.reports().len();
            let mut program = flipping.run("");
            // Some time after it has done something, so that there is something to lose.
            eventually(DEADLINE, "another report", || {
                before >= COUNT || flipping.reports().len() > before
            });
            std::thread::sleep(Duration::from_micros(random.random_range(0..40_000)));
            program.kill();
        }
        let program = flipping.run("");
        flood.join().expect("published");
        flipping.check();
        program.wait_for_stderr("Connected");
        interrupt(program);
        flipping.check();
    }
}
