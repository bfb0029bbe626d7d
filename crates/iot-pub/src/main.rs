//! Publishes sensor readings over MQTT.

mod args;
mod device;
mod engine;
mod payload;
mod plan;
mod publish;
mod report;
mod scenario;
mod schedule;
mod verify;
mod what;

use std::process::ExitCode;

use anyhow::Result;

/// How messages on stderr begin.
const NAME: &str = "iot-pub";

fn main() -> ExitCode {
    match run(args::Args::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => iot_cli::report(NAME, &error),
    }
}

fn run(args: args::Args) -> Result<()> {
    let plan = args.plan()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = if plan.load.is_load() {
        runtime.block_on(engine::run(plan))
    } else {
        runtime.block_on(publish::run(plan))
    };
    // A thread that still asks for the address of a host must not keep the program.
    runtime.shutdown_background();
    result
}
