//! Predicts the throughput of a group of `iot-sub` from what one message costs, as `scripts/cluster
//! --calm` prints it:
//!
//! ```text
//! bench-group processors=1.3 work-us=204 commit-us=3040 batch=35 commit-ms=0.2 [broker-us=25]
//!     [offered=5000]
//! ```

mod model;

use std::env;

use anyhow::{Context, Result, bail};

use model::Group;

fn main() -> Result<()> {
    let mut group = Group {
        processors: 2.0,
        work: 0.0,
        commit_work: 0.0,
        serial_work: 0.0,
        batch: 1.0,
        commit: 0.0,
        offered: f64::INFINITY,
    };
    for argument in env::args().skip(1) {
        let (name, value) = argument.split_once('=').context("NAME=NUMBER")?;
        let value: f64 = value.parse().with_context(|| format!("`{argument}`"))?;
        match name {
            "processors" => group.processors = value,
            "work-us" => group.work = value / 1e6,
            "commit-us" => group.commit_work = value / 1e6,
            "broker-us" => group.serial_work = value / 1e6,
            "batch" => group.batch = value,
            "commit-ms" => group.commit = value / 1e3,
            "offered" => group.offered = value,
            _ => bail!("unknown: `{name}`"),
        }
    }
    if group.work <= 0.0 || group.commit <= 0.0 {
        bail!("work-us and commit-ms are needed");
    }
    for members in [1, 2, 4] {
        let (rate, limit) = group.rate(members);
        println!("{members} members: {rate:.0} messages/s, limited by {limit:?}");
    }
    Ok(())
}
