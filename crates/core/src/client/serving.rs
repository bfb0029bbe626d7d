//! A loop that [`Client::loop_start`] has started: on a thread while there is something to do, at rest
//! on none otherwise.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use super::delivery::Ended;
use super::driver::{Patience, Waited};
use super::place::Loan;
use super::rest::{Job, Rest};
use super::started::Started;
use super::{Client, Running, lock};
use crate::session::Event;

impl<U: Send + 'static> Client<U> {
    /// What `loop_start` starts.
    pub(super) fn begin(self, started: Arc<Started>) -> Option<Arc<Rest>> {
        let running = Running::new(self.clone());
        let mut driver = Loan::take(&self);
        driver.set_reconnects(true);
        self.serve(Waited::Nothing, started, running, driver)
    }

    /// Does what there is to do on this thread, and comes to rest or to the end.
    fn serve(
        &self,
        first: Waited,
        started: Arc<Started>,
        running: Running<U>,
        mut driver: Loan<U>,
    ) -> Option<Arc<Rest>> {
        let ended = Arc::clone(&started);
        let served = catch_unwind(AssertUnwindSafe(|| {
            match self.turn(&mut driver, Some(first), Patience::Linger) {
                Some(_) => {
                    self.over(running, driver);
                    None
                }
                None => Some(self.rest(started, running, driver)),
            }
        }));
        match served {
            Ok(Some(rest)) => return Some(rest),
            Ok(None) => ended.finish(Ok(())),
            Err(panic) => ended.finish::<()>(Err(panic)),
        }
        None
    }

    /// Waits for something to do, on no thread.
    fn rest(&self, started: Arc<Started>, running: Running<U>, mut driver: Loan<U>) -> Arc<Rest> {
        let client = self.clone();
        let (number, handle) = (client.inner.number, client.inner.handle.clone());
        let is_quiet = lock(&client.inner.callbacks).on_publish.is_empty();
        let ended = Arc::clone(&started);
        let mut rest = Box::pin(async move {
            let inner = &client.inner;
            let config = {
                let control = lock(&inner.control);
                control.has_target.then(|| Arc::clone(&control.config))
            };
            let waited = loop {
                match driver.rest(config.as_ref(), &inner.wake).await {
                    // Where no callback wants to know, nobody needs a thread.
                    Waited::Event(Event::Published { id, result, .. })
                        if (!driver.is_busy() || inner.handle.is_attended_to_the_end())
                            && lock(&inner.callbacks).on_publish.is_empty() =>
                    {
                        inner.deliveries.finish_one(Ended { mid: id, result });
                    }
                    waited => break waited,
                }
            };
            let job: Job = Box::new(move || client.serve(waited, started, running, driver));
            job
        });
        let wake = poll_fn(move |cx| {
            let rest = rest.as_mut();
            catch_unwind(AssertUnwindSafe(|| rest.poll(cx))).unwrap_or_else(|panic| {
                let ended = Arc::clone(&ended);
                Poll::Ready(Box::new(move || {
                    ended.finish::<()>(Err(panic));
                    None
                }))
            })
        });
        Rest::new(number, handle, is_quiet, Box::pin(wake))
    }
}
