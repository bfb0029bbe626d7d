//! What the store knows when the program starts: its series, and the values that conditions look
//! back to.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use iot_cli::StoreUrl;
use iot_store::read::{ReadError, Reader, RowQuestion, SeriesFilter, TimeRange, open};

use super::alerts::Alerts;
use crate::output::Messages;

/// How long the start waits for an answer of the store.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Delay between attempts to read a store that is away.
const DELAY: Duration = Duration::from_secs(30);
/// Most readings that are looked at for one condition.
const ROWS: u64 = 1_000_000;

/// A store, as the reading side opens it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    url: String,
    collection: String,
}

impl Source {
    /// Returns the source for a store, if there is one.
    pub(super) fn new(url: &StoreUrl, collection: &str) -> Option<Self> {
        let url = match url {
            StoreUrl::Nowhere => return None,
            StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            StoreUrl::MongoDb(url) => url.clone(),
        };
        Some(Self {
            url,
            collection: collection.to_owned(),
        })
    }

    fn read(&self, alerts: &Alerts) -> Result<(), ReadError> {
        let mut reader = open(&self.url, &self.collection)?;
        reader.set_timeout(Some(TIMEOUT));
        for series in reader.latest(&SeriesFilter::default())? {
            if let Some(last) = series.last {
                let key = series.key;
                alerts.known_series(&key.topic, key.metric.as_deref(), last.time);
            }
        }
        look_back(&mut *reader, alerts)
    }
}

/// Shows alerts the recent values that their conditions look back to.
fn look_back(reader: &mut dyn Reader, alerts: &Alerts) -> Result<(), ReadError> {
    for (filter, length) in alerts.look_back() {
        let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        let since = Utc::now().checked_sub_signed(length);
        let question = RowQuestion {
            limit: Some(ROWS),
            ..RowQuestion::new(
                filter,
                TimeRange::since(since.unwrap_or(DateTime::UNIX_EPOCH)),
            )
        };
        reader.rows(&question, &mut |row| {
            alerts.recall(&row);
            ControlFlow::Continue(())
        })?;
    }
    Ok(())
}

/// Reads what the store knows. If it is away, its series are read when it is back.
pub(super) fn learn(alerts: &Arc<Alerts>, source: Source, messages: &Messages) {
    match source.read(alerts) {
        // A new file is made later.
        Ok(()) | Err(ReadError::Unusable(_)) => {}
        Err(error) => {
            messages.report(&format_args!(
                "alerts do not know the series of the store yet: {error} (tried again)"
            ));
            let alerts = Arc::downgrade(alerts);
            std::thread::spawn(move || retry(&alerts, &source));
        }
    }
}

fn retry(alerts: &Weak<Alerts>, source: &Source) {
    loop {
        std::thread::sleep(DELAY);
        let Some(alerts) = alerts.upgrade() else {
            return;
        };
        if source.read(&alerts).is_ok() {
            return;
        }
    }
}
