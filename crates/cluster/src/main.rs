//! Tests a group of `iot-sub` on a cluster of brokers and a replica set: numbered publishers send,
//! machines are killed, frozen and cut off in an order that a seed decides, and the ledger of the
//! torture test decides what is missing, stored twice or invented. `scripts/cluster` runs it.

mod broker;
mod database;
mod fault;
mod member;
mod meter;
mod network;
mod plan;
mod report;
mod round;
mod service;
mod threads;
mod witness;
mod world;

use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tempfile::TempDir;

use broker::Mode;
use fault::Fault;
use plan::Plan;
use report::LOSSLESS_RATE;
use world::Programs;

/// Kill, freeze and cut off the machines of a cluster, and check that no reading is missing
#[derive(Debug, Parser)]
#[command(name = "cluster")]
struct Args {
    /// Start with the round of seed N, to repeat a failed one [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Run N rounds
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: u64,

    /// Run three nodes in mode raft, or raft+msg with stored messages; or one mosquitto
    #[arg(long, value_name = "MODE", default_value = "raft+msg", value_parser = ["raft", "raft+msg", "mosquitto"])]
    mode: String,

    /// Publish RATE messages a second; 0 for as many as the group stores, with --calm only
    #[arg(long, value_name = "RATE", default_value_t = LOSSLESS_RATE)]
    rate: u32,

    /// Start with N members
    #[arg(long, value_name = "N", default_value_t = 4)]
    members: usize,

    /// Strike only this fault; can be repeated [default: all]
    #[arg(long, value_name = "FAULT", value_parser = Fault::named)]
    only: Vec<Fault>,

    /// Strike each fault N times
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "calm")]
    times: usize,

    /// Strike no fault
    #[arg(long, conflicts_with = "only")]
    calm: bool,

    /// Keep files and logs, of rounds that pass too
    #[arg(long)]
    keep: bool,

    /// The program of a broker node; mosquitto needs none
    #[arg(long, value_name = "PATH", default_value = "broker-node")]
    node: PathBuf,

    /// The iot-sub under test [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
}

impl Args {
    fn plan(&self, seed: u64) -> Plan {
        let faults = match (self.calm, self.only.is_empty()) {
            (true, _) => Vec::new(),
            (false, true) => Fault::all(),
            (false, false) => self.only.clone(),
        };
        let faults = faults.repeat(self.times);
        Plan {
            seed,
            mode: Mode::named(&self.mode),
            rate: Some(self.rate).filter(|rate| *rate > 0),
            members: self.members,
            faults,
        }
    }

    /// The command that runs the round of a seed again.
    fn again(&self, seed: u64) -> String {
        let (mode, rate, members) = (&self.mode, self.rate, self.members);
        let mut command = format!(
            "scripts/cluster --seed {seed} --mode {mode} --rate {rate} --members {members}"
        );
        if self.calm {
            command.push_str(" --calm");
        }
        if self.times > 1 {
            let _ = write!(command, " --times {}", self.times);
        }
        for fault in &self.only {
            command.push_str(" --only ");
            command.push_str(&fault.option());
        }
        command
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.rate == 0 && !args.calm {
        eprintln!("cluster: --rate 0 needs --calm");
        return ExitCode::FAILURE;
    }
    let own = std::env::current_exe().expect("the path of this program");
    let programs = Programs {
        node: args.node.clone(),
        iot_sub: args
            .program
            .clone()
            .unwrap_or_else(|| own.with_file_name("iot-sub")),
    };
    let first = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    for seed in first..first + args.rounds {
        let mut folder = TempDir::with_prefix("cluster-").expect("a temporary folder");
        let plan = args.plan(seed);
        println!("seed {seed}, mode {}", plan.mode.name());
        let round = AssertUnwindSafe(|| round::run(&plan, &programs, folder.path()));
        let outcome = panic::catch_unwind(round);
        let passed = match &outcome {
            Ok(outcome) => {
                println!("{outcome}\n");
                !outcome.must_be_lossless() || outcome.lost() == 0
            }
            Err(_) => false,
        };
        folder.disable_cleanup(args.keep || !passed);
        if !passed {
            eprintln!(
                "cluster: failed; files and logs are in {}",
                folder.path().display()
            );
            eprintln!("cluster: the same once more: {}", args.again(seed));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_to_repeat_a_round_selects_the_same_faults() {
        for options in ["--calm", "--only kill-member --only join --times 3", ""] {
            let typed = "cluster --mode mosquitto --rate 400 --members 3";
            let args = Args::parse_from(format!("{typed} {options}").split_whitespace());
            let again = Args::parse_from(args.again(7).split(' '));
            assert_eq!(again.seed, Some(7));
            assert_eq!(again.plan(7).faults, args.plan(7).faults);
            assert_eq!(again.again(7), args.again(7));
        }
    }
}
