//! The series of a collection.

use std::collections::BTreeMap;

use mongodb::action::{Action, Aggregate, Find};
use mongodb::bson::{Document, doc};

use super::questions::of_filter;
use super::server::Server;
use super::value::{text, time, value, whole_id};
use crate::mongodb::numbers::whole;
use crate::mongodb::series_notes::SERIES;
use crate::read::{Latest, ReadError, Series, SeriesFilter, SeriesKey};

/// Returns the series that `filter` selects, with their counts and first times if `whole`: for that
/// the server reads all of their readings. Without, it reads what `iot-sub` has noted of them, if
/// it has noted anything.
pub(super) fn list(
    server: &Server,
    filter: &SeriesFilter,
    is_whole: bool,
) -> Result<Vec<Series>, ReadError> {
    let mut all = BTreeMap::new();
    for document in noted(server, filter)? {
        if let Some(mut series) = of_note(&document)
            && filter.matches(&series.key)
        {
            if is_whole {
                // It may be gone; the readings tell.
                series.last = None;
            }
            all.insert(series.key.clone(), series);
        }
    }
    if is_whole || all.is_empty() {
        for document in counted(server, filter)? {
            let Some(counted) = of_group(&document) else {
                continue;
            };
            if !filter.matches(&counted.key) {
                continue;
            }
            let series = all.entry(counted.key.clone()).or_insert_with(|| Series {
                key: counted.key.clone(),
                unit: counted.unit.clone(),
                ..Series::default()
            });
            series.last = counted.last;
            if is_whole {
                series.count = counted.count;
                series.first = counted.first;
            }
        }
    }
    let mut all: Vec<_> = all.into_values().collect();
    if !is_whole {
        for series in &mut all {
            series.first = None;
        }
    }
    Ok(all)
}

fn noted(server: &Server, filter: &SeriesFilter) -> Result<Vec<Document>, ReadError> {
    let (notes, filter) = (server.beside(SERIES), of_filter(filter));
    let max_time = server.max_time();
    server.all(async move { notes.find(filter).optional(max_time, Find::max_time).await })
}

fn of_note(document: &Document) -> Option<Series> {
    let last = document.get_document("last").ok();
    let last = last.and_then(|last| {
        Some(Latest {
            value: value(last.get("value")?.clone()),
            time: time(*last.get_datetime("reg_date").ok()?),
            id: whole_id(last.get("id")),
        })
    });
    Some(Series {
        key: SeriesKey {
            topic: text(document, "topic")?,
            metric: text(document, "metric"),
        },
        unit: text(document, "unit"),
        name: text(document, "name"),
        device: text(document, "device"),
        class: text(document, "class"),
        count: 0,
        first: None,
        last,
    })
}

fn counted(server: &Server, filter: &SeriesFilter) -> Result<Vec<Document>, ReadError> {
    let pipeline = [
        doc! {"$match": of_filter(filter)},
        doc! {"$group": {
            "_id": {"topic": "$topic", "metric": "$metric"},
            "count": {"$sum": 1},
            "first": {"$min": "$reg_date"},
            // Documents are compared field by field.
            "last": {"$max": {"reg_date": "$reg_date", "id": "$_id", "value": "$value", "unit": "$unit"}},
        }},
    ];
    let (readings, max_time) = (server.collections.readings.clone(), server.max_time());
    server.all(async move {
        let found = readings.aggregate(pipeline).allow_disk_use(true);
        found
            .optional(max_time, Aggregate::max_time)
            .with_type()
            .await
    })
}

fn of_group(document: &Document) -> Option<Series> {
    let key = document.get_document("_id").ok()?;
    let last = document.get_document("last").ok()?;
    Some(Series {
        key: SeriesKey {
            topic: text(key, "topic")?,
            metric: text(key, "metric"),
        },
        unit: text(last, "unit"),
        count: whole(document, "count").unsigned_abs(),
        first: document
            .get_datetime("first")
            .ok()
            .map(|first| time(*first)),
        last: Some(Latest {
            value: value(last.get("value")?.clone()),
            time: time(*last.get_datetime("reg_date").ok()?),
            id: whole_id(last.get("id")),
        }),
        ..Series::default()
    })
}
