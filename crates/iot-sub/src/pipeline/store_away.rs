//! Calls of a store that may be away: reports that it is long before an attempt fails, and does not
//! wait for it at the end.

use std::pin::pin;
use std::time::Duration;

use iot_store::{Failure, Store};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// Interval of the checks whether the store is away.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// Limit of the last writes, after all readings are stored.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Has `store` write what it has put off. All readings are stored: what fails now is only a list of
/// series that is not up to date.
pub(crate) async fn finish(store: &dyn Store) {
    let _ = timeout(FINISH_TIMEOUT, store.finish()).await;
}

/// Waits for the end of `attempt` at `store`; meanwhile it reports why the store is away as soon as
/// that is known.
pub(crate) async fn report_away<T>(
    store: &dyn Store,
    attempt: impl Future<Output = T>,
    mut report: impl FnMut(Failure),
) -> T {
    let mut attempt = pin!(attempt);
    let mut checks = interval_at(Instant::now() + CHECK_INTERVAL, CHECK_INTERVAL);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            result = &mut attempt => return result,
            _ = checks.tick() => store.away().into_iter().for_each(&mut report),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use iot_store::{BoxFuture, Entry, Stored};
    use tokio::time::sleep;

    use super::*;

    /// A store that knows whether it is away.
    struct Known(Option<Failure>);

    impl Store for Known {
        fn name(&self) -> &'static str {
            "known"
        }

        fn away(&self) -> Option<Failure> {
            self.0.clone()
        }

        fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(pending())
        }

        fn insert<'a>(&'a self, _: &'a [Entry], _: bool) -> BoxFuture<'a, Result<Stored, Failure>> {
            Box::pin(pending())
        }
    }

    /// Returns when the reason is reported first, during an attempt of half a minute.
    async fn case(away: Option<&str>) -> Option<(Duration, String)> {
        let store = Known(away.map(|reason| Failure::Unknown(reason.to_owned())));
        let began = Instant::now();
        let mut reported = None;
        report_away(&store, sleep(Duration::from_secs(30)), |failure| {
            reported.get_or_insert((began.elapsed(), failure.to_string()));
        })
        .await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        reported
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_known_to_be_away_is_reported_long_before_the_attempt_fails() {
        assert_eq!(
            case(Some("gone")).await,
            Some((CHECK_INTERVAL, "gone".to_owned()))
        );
        assert_eq!(case(None).await, None);
    }
}
