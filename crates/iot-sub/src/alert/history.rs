//! The store as a destination: each report, and the alerts that are not ok.

use iot_alert::Event;
use iot_store::alerts::{AlertWriter, StateChange, open};

use super::delivery::{Delivery, Undelivered};
use super::source::Source;

/// Writes reports and states into the store.
pub(super) struct History {
    source: Source,
    /// Opened for the first report.
    writer: Option<Box<dyn AlertWriter>>,
}

impl History {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            writer: None,
        }
    }

    fn write(
        &mut self,
        write: impl FnOnce(&mut dyn AlertWriter) -> anyhow::Result<()>,
    ) -> Result<(), Undelivered> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(
                open(&self.source.url, &self.source.collection)
                    .map_err(|error| Undelivered::Later(format!("{error:#}")))?,
            ),
        };
        let written = write(&mut **writer);
        written.map_err(|error| Undelivered::Later(format!("{error:#}")))
    }
}

impl Delivery for History {
    fn name(&self) -> String {
        "the store".into()
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        self.write(|writer| writer.write_events(std::slice::from_ref(event)))
    }

    fn deliver_states(&mut self, changes: &[StateChange]) -> Result<(), Undelivered> {
        self.write(|writer| writer.write_states(changes))
    }
}
