//! The conservation test. Publishers send numbered readings and record which of them the broker has
//! acknowledged, while everything in between is killed, frozen, cut off or filled up, in an order
//! that a seed decides. At the end each recorded reading has to be in the store, unchanged, and
//! nothing else. `scripts/torture` runs it.

mod broker_log;
mod embedded;
mod fault;
mod publisher;
mod report;
mod round;
mod round_kind;
mod small_disk;
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

/// Kill, freeze, cut off and fill up everything that a reading passes through, and check that none
/// is missing
#[derive(Debug, Parser)]
#[command(name = "torture")]
struct Args {
    /// Start with the round of seed N, to repeat a failed one [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Run rounds for DURATION, such as 30m
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Run N rounds [default: one of each kind]
    #[arg(long, value_name = "N")]
    rounds: Option<u64>,

    /// Skip most faults of each round, so that it takes less than a minute
    #[arg(long)]
    short: bool,

    /// Run rounds with the embedded broker only: bursts at full speed
    #[arg(long)]
    embedded: bool,

    /// Fill the file system at PATH, with room for about 100 MB [default: simulate full disks]
    #[arg(long, value_name = "PATH")]
    small_disk: Option<PathBuf>,

    /// Test this iot-sub, built with the feature failpoints [default: the one beside
    /// this program]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // A multiple, so that the kinds of rounds come in their order.
    let first = args.seed.unwrap_or_else(|| {
        u64::from(rand::random::<u32>()) / round_kind::COUNT * round_kind::COUNT
    });
    let program = subject::Binary::of(args.program.as_deref());
    let start = Instant::now();
    let mut report = Report::default();
    for seed in first.. {
        let done = seed - first;
        let goes_on = match (args.rounds, args.duration) {
            (Some(rounds), _) if done >= rounds => false,
            (_, Some(duration)) => start.elapsed() < duration,
            (Some(_), None) => true,
            (None, None) => done < round_kind::COUNT,
        };
        if !goes_on {
            break;
        }
        let small_disk = args.small_disk.as_deref();
        let round = || {
            if args.embedded {
                return embedded::run(seed, &program);
            }
            Round::new(seed, args.short, &program, small_disk).run()
        };
        let round = AssertUnwindSafe(round);
        let Ok(outcome) = panic::catch_unwind(round) else {
            let short = if args.short { " --short" } else { "" };
            let embedded = if args.embedded { " --embedded" } else { "" };
            eprintln!(
                "torture: failed; the same once more: scripts/torture --seed {seed} --rounds 1{short}{embedded}"
            );
            return ExitCode::FAILURE;
        };
        println!("{outcome}");
        report.add(outcome);
    }
    println!("\n{report}");
    ExitCode::SUCCESS
}
