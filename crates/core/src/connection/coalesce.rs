//! Acknowledgements that are read together, as network cards moderate their interrupts: to be woken
//! for each costs more than all else that a message costs.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::driver::Driver;
use super::link::Link;
use crate::error::Error;

impl Driver {
    /// Sends what there is to send, calls `pause`, and reads what has come by then.
    pub(super) async fn coalesce_acks(&mut self, pause: impl FnOnce()) -> Option<f64> {
        self.send().await;
        let Link::Up(stream) = &self.link else {
            return None;
        };
        if !self.events.is_empty() || !self.writer.output.is_empty() || !self.reading {
            return None;
        }
        let (in_flight, before) = {
            let state = self.shared.lock();
            (state.session.held_back()?, state.session.answers())
        };
        if !stream.is_bare() || !stream.set_quick_ack(true) {
            return None;
        }
        pause();
        // The runtime sees what has come.
        tokio::task::yield_now().await;
        self.read().await;
        // That let the broker's Nagle algorithm send what it had held back.
        if let Link::Up(stream) = &self.link {
            stream.set_quick_ack(false);
        }
        tokio::task::yield_now().await;
        self.read().await;
        let answers = self.shared.lock().session.answers() - before;
        #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
        Some(answers as f64 / in_flight as f64)
    }

    /// Sends what there is to send, as far as possible without waiting, and reads nothing.
    async fn send(&mut self) {
        let reading = std::mem::replace(&mut self.reading, false);
        self.while_up(Self::poll_up).await;
        self.reading = reading;
    }

    /// Reads once, if there is something to read.
    async fn read(&mut self) {
        self.while_up(Self::poll_read).await;
    }

    async fn while_up(
        &mut self,
        poll: impl Fn(&mut Self, &mut Context<'_>) -> Poll<Result<(), Error>>,
    ) {
        poll_fn(|cx| {
            if let Link::Up(_) = self.link
                && let Poll::Ready(Err(error)) = poll(self, cx)
            {
                self.lost(Err(error));
            }
            Poll::Ready(())
        })
        .await;
    }
}
