//! Monitoring of a run: counts on stderr, metrics for Prometheus, and the state for the service
//! manager.
//!
//! Everything here only reads the [`Counts`] and [`Gauges`] that the other parts of the program
//! write.

pub(crate) mod alert_numbers;
pub(crate) mod exported;
pub(crate) mod gauges;
pub(crate) mod health;
mod histogram;
mod http;
mod notify;
pub(crate) mod page;
mod part;
mod prometheus;

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

pub(crate) use self::gauges::{Gauges, StoreMode};
use self::notify::Notifier;
use crate::counts::{Counts, Totals};
use crate::output::{COUNT_INTERVAL, Messages};

/// Interval of the checks whether all parts make progress.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Interval of the reports to the service manager, unless its watchdog needs a shorter one.
const STATUS_INTERVAL: Duration = Duration::from_secs(5);
/// How much longer the manager waits for the start after each report.
const START_EXTENSION: Duration = Duration::from_secs(30);

const STOPPING: &str = "STOPPING=1\nSTATUS=the program ends";

/// Which monitoring is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchPlan {
    /// Interval at which the counts are printed.
    pub(crate) stats: Option<Duration>,
    /// The address of the HTTP server.
    pub(crate) metrics: Option<SocketAddr>,
    /// The name of this program among others.
    pub(crate) instance: Option<String>,
}

/// The monitoring tasks.
pub(crate) struct Watching {
    tasks: JoinSet<()>,
    notifier: Option<Arc<Notifier>>,
}

impl Watching {
    /// Starts them. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) async fn start(
        plan: WatchPlan,
        counts: Arc<Counts>,
        messages: &Messages,
    ) -> Result<Self> {
        let mut tasks = JoinSet::new();
        if let Some(address) = plan.metrics {
            let listener = http::listen(address).await?;
            let address = listener.local_addr()?;
            messages.report(&format_args!("metrics are at http://{address}/metrics"));
            tasks.spawn(http::serve(listener, Arc::clone(&counts)));
        }
        #[cfg(unix)]
        tasks.spawn(on_signal(Arc::clone(&counts), messages.clone())?);
        if let Some(every) = plan.stats {
            tasks.spawn(print(every, Arc::clone(&counts), messages.clone()));
        }
        tasks.spawn(count_repeats(messages.clone()));
        tasks.spawn(check_progress(Arc::clone(&counts), messages.clone()));
        let notifier = Notifier::find().map(Arc::new);
        if let Some(notifier) = &notifier {
            tasks.spawn(report(Arc::clone(notifier), counts));
        }
        Ok(Self { tasks, notifier })
    }

    /// Waits until a task has failed, which does not happen normally. May be dropped at the await.
    pub(crate) async fn failed(&mut self) -> Error {
        self.tasks.join_next().await;
        anyhow!("a monitoring task has stopped unexpectedly")
    }
}

impl Drop for Watching {
    /// Reports that the program ends, in case the task has not done so yet.
    fn drop(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.notify(STOPPING);
        }
    }
}

/// Prints the counts on each SIGUSR1.
#[cfg(unix)]
fn on_signal(
    counts: Arc<Counts>,
    messages: Messages,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = signal(SignalKind::user_defined1())?;
    let mut pace = Pace::start(counts.totals());
    Ok(async move {
        while signals.recv().await.is_some() {
            messages.report(&pace.line(&counts));
        }
    })
}

/// Prints the counts at regular intervals.
async fn print(every: Duration, counts: Arc<Counts>, messages: Messages) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    let mut pace = Pace::start(counts.totals());
    loop {
        ticks.tick().await;
        messages.report(&pace.line(&counts));
    }
}

/// Prints once a minute how many lines have repeated.
async fn count_repeats(messages: Messages) {
    let mut ticks = interval(COUNT_INTERVAL);
    ticks.tick().await;
    loop {
        ticks.tick().await;
        messages.report_repeats();
    }
}

/// Reports that a part is stuck or makes progress again, and that the broker has not acknowledged
/// the subscription, because then no messages arrive.
async fn check_progress(counts: Arc<Counts>, messages: Messages) {
    let mut reported = None;
    // Numbers of connections without SUBACK: at the last check, and the one reported last.
    let (mut seen, mut reported_connection) = (None, None);
    let mut ticks = interval(CHECK_INTERVAL);
    loop {
        ticks.tick().await;
        let connection = counts.gauges.unsubscribed_connection();
        if connection.is_some() && connection == seen && connection != reported_connection {
            let seconds = CHECK_INTERVAL.as_secs();
            messages.report(&format_args!(
                "the broker has not acknowledged the subscription for {seconds} s; no messages arrive until it does"
            ));
            reported_connection = connection;
        }
        seen = connection;
        let stuck = counts.gauges.stuck();
        if stuck == reported {
            continue;
        }
        match &stuck {
            Some(stuck) => messages.report(stuck),
            None => messages.report(&"all parts make progress again"),
        }
        reported = stuck;
    }
}

/// Notifies the service manager: when the program is ready, its state, and while all parts make
/// progress also its watchdog.
async fn report(notifier: Arc<Notifier>, counts: Arc<Counts>) {
    let gauges = &counts.gauges;
    let watchdog = notifier.watchdog();
    let mut ticks =
        interval(watchdog.map_or(STATUS_INTERVAL, |limit| (limit / 3).min(STATUS_INTERVAL)));
    let mut ready = false;
    let mut readiness = interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            () = gauges.stopped() => notifier.notify(STOPPING),
            _ = readiness.tick(), if !ready => {
                if gauges.unready().is_none() {
                    notifier.notify("READY=1");
                    ready = true;
                }
            }
            _ = ticks.tick() => {
                let Totals { received, stored, spooled, .. } = counts.totals();
                let state = match (gauges.stuck(), gauges.unready()) {
                    (Some(stuck), _) => stuck,
                    (None, Some(reason)) => reason.to_owned(),
                    (None, None) if gauges.store_mode() != StoreMode::Nowhere && !gauges.is_store_up() => {
                        "the store is away".to_owned()
                    }
                    (None, None) => "all is well".to_owned(),
                };
                let mut text = format!(
                    "STATUS={state}; received {received}, stored {stored}, spooled {spooled}"
                );
                if gauges.stuck().is_none() {
                    text.push_str("\nWATCHDOG=1");
                    if !ready {
                        // At boot the broker may start later than this program.
                        let more = START_EXTENSION.as_micros();
                        let _ = write!(text, "\nEXTEND_TIMEOUT_USEC={more}");
                    }
                }
                notifier.notify(&text);
            }
        }
    }
}

/// The counts, and their rates.
struct Pace {
    before: Totals,
    since: Instant,
}

impl Pace {
    fn start(before: Totals) -> Self {
        Self {
            before,
            since: Instant::now(),
        }
    }

    fn line(&mut self, counts: &Counts) -> String {
        let (now, totals) = (Instant::now(), counts.totals());
        let seconds = now.duration_since(self.since).as_secs_f64();
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is lost is below what is shown"
        )]
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let mut line = format!(
            "{}; received {:.0}/s, stored {:.0}/s",
            totals.equation(),
            rate(totals.received, self.before.received),
            rate(totals.stored, self.before.stored),
        );
        if totals.spooled > 0
            && let Some(age) = counts.gauges.age_of_oldest()
        {
            let _ = write!(line, ", the oldest waits for {} s", age.as_secs());
        }
        *self = Self {
            before: totals,
            since: now,
        };
        line
    }
}
