//! What an index and a time-series collection cost, beside a plain collection.

use anyhow::Result;
use testkit::Mongo;

use crate::figures::{median, rate};
use crate::mongodb_store::{Sent, Stored, through_the_spool};
use crate::server::Server;

/// Rounds in which the ways to store are compared.
const ROUNDS: usize = 5;

pub(crate) fn measure() -> Result<()> {
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
            round.push(through_the_spool(
                &server,
                collection,
                Sent::Numbers,
                options,
            )?);
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
