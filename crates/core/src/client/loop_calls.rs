//! `loop_once`, `loop_forever`, `loop_start`, `loop_stop`, and the loop itself.

use std::time::Duration;

use super::control::{LoopThread, StopFlag};
use super::event_loop::{EventLoop, Waited};
use super::running_callbacks;
use super::shared::Client;
use crate::error::Error;
use crate::mutex::lock;
use crate::session::Event;

/// How a loop that runs ended its round.
enum Round {
    /// Something happened, or the time is over.
    Done,
    /// The connection is lost and this loop doesn't make it again, or the client has disconnected.
    Over(Result<(), Error>),
}

/// Releases the loop when it is dropped, after a panic too.
struct Running<'a, U: Send + 'static> {
    client: &'a Client<U>,
    /// It is released already, and may be claimed by another thread.
    released: bool,
}

impl<U: Send + 'static> Drop for Running<'_, U> {
    fn drop(&mut self) {
        if !self.released {
            lock(&self.client.inner.control).stop_running();
        }
    }
}

impl<U: Send + 'static> Client<U> {
    /// Waits for something to happen, `timeout` at most, and calls the callbacks for it on this
    /// thread.
    ///
    /// Neither connects nor reconnects: [`connect`](Self::connect) and
    /// [`reconnect`](Self::reconnect) do. May return early with nothing done. Paho's `loop`, which
    /// is a keyword here.
    ///
    /// # Errors
    /// The reason that [`on_disconnect`](Self::on_disconnect) has got, if the connection is lost;
    /// [`Error::NotConnected`] if there is none, [`Error::InCallback`] inside a callback, and
    /// [`Error::Running`] if a loop runs already.
    ///
    /// # Panics
    /// If a callback panics, with its panic.
    pub fn loop_once(&self, timeout: Duration) -> Result<(), Error> {
        let _running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        let mut event_loop = lock(&self.inner.event_loop);
        event_loop.set_reconnects(false);
        match self.round(&mut event_loop, Some(timeout)) {
            Round::Done => Ok(()),
            Round::Over(result) => result,
        }
    }

    /// Runs the loop on this thread until [`disconnect`](Self::disconnect).
    ///
    /// It connects after [`connect_async`](Self::connect_async), and reconnects after a delay that
    /// grows, see [`reconnect_delay_set`](Self::reconnect_delay_set). It tries for ever, also if
    /// the broker refuses the connection. To give up, call `disconnect` in `on_connect`,
    /// `on_connect_fail` or `on_disconnect`.
    ///
    /// # Errors
    /// [`Error::NotConnected`] if no broker is set, [`Error::InCallback`] inside a callback, and
    /// [`Error::Running`] if a loop runs already.
    ///
    /// # Panics
    /// If a callback panics, with its panic.
    pub fn loop_forever(&self) -> Result<(), Error> {
        let running = self.start_running()?;
        if !lock(&self.inner.control).has_target {
            return Err(Error::NotConnected);
        }
        self.run(running, &StopFlag::default())
    }

    /// Starts the loop on a thread of its own, and returns at once.
    ///
    /// The loop runs until [`disconnect`](Self::disconnect) or [`loop_stop`](Self::loop_stop). It
    /// connects and reconnects as [`loop_forever`](Self::loop_forever) does, once a broker is set.
    /// It has a clone of the client: dropping the others does not end it.
    ///
    /// # Errors
    /// [`Error::Running`] if a loop runs already, [`Error::Io`] if no thread can be started.
    ///
    /// # Panics
    /// If a callback of an earlier loop has panicked and has ended it, with that panic.
    pub fn loop_start(&self) -> Result<(), Error> {
        let mut control = lock(&self.inner.control);
        if !running_callbacks::runs_here(self.inner.number) {
            // A loop that a callback has stopped, or that has ended by itself, may still run. It is
            // looked for under the lock under which the next one is claimed: otherwise the panic of
            // a loop that ends in between would be lost.
            while let Some(ending) = control.take_ending() {
                drop(control);
                ending.join();
                control = lock(&self.inner.control);
            }
        }
        control.start_running()?;
        let client = self.clone();
        let started = LoopThread::spawn(move |stop| {
            let running = Running {
                client: &client,
                released: false,
            };
            // It ends with `Ok`, for it reconnects.
            let _ = client.run(running, stop);
        });
        match started {
            Ok(started) => control.started = Some(started),
            Err(error) => {
                control.stop_running();
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Stops the loop of [`loop_start`](Self::loop_start), and waits for its end. Inside a callback
    /// it does not wait.
    ///
    /// The connection stays open, and is not served until the next loop: the broker ends it after
    /// one and a half keep alives (MQTT 3.1.1 [MQTT-3.1.2-24]). A connection that
    /// [`disconnect`](Self::disconnect) is ending is closed first.
    ///
    /// # Errors
    /// [`Error::NotRunning`] if no loop was started, or it was stopped already. A loop that has
    /// ended by itself can be stopped once.
    ///
    /// # Panics
    /// If a callback has panicked, with that panic.
    pub fn loop_stop(&self) -> Result<(), Error> {
        let started = {
            let mut control = lock(&self.inner.control);
            let Some(started) = &control.started else {
                return Err(Error::NotRunning);
            };
            started.stop.set();
            if running_callbacks::runs_here(self.inner.number) {
                None
            } else {
                control.started.take()
            }
        };
        self.inner.wake.notify_one();
        if let Some(started) = started {
            started.join();
        }
        Ok(())
    }

    /// Claims the loop for this thread, until the guard is dropped.
    fn start_running(&self) -> Result<Running<'_, U>, Error> {
        if running_callbacks::runs_here(self.inner.number) {
            return Err(Error::InCallback);
        }
        lock(&self.inner.control).start_running()?;
        Ok(Running {
            client: self,
            released: false,
        })
    }

    /// Runs the loop on this thread.
    fn run(&self, mut running: Running<'_, U>, stop: &StopFlag) -> Result<(), Error> {
        let inner = &self.inner;
        let mut event_loop = lock(&inner.event_loop);
        event_loop.set_reconnects(true);
        let result = loop {
            {
                let mut control = lock(&inner.control);
                // After `disconnect` the loop ends by itself, once the connection is closed.
                if stop.is_set() && !event_loop.is_ending() {
                    control.stop_running();
                    break Ok(());
                }
            }
            match self.round(&mut event_loop, None) {
                Round::Over(result) if lock(&inner.control).end_running() => break result,
                Round::Over(_) | Round::Done => {}
            }
        };
        running.released = true;
        drop(event_loop);
        // Requests that came while this loop still had the connection, and no longer looked.
        self.serve_requests();
        result
    }

    /// Waits for something to happen, and calls the callbacks for all that has.
    fn round(&self, event_loop: &mut EventLoop, timeout: Option<Duration>) -> Round {
        let inner = &self.inner;
        let mut over = None;
        let mut ended = Vec::new();
        let config = self.connect_requested(event_loop);
        let mut next = match event_loop.wait(config.as_ref(), timeout, &inner.wake) {
            Waited::Event(event) => Some(event),
            Waited::Nothing => None,
            Waited::Ended => {
                // A loop that reconnects has no connection only after `disconnect`.
                over = Some(if event_loop.reconnects() {
                    Ok(())
                } else {
                    Err(Error::NotConnected)
                });
                None
            }
        };
        while let Some(event) = next {
            if let Event::Disconnected(result) = &event
                && !event_loop.reconnects()
            {
                over = Some(result.clone());
            }
            self.dispatch(event, &mut ended);
            next = event_loop.try_next();
        }
        inner.deliveries.finish(&mut ended);
        match over {
            // Another connection stands already, or a callback has asked for one.
            Some(_) if event_loop.is_up() || lock(&inner.control).connect.is_some() => Round::Done,
            Some(result) => Round::Over(result),
            None => Round::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientConfig;

    #[test]
    fn the_end_of_one_loop_does_not_release_the_next() {
        let client = Client::new(ClientConfig::default(), ()).unwrap();
        let mut first = client.start_running().unwrap();
        assert!(lock(&client.inner.control).end_running());
        first.released = true;
        let _second = client.start_running().unwrap();
        drop(first);
        assert!(matches!(client.start_running(), Err(Error::Running)));
    }
}
