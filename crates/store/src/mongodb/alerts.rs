//! The collections `sensors_alerts`, what alerts have reported, and `sensors_alert_states`, those
//! that are not ok.

use anyhow::{Context, bail};
use mongodb::bson::{Bson, DateTime, Document, doc};
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use super::collections::Collections;
use crate::alerts::{AlertState, AlertWriter, CurrentAlert, CurrentState, Event, StateChange};
use crate::read::SeriesKey;

/// What follows the name of the collection of readings.
pub(super) const HISTORY: &str = "_alerts";
pub(super) const STATES: &str = "_alert_states";

/// Writes alerts into collections.
pub struct AlertCollections {
    collections: Collections,
    runtime: Option<Runtime>,
}

impl AlertCollections {
    /// Prepares for the deployment at `url`, whether it is there or not.
    ///
    /// # Errors
    /// The URL is malformed, or no collection can have this name.
    pub fn open(url: &str, collection: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mongodb-alerts")
            .enable_all()
            .build()
            .context("cannot start a thread")?;
        let collections = runtime.block_on(Collections::open(url, collection))?;
        Ok(Self {
            collections,
            runtime: Some(runtime),
        })
    }

    /// Runs a command that writes, and waits until it is safe.
    fn write(&self, command: Document) -> anyhow::Result<()> {
        let runtime = self.runtime.as_ref().context("the store is closed")?;
        let name = &self.collections.name;
        let reply = runtime
            .block_on(self.collections.write(command))
            .map_err(|failure| anyhow::anyhow!("cannot write store `{name}`: {failure}"))?;
        let refused = reply.get_array("writeErrors").ok();
        let refused = refused.and_then(|errors| errors.first()?.as_document());
        if let Some(error) = refused {
            let why = error.get_str("errmsg").unwrap_or("refused");
            bail!("cannot write store `{name}`: {why}");
        }
        Ok(())
    }

    fn upsert(&self, suffix: &str, documents: Vec<Document>) -> anyhow::Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let updates = documents.into_iter().map(|document| {
            let id = document.get("_id").cloned().unwrap_or(Bson::Null);
            doc! {"q": {"_id": id}, "u": document, "upsert": true}
        });
        let updates: Vec<Document> = updates.collect();
        let name = self.collections.beside_name(suffix);
        self.write(doc! {"update": name, "updates": updates})
    }
}

impl AlertWriter for AlertCollections {
    fn name(&self) -> &str {
        &self.collections.name
    }

    fn write_events(&mut self, events: &[Event]) -> anyhow::Result<()> {
        self.upsert(HISTORY, events.iter().map(of_event).collect())
    }

    fn write_states(&mut self, changes: &[StateChange]) -> anyhow::Result<()> {
        let kept = changes.iter().filter_map(|change| {
            let current = change.current.as_ref()?;
            Some(of_current(current))
        });
        self.upsert(STATES, kept.collect())?;
        let gone = changes.iter().filter(|change| change.current.is_none());
        let deletes = gone.map(|change| {
            let id = state_id(&change.name, &change.key);
            doc! {"q": {"_id": id}, "limit": 1}
        });
        let deletes: Vec<Document> = deletes.collect();
        if deletes.is_empty() {
            return Ok(());
        }
        let name = self.collections.beside_name(STATES);
        self.write(doc! {"delete": name, "deletes": deletes})
    }
}

impl Drop for AlertCollections {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn state_id(name: &str, key: &SeriesKey) -> Document {
    let mut id = doc! {"name": name, "topic": &*key.topic};
    if let Some(metric) = &key.metric {
        id.insert("metric", &**metric);
    }
    id
}

fn of_current(current: &CurrentAlert) -> Document {
    let CurrentAlert {
        name,
        key,
        state,
        since,
        reason,
    } = current;
    let mut document = doc! {"_id": state_id(name, key), "name": name, "topic": &*key.topic};
    if let Some(metric) = &key.metric {
        document.insert("metric", &**metric);
    }
    document.insert("state", state.name());
    document.insert("since", DateTime::from_millis(*since));
    document.insert("reason", reason);
    document
}

fn of_event(event: &Event) -> Document {
    let mut document = doc! {"_id": &event.id, "name": &event.name, "topic": &event.topic};
    if let Some(metric) = &event.metric {
        document.insert("metric", metric);
    }
    document.insert("state", event.state.name());
    if event.repeated {
        document.insert("repeated", true);
    }
    match &event.value {
        None => {}
        Some(Json::String(text)) => {
            document.insert("value", text);
        }
        Some(value) => {
            let number = value.as_f64().map(Bson::Double);
            document.insert("value", number.unwrap_or_else(|| value.to_string().into()));
        }
    }
    if let Some(unit) = &event.unit {
        document.insert("unit", unit);
    }
    document.insert("since", DateTime::from_millis(event.since));
    document.insert("reg_date", DateTime::from_millis(event.time));
    document.insert("reason", &event.reason);
    document
}

/// Returns the series that a document is about.
fn key(document: &Document) -> Option<SeriesKey> {
    Some(SeriesKey {
        topic: document.get_str("topic").ok()?.into(),
        metric: document.get_str("metric").ok().map(Into::into),
    })
}

fn millis(document: &Document, field: &str) -> Option<i64> {
    Some(document.get_datetime(field).ok()?.timestamp_millis())
}

/// Returns the alert that a document is.
pub(super) fn to_current(document: &Document) -> Option<CurrentAlert> {
    Some(CurrentAlert {
        name: document.get_str("name").ok()?.to_owned(),
        key: key(document)?,
        state: CurrentState::of_name(document.get_str("state").ok()?)?,
        since: millis(document, "since")?,
        reason: document.get_str("reason").ok()?.to_owned(),
    })
}

/// Returns the report that a document is.
pub(super) fn to_event(document: &Document) -> Option<Event> {
    let text = |field| document.get_str(field).ok().map(str::to_owned);
    Some(Event {
        id: text("_id")?,
        name: text("name")?,
        topic: text("topic")?,
        metric: text("metric"),
        state: AlertState::of_name(document.get_str("state").ok()?),
        repeated: document.get_bool("repeated").unwrap_or_default(),
        value: match document.get("value") {
            Some(Bson::Double(number)) => Some(Json::from(*number)),
            Some(Bson::String(text)) => Some(Json::from(text.as_str())),
            _ => None,
        },
        unit: text("unit"),
        since: millis(document, "since")?,
        time: millis(document, "reg_date")?,
        reason: text("reason")?,
    })
}
