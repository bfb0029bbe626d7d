//! Publishes sensor readings over MQTT.

mod args;
mod payload;
mod publish;
mod schedule;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

fn main() -> ExitCode {
    match run(args::Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => iot_core::cli::report("iot-pub", &error),
    }
}

fn run(args: args::Args) -> Result<()> {
    let plan = args.plan()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(publish::run(plan))
}
