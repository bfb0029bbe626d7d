//! The session against a small model of a broker, over random runs.
//!
//! An application publishes, subscribes, acknowledges and releases at random; packets are delayed,
//! connections and sessions are lost, windows are full. Whatever happens:
//!
//! - nothing accepted is forgotten, and each message's end is reported once;
//! - QoS 2 arrives once, in both directions, as long as the session is kept;
//! - acknowledgements keep the order of arrival and belong to their connection;
//! - no packet identifier is used for two things at a time, and DUP is set exactly when it must be;
//! - the windows, sizes and limits of both sides are respected;
//! - once faults stop, everything is delivered.
//!
//! `IOT_MODEL_CASES=500000 cargo test -p iot-core model` runs so many cases, from another seed each
//! time; a failure prints the shortest run that shows it.

mod application;
mod broker;
mod drain;
mod input;
mod network;
mod steps;
mod world;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use steps::{Setup, Step, setup, step};
use world::World;

/// How many cases run by default: a few seconds in debug.
const CASES: u32 = 500;

fn run(setup: &Setup, steps: &[Step]) {
    let mut world = World::new(setup.clone());
    for step in steps {
        world.step(step);
    }
    world.drain();
}

#[test]
fn random_runs_keep_the_session_s_promises() {
    let asked = std::env::var("IOT_MODEL_CASES").ok();
    let cases = asked.as_ref().map(|cases| cases.parse().expect("a number"));
    let config = ProptestConfig {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 50_000,
        ..ProptestConfig::default()
    };
    let rng = match asked {
        // By default the same cases every time.
        None => TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
        Some(_) => TestRng::from_seed(RngAlgorithm::ChaCha, &rand::random::<[u8; 32]>()),
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let steps = prop::collection::vec(step(), 0..150);
    let result = runner.run(&(setup(), steps), |(setup, steps)| {
        let run = std::panic::AssertUnwindSafe(|| run(&setup, &steps));
        std::panic::catch_unwind(run).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            TestCaseError::fail(text.unwrap_or_default())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
