//! Receives sensor readings over MQTT and stores them.

mod args;
mod backlog;
#[cfg(feature = "embedded")]
mod broker;
mod commit;
mod counts;
mod deliver;
mod journal;
mod output;
mod pipeline;
mod queue;
mod reading;
mod sink;
mod size;
mod spooler;
mod state_file;
mod store;
mod target;

use std::process::ExitCode;

use anyhow::Result;
use iot_core::Connection;
use iot_core::cli::Signals;

use args::{Args, Plan};
use output::Messages;
use pipeline::Pipeline;
use target::Opened;

fn main() -> ExitCode {
    match run(Args::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => iot_core::cli::report("iot-sub", &error),
    }
}

fn run(args: Args) -> Result<()> {
    let plan = args.plan()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let messages = Messages::new()?;
    let result = runtime.block_on(receive(plan, &messages));
    // A thread that still waits for a store must not keep the program.
    runtime.shutdown_background();
    messages.finish();
    result
}

async fn receive(mut plan: Plan, messages: &Messages) -> Result<()> {
    let mut signals = Signals::listen()?;
    let opened = target::open(&plan, &mut signals, messages);
    let Opened::Open(destination) = opened.await? else {
        return Ok(());
    };
    #[cfg(feature = "embedded")]
    let broker = match plan.embedded {
        None => None,
        Some(listen) => Some(start_broker(&mut plan, listen, messages).await?),
    };
    let pipeline = Pipeline::new(
        Connection::new(plan.config)?,
        plan.subscriptions,
        plan.payload,
        plan.fail_fast,
        destination,
        messages.clone(),
    )?;
    let result = pipeline.run(signals).await;
    #[cfg(feature = "embedded")]
    if let Some(broker) = broker {
        broker.shutdown().await?;
    }
    result
}

/// Starts the embedded broker, its files beside the store's, and points the connection to it.
#[cfg(feature = "embedded")]
async fn start_broker(
    plan: &mut Plan,
    listen: std::net::SocketAddr,
    messages: &Messages,
) -> Result<broker::EmbeddedBroker> {
    let files = match &plan.store {
        args::StoreUrl::Sqlite(path) => {
            let mut name = path.clone().into_os_string();
            name.push(".broker");
            name.into()
        }
        _ => std::path::PathBuf::from("iot.broker"),
    };
    let broker = broker::EmbeddedBroker::start(listen, &files).await?;
    let address = broker.address();
    plan.config.host = address.ip().to_string();
    plan.config.port = address.port();
    messages.say(&format_args!("broker listens on {address}"));
    Ok(broker)
}
