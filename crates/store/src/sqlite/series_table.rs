//! The series of a file: their row ids, units and metadata.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

use super::view;
use crate::reading::Reading;
use crate::recent_table::RecentTable;
use crate::series_update::SeriesUpdate;

/// Bytes of memory for what is known of series.
const BYTES: usize = 16 << 20;
/// What a metric takes beside its name.
const METRIC: usize = 100;

/// The series that were used last. It may also know some that are in no committed transaction:
/// [`forget`](Self::forget) them if the transaction fails.
#[derive(Debug)]
pub(super) struct SeriesTable {
    topics: RecentTable<OfTopic>,
    /// The view shows metrics and units.
    view_has_metric: bool,
}

/// The series of one topic.
#[derive(Debug, Default)]
struct OfTopic {
    /// The one without a metric.
    plain: Option<Known>,
    metrics: HashMap<Arc<str>, Known>,
}

/// What is known of a series.
#[derive(Debug)]
struct Known {
    id: i64,
    /// The unit of readings for which the file has no other.
    first_unit: Option<Arc<str>>,
    /// The unit of the latest reading.
    unit: Option<Arc<str>>,
}

/// Where a reading goes.
#[derive(Debug)]
pub(super) struct Place {
    /// Row id of its series.
    pub(super) id: i64,
    /// Its unit, if that is not the first one of the series.
    pub(super) unit: Option<Arc<str>>,
}

impl SeriesTable {
    /// Prepares for the series of a file.
    pub(super) fn new(connection: &Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            topics: RecentTable::new(BYTES),
            view_has_metric: view::has_metric(connection)?,
        })
    }

    /// Forgets all that it knows.
    pub(super) fn forget(&mut self) {
        self.topics = RecentTable::new(BYTES);
        // The view may have been changed; to look costs one statement.
        self.view_has_metric = false;
    }

    /// Returns where `reading` goes; a new series gets a row.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        reading: &Reading,
    ) -> rusqlite::Result<Place> {
        let Reading {
            topic,
            metric,
            unit,
            ..
        } = reading;
        let known = self.known(connection, topic, metric.as_ref())?;
        if unit.is_none() || *unit == known.unit {
            return Ok(known.place());
        }
        let (id, unit) = (known.id, unit.clone());
        set_unit(connection, id, known, unit)?;
        let place = known.place();
        self.show_metric(connection)?;
        Ok(place)
    }

    /// Takes note of what a message says about a series.
    pub(super) fn update(
        &mut self,
        connection: &Connection,
        update: &SeriesUpdate,
    ) -> rusqlite::Result<()> {
        let SeriesUpdate {
            topic,
            metric,
            unit,
            name,
            device,
            class,
        } = update;
        let known = self.known(connection, topic, metric.as_ref())?;
        let id = known.id;
        if unit.is_some() && *unit != known.unit {
            set_unit(connection, id, known, unit.clone())?;
            self.show_metric(connection)?;
        }
        connection
            .prepare_cached(
                "UPDATE series SET name = coalesce(?2, name), device = coalesce(?3, device),
                                   class = coalesce(?4, class) WHERE id = ?1",
            )?
            .execute((id, name.as_deref(), device.as_deref(), class.as_deref()))?;
        Ok(())
    }

    fn known(
        &mut self,
        connection: &Connection,
        topic: &Arc<str>,
        metric: Option<&Arc<str>>,
    ) -> rusqlite::Result<&mut Known> {
        let is_known = self.topics.get(topic).is_some_and(|of_topic| match metric {
            None => of_topic.plain.is_some(),
            Some(metric) => of_topic.metrics.contains_key(metric),
        });
        if !is_known {
            let known = read_or_insert(connection, topic, metric.map(|metric| &**metric))?;
            if metric.is_some() {
                self.show_metric(connection)?;
            }
            let mut of_topic = self.topics.remove(topic).unwrap_or_default();
            match metric {
                None => of_topic.plain = Some(known),
                Some(metric) => drop(of_topic.metrics.insert(Arc::clone(metric), known)),
            }
            let names = of_topic.metrics.keys().map(|name| METRIC + name.len());
            let heap = names.sum();
            self.topics.insert(Arc::clone(topic), of_topic, heap);
        }
        let of_topic = self.topics.get_mut(topic);
        let known = of_topic.and_then(|of_topic| match metric {
            None => of_topic.plain.as_mut(),
            Some(metric) => of_topic.metrics.get_mut(metric),
        });
        // It was put there just now.
        known.ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// Makes the view of a file of an earlier version show metrics and units.
    fn show_metric(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.view_has_metric {
            if !view::has_metric(connection)? {
                view::add_metric(connection)?;
            }
            self.view_has_metric = true;
        }
        Ok(())
    }
}

impl Known {
    fn place(&self) -> Place {
        let differs = self.unit != self.first_unit;
        Place {
            id: self.id,
            unit: differs.then(|| self.unit.clone()).flatten(),
        }
    }
}

/// Makes `unit` the present one of a series; the readings before keep theirs.
fn set_unit(
    connection: &Connection,
    id: i64,
    known: &mut Known,
    unit: Option<Arc<str>>,
) -> rusqlite::Result<()> {
    if known.unit.is_none() {
        // Those before had the same one, and nobody said it.
        known.first_unit.clone_from(&unit);
    }
    known.unit = unit;
    connection
        .prepare_cached("UPDATE series SET first_unit = ?2, unit = ?3 WHERE id = ?1")?
        .execute((id, known.first_unit.as_deref(), known.unit.as_deref()))?;
    Ok(())
}

fn read_or_insert(
    connection: &Connection,
    topic: &str,
    metric: Option<&str>,
) -> rusqlite::Result<Known> {
    let known = |row: &rusqlite::Row<'_>| {
        let text = |text: Option<String>| text.map(Arc::<str>::from);
        Ok(Known {
            id: row.get(0)?,
            first_unit: text(row.get(1)?),
            unit: text(row.get(2)?),
        })
    };
    // Two statements, as each uses an index of its own.
    let columns = "SELECT id, first_unit, unit FROM series WHERE topic = ?";
    let found = match metric {
        None => connection
            .prepare_cached(&format!("{columns} AND metric IS NULL"))?
            .query_row([topic], known),
        Some(metric) => connection
            .prepare_cached(&format!("{columns} AND metric = ?"))?
            .query_row((topic, metric), known),
    };
    if let Some(known) = found.optional()? {
        return Ok(known);
    }
    let id = connection
        .prepare_cached("INSERT INTO series (topic, metric) VALUES (?, ?)")?
        .insert((topic, metric))?;
    Ok(Known {
        id,
        first_unit: None,
        unit: None,
    })
}
