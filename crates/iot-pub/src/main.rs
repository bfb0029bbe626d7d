//! Publishes sensor readings over MQTT.

mod args;
mod device;
mod edge_node;
mod edge_nodes;
mod engine;
mod excerpt;
mod name;
mod outgoing;
mod payload;
mod plan;
mod report;
mod scenario;
mod schedule;
mod topic_template;
mod verify;

use std::process::ExitCode;

use anyhow::Result;

use engine::observer::Observer;
use name::NAME;
use plan::Plan;
use report::measure::Measurement;
use report::print::MessagePrinter;

fn main() -> ExitCode {
    match run(args::Args::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => iot_cli::report(NAME, &error),
    }
}

fn run(args: args::Args) -> Result<()> {
    args.verbosity().install();
    let plan = args.plan()?;
    iot_cli::wait_for_clock(NAME);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let observers = observers(&plan)?;
    let result = runtime.block_on(engine::run(plan, observers));
    // A thread that still asks for the address of a host must not keep the program.
    runtime.shutdown_background();
    result
}

/// Returns what prints the messages or measures them, as planned.
fn observers(plan: &Plan) -> Result<Vec<Box<dyn Observer>>> {
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    if plan.prints_messages() {
        observers.push(Box::new(MessagePrinter::new()?));
    }
    if let Some(format) = plan.load.report {
        observers.push(Box::new(Measurement::new(format, plan.load.rate)));
    }
    Ok(observers)
}
