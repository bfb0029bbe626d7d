//! What the store knows when the program starts: its series, and the values that conditions look
//! back to.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use iot_store::read::{ReadError, Reader, RowQuestion, SeriesFilter, TimeRange, open};

use super::alerts::Alerts;
use super::source::Source;
use crate::clock;
use crate::output::Messages;

/// How long the start waits for an answer of the store.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Delay between attempts to read a store that is away.
const DELAY: Duration = Duration::from_secs(30);
/// Most readings that are looked at for one condition.
const ROWS: u64 = 1_000_000;

/// Reads the series and recent values.
fn read(source: &Source, alerts: &Alerts) -> Result<(), ReadError> {
    let mut reader = open(&source.url, &source.collection)?;
    reader.set_timeout(Some(TIMEOUT));
    for series in reader.latest(&SeriesFilter::default())? {
        if let Some(last) = series.last {
            let key = series.key;
            alerts.known_series(&key.topic, key.metric.as_deref(), last.time);
        }
    }
    look_back(&mut *reader, alerts)
}

/// Shows alerts the recent values that their conditions look back to.
fn look_back(reader: &mut dyn Reader, alerts: &Alerts) -> Result<(), ReadError> {
    for (filter, length) in alerts.look_back() {
        let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX);
        let since = clock::now().checked_sub_signed(length);
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
    match read(&source, alerts) {
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
        if read(source, &alerts).is_ok() {
            return;
        }
    }
}
