//! Requests of other threads and callbacks to the loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use crate::config::ClientConfig;
use crate::error::Error;

#[derive(Default)]
pub(super) struct Control {
    /// What the next connection is made with.
    pub(super) config: Arc<ClientConfig>,
    /// A broker is set: by `connect`, `connect_async` or `reconnect`.
    pub(super) has_target: bool,
    /// Connect now; the result goes to the threads that wait for it.
    pub(super) connect: Option<Vec<mpsc::SyncSender<Result<(), Error>>>>,
    /// A loop runs: that of `loop_start`, `loop_forever` or `loop_once`.
    running: bool,
    /// The thread of `loop_start`, until it is joined.
    pub(super) started: Option<LoopThread>,
}

impl Control {
    pub(super) fn new(config: Arc<ClientConfig>) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// Claims the loop for one thread.
    pub(super) fn start_running(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.running, true) {
            return Err(Error::Running);
        }
        Ok(())
    }

    /// Releases the loop, unless a thread waits for the connection that it is to make: a thread
    /// that asks for one and sees a loop run must not be left with a loop that was about to end.
    pub(super) fn end_running(&mut self) -> bool {
        self.running = self.connect.is_some();
        !self.running
    }

    /// Releases the loop in any case.
    pub(super) fn stop_running(&mut self) {
        self.running = false;
    }

    /// Returns the thread of `loop_start` if it has ended or is about to.
    pub(super) fn take_ending(&mut self) -> Option<LoopThread> {
        let running = self.running;
        self.started
            .take_if(|started| !running || started.stop.is_set())
    }
}

/// The thread of one `loop_start`.
pub(super) struct LoopThread {
    thread: JoinHandle<()>,
    pub(super) stop: StopFlag,
}

impl LoopThread {
    pub(super) fn spawn(
        run: impl FnOnce(&StopFlag) + Send + 'static,
    ) -> Result<Self, std::io::Error> {
        let stop = StopFlag::default();
        let flag = stop.clone();
        let thread = thread::Builder::new()
            .name("iot-core loop".into())
            .spawn(move || run(&flag))?;
        Ok(Self { thread, stop })
    }

    /// Waits for the end. Passes on the panic of a callback.
    pub(super) fn join(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Tells one loop to stop.
#[derive(Debug, Clone, Default)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_does_not_end_while_somebody_waits_for_its_connection() {
        let mut control = Control::default();
        control.start_running().unwrap();
        control.connect = Some(Vec::new());
        assert!(!control.end_running());
        assert!(matches!(control.start_running(), Err(Error::Running)));
        control.connect = None;
        assert!(control.end_running());
        control.start_running().unwrap();
    }
}
