//! Predicts the throughput of a group of 1, 2 and 4 `iot-sub` from runs at given rates, and
//! compares it with runs at the highest rate. Reads what `scripts/cluster --calm` prints:
//!
//! ```text
//! for members in 1 4; do for rate in 6000 12000; do
//!     scripts/cluster --mode mosquitto --calm --members $members --rate $rate; done; done > runs
//! for members in 1 2 4; do
//!     scripts/cluster --mode mosquitto --calm --members $members --rate 0; done >> runs
//! bench-group < runs
//! ```

mod model;
mod run;

use std::io;
use std::thread::available_parallelism;

use anyhow::{Context, Result};

use model::Model;
use run::Run;

#[expect(clippy::cast_precision_loss, reason = "a few processors")]
fn main() -> Result<()> {
    let processors = available_parallelism()?.get() as f64;
    let mut runs = Vec::new();
    for line in io::stdin().lines() {
        runs.extend(Run::read(&line?)?);
    }
    let (given, highest): (Vec<Run>, Vec<Run>) =
        runs.into_iter().partition(|run| run.has_given_rate);
    let model = Model::of(&given).context("too few runs at given rates, or too similar ones")?;
    for members in [1, 2, 4] {
        let rate = model.rate(members, processors);
        let rate = rate.context("runs at given rates are needed with 1 and with 4 members")?;
        println!("{members} members: {rate:.0} messages/s");
        for run in highest.iter().filter(|run| run.members == members) {
            // Other programs have used the rest.
            let left = processors - run.others;
            let rate = model.rate(members, left).unwrap_or_default();
            let error = (rate / run.rate - 1.0) * 100.0;
            println!(
                "  on {left:.2} processors: {rate:.0}; measured {:.0}, {error:+.0} %",
                run.rate
            );
        }
    }
    Ok(())
}
