//! Reports that a store is away while an attempt is running, long before the attempt gives up.

use std::pin::pin;
use std::time::Duration;

use iot_store::{Failure, Store};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How often the store is asked whether it is away.
const LOOK: Duration = Duration::from_secs(1);

/// Waits for the end of `attempt` at `store`, and meanwhile reports why the store is away as soon
/// as that is known.
pub(crate) async fn report_away<T>(
    store: &dyn Store,
    attempt: impl Future<Output = T>,
    mut report: impl FnMut(Failure),
) -> T {
    let mut attempt = pin!(attempt);
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            ended = &mut attempt => return ended,
            _ = looks.tick() => store.away().into_iter().for_each(&mut report),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use iot_store::{BoxFuture, Entry, Stored};
    use tokio::time::sleep;

    use super::*;

    /// Which knows that it is away, or not.
    struct Told(Option<Failure>);

    impl Store for Told {
        fn name(&self) -> &'static str {
            "told"
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

    /// Returns when this is reported first, during an attempt that takes half a minute.
    async fn case(away: Option<&str>) -> Option<(Duration, String)> {
        let store = Told(away.map(|reason| Failure::Unknown(reason.to_owned())));
        let began = Instant::now();
        let mut told = None;
        report_away(&store, sleep(Duration::from_secs(30)), |failure| {
            told.get_or_insert((began.elapsed(), failure.to_string()));
        })
        .await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        told
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_known_to_be_away_is_told_long_before_an_attempt_gives_up() {
        assert_eq!(case(Some("gone")).await, Some((LOOK, "gone".to_owned())));
        assert_eq!(case(None).await, None);
    }
}
