//! Reports a jq program that works on one message for so long that nothing else is received.
//!
//! A run is bounded between its steps. A single operation on a large value is one step.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use iot_decode::{Decoded, Map, Message, Reason};

/// How long a program may work on a message before that is reported.
const LIMIT: Duration = Duration::from_secs(5);

/// How often the clock is read.
const INTERVAL: Duration = Duration::from_secs(1);

/// What a program works on at the moment.
#[derive(Debug, Default)]
pub(crate) struct ProgramWatch {
    work: Mutex<Work>,
}

#[derive(Debug, Default)]
struct Work {
    /// `None` between two messages, and after a report.
    since: Option<Instant>,
    topic: String,
    program: String,
}

impl ProgramWatch {
    /// Runs a program on a message.
    pub(super) fn run(&self, map: &Map, message: &Message<'_>) -> Result<Decoded, Reason> {
        {
            let mut work = self.work();
            work.since = Some(Instant::now());
            message.topic.clone_into(&mut work.topic);
            // Usually the program of the message before.
            if work.program != map.text() {
                map.text().clone_into(&mut work.program);
            }
        }
        let decoded = map.run(message);
        self.work().since = None;
        decoded
    }

    /// Starts a thread that gives each report to `report`, and ends with this watch.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        self: &Arc<Self>,
        report: impl Fn(String) + Send + 'static,
    ) -> std::io::Result<()> {
        let watch = Arc::downgrade(self);
        let thread = thread::Builder::new().name("program-watch".to_owned());
        thread.spawn(move || {
            while let Some(watch) = Weak::upgrade(&watch) {
                if let Some(line) = watch.due(LIMIT) {
                    report(line);
                }
                drop(watch);
                thread::sleep(INTERVAL);
            }
        })?;
        Ok(())
    }

    /// Returns what is to be reported: each message once.
    fn due(&self, limit: Duration) -> Option<String> {
        let mut work = self.work();
        let is_due = work.since.is_some_and(|since| since.elapsed() >= limit);
        if !is_due {
            return None;
        }
        work.since = None;
        Some(format!(
            "a jq program works on a message on `{}` for more than {} s, and nothing else is received meanwhile: {}",
            work.topic,
            limit.as_secs(),
            work.program
        ))
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_long_run_is_reported_once_with_its_topic_and_program() {
        let watch = ProgramWatch::default();
        let (map, payload) = (Map::compile(".payload").unwrap(), Bytes::from_static(b"1"));
        let message = Message::new("iot/a", &payload, DateTime::UNIX_EPOCH);
        watch.run(&map, &message).unwrap();
        assert_eq!(watch.due(Duration::ZERO), None);
        watch.work().since = Some(Instant::now());
        assert_eq!(watch.due(Duration::from_hours(1)), None);
        assert_eq!(
            watch.due(Duration::ZERO).as_deref(),
            Some(
                "a jq program works on a message on `iot/a` for more than 0 s, and nothing else is received meanwhile: .payload"
            )
        );
        assert_eq!(watch.due(Duration::ZERO), None);
    }
}
