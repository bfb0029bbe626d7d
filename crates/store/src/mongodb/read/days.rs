//! The cached rollups of days that are over, and how they are made.

use std::collections::BTreeMap;

use mongodb::action::{Action, Find};
use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};

use super::cells::{HOUR, MINUTE, Timed, added_up, coarser, decode, encode};
use super::server::Server;
use crate::mongodb::series_notes::{DAY, ROLLUPS, day_id, series_id};
use crate::read::{ReadError, SeriesKey};

/// A day's rollups are kept when it has been over for so long, as clocks differ.
const OVER: i64 = HOUR;
/// Most days that are made, or read, at once.
const DAYS: usize = 31;

/// Returns the cells of a series from one time to another, which begin and end with a cell.
pub(super) fn cells(
    server: &Server,
    key: &SeriesKey,
    (from, to): (i64, i64),
    length: i64,
) -> Result<Vec<Timed>, ReadError> {
    let now = crate::now().timestamp_millis();
    let first = from.div_euclid(DAY);
    // The first day that is not over.
    let open = (now - OVER)
        .div_euclid(DAY)
        .min((to - 1).div_euclid(DAY) + 1);
    let mut all = Vec::new();
    let days: Vec<i64> = (first..open.max(first)).collect();
    for days in days.chunks(DAYS) {
        all.extend(of_days(server, key, days, length)?);
    }
    all.retain(|(start, _)| (from..to).contains(start));
    let open_from = from.max(open.max(first) * DAY);
    all.extend(added_up(server, key, (open_from, to), length)?);
    Ok(all)
}

/// What is cached of a day.
struct Cached {
    late: i64,
    cells: Option<Vec<Timed>>,
}

fn of_days(
    server: &Server,
    key: &SeriesKey,
    days: &[i64],
    length: i64,
) -> Result<Vec<Timed>, ReadError> {
    let mut cached = read(server, key, days, length)?;
    let is_missing = |day: &i64| cached.get(day).is_none_or(|cached| cached.cells.is_none());
    let missing: Vec<i64> = days.iter().copied().filter(is_missing).collect();
    if let (Some(first), Some(last)) = (missing.first(), missing.last()) {
        let can_keep = begin(server, key, &missing).is_ok();
        // What `late` is before the readings are read.
        let before = read(server, key, &missing, length)?;
        let span = (first * DAY, (last + 1) * DAY);
        let mut made: BTreeMap<i64, Vec<Timed>> = BTreeMap::new();
        for cell in added_up(server, key, span, MINUTE)? {
            made.entry(cell.0.div_euclid(DAY)).or_default().push(cell);
        }
        let mut updates = Vec::new();
        for day in missing {
            let minutes = made.remove(&day).unwrap_or_default();
            let hours = coarser(&minutes, HOUR);
            if let Some(Cached { late, .. }) = before.get(&day) {
                updates.push(keep(key, day, *late, &minutes, &hours));
            }
            let cells = if length == HOUR { hours } else { minutes };
            let late = 0;
            let cells = Some(cells);
            cached.insert(day, Cached { late, cells });
        }
        if can_keep {
            // Without the right to write it is made again the next time.
            let _ = update(server, updates);
        }
    }
    let cells = cached.into_values().filter_map(|cached| cached.cells);
    Ok(cells.flatten().collect())
}

fn id(key: &SeriesKey, day: i64) -> String {
    day_id(&series_id(&key.topic, key.metric.as_deref()), day)
}

fn read(
    server: &Server,
    key: &SeriesKey,
    days: &[i64],
    length: i64,
) -> Result<BTreeMap<i64, Cached>, ReadError> {
    let ids: Vec<String> = days.iter().map(|day| id(key, *day)).collect();
    let field = if length == HOUR { "hours" } else { "minutes" };
    let path = format!("cells.{field}");
    let (rollups, max_time) = (server.beside(ROLLUPS), server.max_time());
    let found = server.all(async move {
        rollups
            .find(doc! {"_id": {"$in": ids}})
            .projection(doc! {"day": 1, "late": 1, path: 1})
            .optional(max_time, Find::max_time)
            .await
    })?;
    let cached = found.iter().filter_map(|document| {
        let day = document.get_i64("day").ok()?;
        let late = crate::mongodb::numbers::whole(document, "late");
        let bytes = document.get_document("cells").ok();
        let bytes = bytes.and_then(|cells| cells.get_binary_generic(field).ok());
        let cells = bytes.and_then(|bytes| decode(bytes, day * DAY));
        Some((day, Cached { late, cells }))
    });
    Ok(cached.collect())
}

/// Makes documents for days without cells: from now on late readings are counted there.
fn begin(server: &Server, key: &SeriesKey, days: &[i64]) -> Result<(), ReadError> {
    let begin = |day: &i64| {
        let new =
            doc! {"topic": &*key.topic, "metric": key.metric.as_deref(), "day": day, "late": 0_i64};
        doc! {"q": {"_id": id(key, *day)}, "u": {"$setOnInsert": new}, "upsert": true}
    };
    update(server, days.iter().map(begin).collect())
}

/// Keeps the cells of a day, unless late readings have come meanwhile.
fn keep(key: &SeriesKey, day: i64, late: i64, minutes: &[Timed], hours: &[Timed]) -> Document {
    let binary = |cells: &[Timed]| {
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: encode(cells, day * DAY),
        })
    };
    let cells = doc! {"minutes": binary(minutes), "hours": binary(hours)};
    doc! {"q": {"_id": id(key, day), "late": late}, "u": {"$set": {"cells": cells}}}
}

fn update(server: &Server, updates: Vec<Document>) -> Result<(), ReadError> {
    let name = server.beside(ROLLUPS).name().to_owned();
    let command = doc! {"update": name, "updates": updates, "ordered": false};
    let database = server.collections.database.clone();
    let reply = server.request(async move { database.run_command(command).await });
    reply.map(drop)
}
