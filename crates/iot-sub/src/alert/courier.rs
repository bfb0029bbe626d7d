//! Delivers reports to one destination, oldest first, until each has arrived.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iot_alert::{AlertFile, FileError, STORE};

use super::delivery::{Delivery, Undelivered};
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::watch::alert_numbers::DestinationNumbers;

/// The file, and what wakes those who read it.
#[derive(Debug)]
pub(super) struct Shared {
    file: Mutex<AlertFile>,
    phase: Mutex<Phase>,
    changed: Condvar,
}

/// What couriers have to know beside the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Phase {
    /// Counts commits with reports.
    commits: u64,
    /// Set when the program ends: deliver what works at once until then.
    ends: Option<Instant>,
}

impl Shared {
    pub(super) fn new(file: AlertFile) -> Self {
        Self {
            file: Mutex::new(file),
            phase: Mutex::new(Phase {
                commits: 0,
                ends: None,
            }),
            changed: Condvar::new(),
        }
    }

    pub(super) fn file(&self) -> MutexGuard<'_, AlertFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies all couriers that there are new reports.
    pub(super) fn notify(&self) {
        self.phase().commits += 1;
        self.changed.notify_all();
    }

    /// Asks all couriers to end, at `deadline` at the latest.
    pub(super) fn end(&self, deadline: Instant) {
        self.phase().ends = Some(deadline);
        self.changed.notify_all();
    }

    /// Waits until something changes after `seen`, `longest` at most.
    fn wait(&self, seen: Phase, longest: Duration) -> Phase {
        let phase = self.phase();
        let same = |phase: &mut Phase| *phase == seen;
        let waited = self.changed.wait_timeout_while(phase, longest, same);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The thread of one destination.
pub(super) struct Courier {
    /// The destination's name in the file.
    pub(super) destination: &'static str,
    pub(super) delivery: Box<dyn Delivery>,
    pub(super) shared: Arc<Shared>,
    pub(super) messages: Messages,
    pub(super) numbers: Arc<DestinationNumbers>,
}

/// Longest wait without news.
const IDLE: Duration = Duration::from_mins(10);
/// Most states that are stored at once.
const STATES: u32 = 1_000;

impl Courier {
    pub(super) fn start(mut self) -> Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name(format!("alert-{}", self.destination))
            .spawn(move || self.run())
            .context("cannot start a thread")
    }

    fn run(&mut self) {
        let (shortest, longest) = self.delivery.delays();
        self.note_waiting();
        let mut delay = shortest;
        let mut reported: Option<String> = None;
        loop {
            let phase = *self.shared.phase();
            if phase
                .ends
                .is_some_and(|deadline| Instant::now() >= deadline)
            {
                return;
            }
            match self.deliver_next() {
                Ok(true) => {
                    delay = shortest;
                    if reported.take().is_some() {
                        let name = self.delivery.name();
                        self.messages
                            .report(&format_args!("alerts reach {name} again"));
                    }
                }
                Ok(false) if phase.ends.is_some() => return,
                Ok(false) => {
                    self.shared.wait(phase, IDLE);
                }
                Err(reason) => {
                    if reported.as_ref() != Some(&reason) {
                        let name = self.delivery.name();
                        self.messages.report(&format_args!(
                            "cannot deliver alerts to {name}: {reason} (kept, and tried again)"
                        ));
                        reported = Some(reason);
                    }
                    if phase.ends.is_some() {
                        return;
                    }
                    self.pause(delay);
                    delay = (delay * 2).min(longest);
                }
            }
        }
    }

    /// Waits before the next attempt; the end of the program ends the wait.
    fn pause(&self, delay: Duration) {
        let until = Instant::now() + delay;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let phase = *self.shared.phase();
            if left.is_zero() || phase.ends.is_some() {
                return;
            }
            self.shared.wait(phase, left);
        }
    }

    /// Delivers states, or the oldest report; returns whether there was one. An error is a reason
    /// to wait.
    fn deliver_next(&mut self) -> Result<bool, String> {
        let text = |error: FileError| error.to_string();
        if self.destination == STORE && self.deliver_states()? {
            return Ok(true);
        }
        let next = self.shared.file().next(self.destination).map_err(text)?;
        let Some(event) = next else {
            return Ok(false);
        };
        let id = &event.id;
        failpoint::pass(Point::BeforeAlertDelivery);
        match self.delivery.deliver(&event) {
            Ok(()) => {
                failpoint::pass(Point::AfterAlertDelivery);
                self.shared
                    .file()
                    .delivered(self.destination, id)
                    .map_err(text)?;
                self.numbers.delivered();
            }
            Err(Undelivered::Later(reason)) => {
                self.note_waiting();
                return Err(reason);
            }
            Err(Undelivered::Never(reason)) => {
                self.shared
                    .file()
                    .give_up(self.destination, id)
                    .map_err(text)?;
                let name = self.delivery.name();
                self.messages.report(&format_args!(
                    "an alert was not delivered to {name}, and is dropped: {reason}"
                ));
            }
        }
        self.note_waiting();
        Ok(true)
    }

    /// Delivers states that have changed; returns whether there were any.
    fn deliver_states(&mut self) -> Result<bool, String> {
        let text = |error: FileError| error.to_string();
        let (changes, last) = self.shared.file().changed(STATES).map_err(text)?;
        if changes.is_empty() {
            return Ok(false);
        }
        match self.delivery.deliver_states(&changes) {
            Ok(()) => self.shared.file().stored(last).map_err(text)?,
            Err(Undelivered::Later(reason) | Undelivered::Never(reason)) => return Err(reason),
        }
        Ok(true)
    }

    /// Takes note of how many reports wait and were dropped.
    fn note_waiting(&self) {
        let file = self.shared.file();
        if let (Ok(waiting), Ok(dropped)) = (
            file.waiting(self.destination),
            file.dropped(self.destination),
        ) {
            self.numbers.set(waiting, dropped);
        }
    }
}
