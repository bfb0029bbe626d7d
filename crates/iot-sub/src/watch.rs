//! What can be watched from outside while the program runs: its numbers on stderr, for Prometheus, and for the service
//! manager.
//!
//! Everything here only reads what the parts of the program have written down ([`Counts`], [`Gauges`]).

pub(crate) mod gauges;
pub(crate) mod health;
mod histogram;
mod http;
mod notify;
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
use crate::output::Messages;

/// How often it is looked up whether all parts make progress.
const LOOK: Duration = Duration::from_secs(5);
/// How often the service manager gets to know how we are, unless its watchdog wants it more often.
const STATUS: Duration = Duration::from_secs(5);
/// How long the manager should go on waiting for our start after each time.
const MORE_TIME: Duration = Duration::from_secs(30);

const STOPPING: &str = "STOPPING=1\nSTATUS=the program ends";

/// What is to be shown, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchPlan {
    /// How often the numbers are printed.
    pub(crate) stats: Option<Duration>,
    /// Where HTTP is answered.
    pub(crate) metrics: Option<SocketAddr>,
}

/// The tasks that show how the program is doing.
pub(crate) struct Watching {
    tasks: JoinSet<()>,
    notifier: Option<Arc<Notifier>>,
}

impl Watching {
    /// Starts them. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// The address can't be listened on.
    pub(crate) async fn start(
        plan: WatchPlan,
        counts: Arc<Counts>,
        messages: &Messages,
    ) -> Result<Self> {
        let mut tasks = JoinSet::new();
        if let Some(address) = plan.metrics {
            let listener = http::listen(address).await?;
            let address = listener.local_addr()?;
            messages.say(&format_args!("metrics are at http://{address}/metrics"));
            tasks.spawn(http::serve(listener, Arc::clone(&counts)));
        }
        #[cfg(unix)]
        tasks.spawn(on_signal(Arc::clone(&counts), messages.clone())?);
        if let Some(every) = plan.stats {
            tasks.spawn(print(every, Arc::clone(&counts), messages.clone()));
        }
        tasks.spawn(look(Arc::clone(&counts), messages.clone()));
        let notifier = Notifier::find().map(Arc::new);
        if let Some(notifier) = &notifier {
            tasks.spawn(report(Arc::clone(notifier), counts));
        }
        Ok(Self { tasks, notifier })
    }

    /// Returns why watching has broken down, should it ever. May be dropped at the await.
    pub(crate) async fn broken(&mut self) -> Error {
        self.tasks.join_next().await;
        anyhow!("a task that shows how the program is doing has broken down")
    }
}

impl Drop for Watching {
    /// Says that the program ends, where that was quicker than the task that says so.
    fn drop(&mut self) {
        if let Some(notifier) = &self.notifier {
            notifier.tell(STOPPING);
        }
    }
}

/// Prints the numbers on each SIGUSR1.
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
            messages.say(&pace.line(&counts));
        }
    })
}

/// Prints the numbers once in a while.
async fn print(every: Duration, counts: Arc<Counts>, messages: Messages) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks.tick().await;
    let mut pace = Pace::start(counts.totals());
    loop {
        ticks.tick().await;
        messages.say(&pace.line(&counts));
    }
}

/// Says where a part is stuck, and where it no longer is; and that a broker has left a subscription unanswered, after which
/// nothing would come and nothing be said.
async fn look(counts: Arc<Counts>, messages: Messages) {
    let mut told = None;
    // Numbers of connections.
    let (mut seen, mut told_of) = (None, None);
    let mut ticks = interval(LOOK);
    loop {
        ticks.tick().await;
        let waits_on = counts.gauges.unanswered();
        if waits_on.is_some() && waits_on == seen && waits_on != told_of {
            let seconds = LOOK.as_secs();
            messages.say(&format_args!(
                "the broker has not answered the subscription for {seconds} s; nothing is received until it does"
            ));
            told_of = waits_on;
        }
        seen = waits_on;
        let stuck = counts.gauges.stuck();
        if stuck == told {
            continue;
        }
        match &stuck {
            Some(stuck) => messages.say(stuck),
            None => messages.say(&"all parts make progress again"),
        }
        told = stuck;
    }
}

/// Tells the service manager that we are ready, how we are, and as long as all parts make progress that we are alive.
async fn report(notifier: Arc<Notifier>, counts: Arc<Counts>) {
    let gauges = &counts.gauges;
    let watchdog = notifier.watchdog();
    let mut ticks = interval(watchdog.map_or(STATUS, |limit| (limit / 3).min(STATUS)));
    let mut ready = false;
    let mut quick = interval(Duration::from_millis(50));
    loop {
        tokio::select! {
            () = gauges.stopped() => notifier.tell(STOPPING),
            _ = quick.tick(), if !ready => {
                if gauges.unready().is_none() {
                    notifier.tell("READY=1");
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
                let mut what = format!(
                    "STATUS={state}; received {received}, stored {stored}, spooled {spooled}"
                );
                if gauges.stuck().is_none() {
                    what.push_str("\nWATCHDOG=1");
                    if !ready {
                        // A broker that is away at boot is waited for.
                        let more = MORE_TIME.as_micros();
                        let _ = write!(what, "\nEXTEND_TIMEOUT_USEC={more}");
                    }
                }
                notifier.tell(&what);
            }
        }
    }
}

/// The numbers, and how fast they grow.
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
