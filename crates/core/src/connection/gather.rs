//! Acknowledgements that are taken together, as network cards moderate their interrupts: to be woken for
//! each costs more than all else that a message costs.

use std::future::poll_fn;
use std::task::Poll;

use super::{Connection, Link};

impl Connection {
    /// Lets acknowledgements gather where messages wait because as many as may be are on their way: sends
    /// what there is to send, calls `pause`, which lets some time pass, and reads all that has come by
    /// then, to be answered in one write. Returns the share of the messages in flight that an answer
    /// has come for meanwhile, from 0 to 1 (with QoS 2 PUBREC and PUBCOMP are one each); `None` where
    /// there was nothing to wait for, there are events that [`next`](Self::next) has not returned yet,
    /// nothing is to be read ([`set_reading`](Self::set_reading)), or something lies between the
    /// packets and TCP.
    ///
    /// For who wants messages to cost little and measures no latency. `pause` may block the thread: a
    /// pause of tokio's would end with the first acknowledgement's wake. It should be shorter
    /// than the broker takes for the messages in flight. Linux only; elsewhere nothing waits.
    pub async fn gather(&mut self, pause: impl FnOnce()) -> Option<f64> {
        self.send().await;
        let Link::Up(stream) = &self.link else {
            return None;
        };
        if !self.events.is_empty() || !self.output.is_empty() || !self.reading {
            return None;
        }
        let (in_flight, before) = {
            let state = self.shared.lock();
            (state.session.held_back()?, state.session.answers())
        };
        if !stream.is_bare() || !stream.confirm_at_once(true) {
            return None;
        }
        pause();
        // The runtime sees what has come.
        tokio::task::yield_now().await;
        self.read().await;
        // That let go what Nagle's algorithm holds back at the broker's.
        if let Link::Up(stream) = &self.link {
            stream.confirm_at_once(false);
        }
        tokio::task::yield_now().await;
        self.read().await;
        let answers = self.shared.lock().session.answers() - before;
        #[expect(clippy::cast_precision_loss, reason = "some thousands at most")]
        Some(answers as f64 / in_flight as f64)
    }

    /// Sends what there is to send, as far as that goes without waiting, and reads nothing.
    async fn send(&mut self) {
        let reading = std::mem::replace(&mut self.reading, false);
        poll_fn(|cx| {
            if let Link::Up(_) = self.link
                && let Poll::Ready(Err(error)) = self.poll_up(cx)
            {
                self.lost(Err(error));
            }
            Poll::Ready(())
        })
        .await;
        self.reading = reading;
    }

    /// Reads once, if there is something to read.
    async fn read(&mut self) {
        poll_fn(|cx| {
            if let Link::Up(_) = self.link
                && let Poll::Ready(Err(error)) = self.poll_read(cx)
            {
                self.lost(Err(error));
            }
            Poll::Ready(())
        })
        .await;
    }
}
