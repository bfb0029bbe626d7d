//! Prints each message on stdout.

use std::io;
use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::{Printer, notify};
use iot_core::Message;

use crate::engine::counts::messages_were;
use crate::engine::observer::Observer;
use crate::engine::outcome::Outcome;
use crate::name::NAME;

/// Prints each message when it is published, as `TOPIC PAYLOAD`.
pub(crate) struct MessagePrinter {
    printer: Printer,
    /// It was reported that printing has failed.
    is_failure_reported: bool,
}

impl MessagePrinter {
    /// Returns one that prints on stdout.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn new() -> io::Result<Self> {
        let printer = Printer::new(io::stdout())?;
        Ok(Self {
            printer,
            is_failure_reported: false,
        })
    }
}

impl Observer for MessagePrinter {
    fn published(&mut self, message: &Message, shown: Option<&str>, _: Duration) {
        let payload = shown.map_or(&message.payload[..], str::as_bytes);
        let is_printed = self.printer.print(|out| {
            out.extend_from_slice(message.topic.as_str().as_bytes());
            out.push(b' ');
            out.extend_from_slice(payload);
            out.push(b'\n');
        });
        if !is_printed
            && !self.is_failure_reported
            && let Some(failure) = self.printer.failure()
        {
            self.is_failure_reported = true;
            notify(
                NAME,
                &format!("{failure}; printing stops, publishing continues"),
            );
        }
    }

    fn is_read(&self) -> bool {
        self.printer.is_idle()
    }

    fn done(&mut self, _: &Outcome, timeout: Duration) -> Result<()> {
        let reader_has_gone = self.printer.is_closed();
        let dropped = self.printer.finish(timeout);
        if let Some(failure) = self.printer.failure() {
            bail!(failure);
        }
        if dropped > 0 && !reader_has_gone {
            let lines = messages_were(dropped);
            notify(
                NAME,
                &format!("{lines} not printed: the reader of stdout is too slow"),
            );
        }
        Ok(())
    }
}
