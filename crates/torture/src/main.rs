//! The conservation test. Publishers send numbered readings and keep those that the broker has acknowledged, while whatever
//! is in between is killed, frozen, cut off or filled up in an order that a seed decides. In the end each kept number has
//! to be in the store, unchanged, beside nothing that was never sent. `scripts/torture` runs it.

mod fault;
mod kind;
mod ledger;
mod log;
mod publisher;
mod report;
mod round;
mod small;
mod subject;
mod world;

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use iot_cli::parse_duration;

use report::Report;
use round::Round;

/// Kill, freeze, cut off and fill up whatever a reading passes through, and see that none is missing in the end
#[derive(Debug, Parser)]
#[command(name = "torture")]
struct Args {
    /// Begin with the round of seed N, so that a failed one is repeated [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Go on with further rounds for DURATION, such as 30m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Go through N rounds [default: one of each kind]
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,

    /// Leave out most faults of each round, so that it takes less than a minute
    #[arg(long)]
    short: bool,

    /// Fill the file system at PATH for real, which has room for 100 MB or so [default: full disks are only simulated]
    #[arg(long, value_name = "PATH")]
    small_disk: Option<PathBuf>,

    /// Torture this iot-sub, which was built with the feature failpoints [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // A multiple, so that the kinds of rounds come in their order.
    let first = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()) / kind::COUNT * kind::COUNT);
    let program = subject::Binary::of(args.program.as_deref());
    let start = Instant::now();
    let mut report = Report::default();
    for seed in first.. {
        let done = seed - first;
        let goes_on = match (args.rounds, args.duration) {
            (Some(rounds), _) if done >= rounds => false,
            (_, Some(duration)) => start.elapsed() < duration,
            (Some(_), None) => true,
            (None, None) => done < kind::COUNT,
        };
        if !goes_on {
            break;
        }
        let small_disk = args.small_disk.as_deref();
        let round = || Round::new(seed, args.short, &program, small_disk).run();
        let round = AssertUnwindSafe(round);
        let Ok(outcome) = panic::catch_unwind(round) else {
            let short = if args.short { " --short" } else { "" };
            eprintln!(
                "torture: failed; the same once more: scripts/torture --seed {seed} --rounds 1{short}"
            );
            return ExitCode::FAILURE;
        };
        println!("{outcome}");
        report.add(outcome);
    }
    println!("\n{report}");
    ExitCode::SUCCESS
}
