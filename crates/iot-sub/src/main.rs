//! Receives sensor readings over MQTT and stores them.

// Without the embedded broker some enums have one variant, and some methods do not use `self`.
#![cfg_attr(
    not(feature = "embedded"),
    allow(
        clippy::needless_pass_by_value,
        clippy::unnecessary_filter_map,
        clippy::unused_self
    )
)]

mod acknowledge;
mod alert;
mod args;
mod clock;
mod counts;
mod decode;
#[cfg(feature = "embedded")]
mod embedded;
mod failpoint;
mod file_lock;
mod output;
mod path_suffix;
mod pipeline;
mod rules_file;
mod session;
mod size;
mod spool;
mod watch;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use iot_cli::Signals;
use iot_page::Live;
use tokio::time::{Instant, sleep_until};

use args::{Args, Plan};
use counts::Counts;
use decode::select::TimedOut;
use output::Messages;
use pipeline::Subscriber;
use pipeline::destination::{self, Destination, Opened};
use pipeline::drain_spool::drain_spool;
use session::forget::forget;
use session::saved_session::SavedSession;
use watch::exported::Exported;
use watch::{Watching, health};

fn main() -> ExitCode {
    match run(Args::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<TimedOut>() => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(TimedOut::EXIT_CODE)
        }
        Err(error) => iot_cli::report("iot-sub", &error),
    }
}

fn run(args: Args) -> Result<()> {
    args.verbosity().install();
    if let Some(url) = args.health() {
        return health::check(url);
    }
    let plan = args.plan()?;
    iot_cli::wait_for_clock("iot-sub");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let messages = Messages::new()?;
    let result = runtime.block_on(receive(plan, &messages));
    // The runtime is not dropped: that would wait for a thread that waits for a store, and some
    // tasks of the MongoDB driver panic when their runtime is dropped.
    std::mem::forget(runtime);
    output::restore_terminal();
    messages.finish();
    result
}

async fn receive(mut plan: Plan, messages: &Messages) -> Result<()> {
    let mut watch = std::mem::take(&mut plan.watch);
    let counts = Arc::new(Counts::new(
        plan.page.is_some().then(Live::new),
        plan.export.take().map(Exported::new),
        watch.instance.take(),
    ));
    let mut watching = Watching::start(watch, Arc::clone(&counts), messages).await?;
    let page = watch::page::start(&plan, &counts, messages).await?;
    let result = tokio::select! {
        result = Box::pin(work(plan, counts, messages)) => result,
        error = watching.failed() => Err(error),
    };
    if let Some(page) = page {
        page.abort();
    }
    result
}

async fn work(mut plan: Plan, counts: Arc<Counts>, messages: &Messages) -> Result<()> {
    let mut signals = Signals::listen()?;
    if let Some(durable) = plan.durable.clone().filter(|durable| durable.forget) {
        return forget(plan, &durable, &mut signals, messages).await;
    }
    if plan.store.drains_spool {
        return drain_spool(plan, &counts, &mut signals, messages).await;
    }
    let deadline = plan
        .intake
        .selection
        .timeout
        .map(|timeout| Instant::now() + timeout);
    let opened = tokio::select! {
        opened = destination::open(&plan, &mut signals, &counts.gauges, messages) => opened?,
        () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
            return Err(TimedOut.into());
        }
    };
    let Opened::Open(destination) = opened else {
        return Ok(());
    };
    let alerts = alert::start(&mut plan, destination.name(), &counts.gauges, messages)?;
    let stored = store(plan, destination, signals, deadline, counts, messages);
    let result = Box::pin(stored).await;
    if let Some(alerts) = alerts {
        tokio::task::block_in_place(|| alerts.finish());
    }
    result
}

/// Receives and stores, until the run ends.
async fn store(
    mut plan: Plan,
    destination: Destination,
    signals: Signals,
    deadline: Option<Instant>,
    counts: Arc<Counts>,
    messages: &Messages,
) -> Result<()> {
    #[cfg(feature = "embedded")]
    if let Some(listen) = plan.embedded {
        let embedded = embedded::run(
            plan,
            listen,
            destination,
            signals,
            deadline,
            counts,
            messages,
        );
        return Box::pin(embedded).await;
    }
    let session = match &plan.durable {
        None => None,
        Some(durable) => {
            let given = durable.client_id.as_deref();
            let mut session = SavedSession::open(
                &plan.broker(),
                given,
                destination.name(),
                &plan.config.client_id,
                "give this one an --id of its own",
            )?;
            session.falls_back = durable.falls_back;
            session.client_id().clone_into(&mut plan.config.client_id);
            Some(session)
        }
    };
    Subscriber::new(plan, destination, session, counts, messages)?
        .run(signals, deadline)
        .await
}
