//! Waiting for a store with an eye on whether it is there: long before an attempt gives up, it is known that it hangs.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{BoxFuture, Failure, Store};

/// How often it is looked up whether the store is away.
const LOOK: Duration = Duration::from_secs(1);
/// After how much silence the store is asked whether it is there: heartbeats don't see that a network loses what we say,
/// for answers to earlier questions still come.
const SILENCE: Duration = Duration::from_secs(3);
/// How long the answer to that may take.
const ANSWER: Duration = Duration::from_secs(2);

/// Waits for the end of `attempt` at `store`, and meanwhile tells why the store is away as soon as that is known.
pub(crate) async fn attend<T>(
    store: &dyn Store,
    attempt: impl Future<Output = T>,
    mut tell: impl FnMut(Failure),
) -> T {
    let mut attempt = pin!(attempt);
    let began = Instant::now();
    let mut looks = interval_at(began + LOOK, LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut question: Option<BoxFuture<'_, _>> = None;
    loop {
        tokio::select! {
            biased;
            ended = &mut attempt => return ended,
            answer = async { question.as_mut().expect("it is asked").await }, if question.is_some() => {
                question = None;
                if let Some(failure) = answer {
                    tell(failure);
                }
            }
            now = looks.tick() => {
                if let Some(failure) = store.away() {
                    tell(failure);
                } else if question.is_none() && now.duration_since(began) >= SILENCE {
                    question = Some(Box::pin(silence(store)));
                }
            }
        }
    }
}

/// Asks the store whether it is there; returns why not.
async fn silence(store: &dyn Store) -> Option<Failure> {
    match timeout(ANSWER, store.answer()).await {
        Ok(answer) => answer.err(),
        Err(_) => Some(Failure::Unknown("no answer in time".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::Mutex;

    use tokio::time::sleep;

    use super::*;
    use crate::reading::Entry;
    use crate::store::Stored;

    /// How it answers: to a question after so long, and what it knows of itself.
    struct Told {
        answer: Option<Duration>,
        away: Option<Failure>,
        questions: Mutex<u32>,
    }

    impl Store for Told {
        fn name(&self) -> &'static str {
            "told"
        }

        fn away(&self) -> Option<Failure> {
            self.away.clone()
        }

        fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
            Box::pin(pending())
        }

        fn answer(&self) -> BoxFuture<'_, Result<(), Failure>> {
            *self.questions.lock().unwrap() += 1;
            Box::pin(async {
                match self.answer {
                    Some(delay) => sleep(delay).await,
                    None => pending().await,
                }
                Ok(())
            })
        }

        fn insert<'a>(&'a self, _: &'a [Entry], _: bool) -> BoxFuture<'a, Result<Stored, Failure>> {
            Box::pin(pending())
        }
    }

    /// What is told of such a store, and when, while an attempt takes half a minute; and how often it was asked.
    async fn case(answer: Option<Duration>, away: Option<&str>) -> (Vec<(Duration, String)>, u32) {
        let store = Told {
            answer,
            away: away.map(|reason| Failure::Unknown(reason.to_owned())),
            questions: Mutex::default(),
        };
        let began = Instant::now();
        let mut told = Vec::new();
        attend(&store, sleep(Duration::from_secs(30)), |failure| {
            told.push((began.elapsed(), failure.to_string()));
        })
        .await;
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        let questions = *store.questions.lock().unwrap();
        (told, questions)
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_no_longer_hears_us_is_told_within_five_seconds() {
        let (told, _) = case(None, None).await;
        let expected = (Duration::from_secs(5), "no answer in time".to_owned());
        assert_eq!(told[0], expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_only_takes_its_time_is_not_told() {
        let (told, questions) = case(Some(Duration::from_secs(1)), None).await;
        assert_eq!(told, []);
        assert!(questions > 1, "{questions}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_known_to_be_away_is_told_at_once_and_asked_nothing() {
        let (told, questions) = case(None, Some("gone")).await;
        assert_eq!(told[0], (LOOK, "gone".to_owned()));
        assert_eq!(questions, 0);
    }
}
