//! Retained messages that have come again: what a topic's last stored document holds is looked up,
//! for these alone.
//!
//! A collection has no index by topic unless it is asked for, so a search must not read all of it:
//! first the latest documents are searched for all topics at once, then one topic after the other
//! for as long as [`SEARCH_TIMEOUT`] lasts. What is not found by then counts as new, and is stored
//! again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawBson, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria};

use super::collections::Collections;
use super::document;
use super::failure::MAX_TIME_EXPIRED;
use super::item::Item;
use crate::failure::Failure;
use crate::reading::Reading;
use crate::rejection::Rejection;

/// How many of the latest documents are searched for all topics.
const LATEST: i64 = 20_000;
/// How long the rest of one batch may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(2);

/// Last stored values by series, beside the ids of their documents.
type Last = HashMap<Series, (Bson, RawBson)>;
/// A topic, and a metric if there is one.
type Series = (String, Option<String>);

/// By what the latest document is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Newest {
    /// By its time, where an index leads there.
    RegDate,
    /// By its `_id`, which has the time in it.
    Id,
}

impl Newest {
    fn field(self) -> &'static str {
        match self {
            Self::RegDate => "reg_date",
            Self::Id => "_id",
        }
    }
}

/// Leaves out retained readings whose series' last values they only repeat; returns the others.
pub(super) async fn without_repetitions<'a>(
    collections: &Collections,
    newest: Newest,
    readings: Vec<Item<'a>>,
) -> Result<Vec<Item<'a>>, Failure> {
    let once = readings.iter().filter(|item| is_once(item.reading));
    let series = distinct(once.map(|Item { reading, .. }| series_of(reading)));
    if series.is_empty() {
        return Ok(readings);
    }
    let search = search(collections.readings.clone(), series, "value", newest, true);
    let mut last = collections.request(search).await?;
    let mut fresh = Vec::with_capacity(readings.len());
    for item in readings {
        let reading = item.reading;
        let value = document::reading(reading)
            .ok()
            .and_then(|document| document.get("value").ok().flatten().map(RawBson::from));
        let id = document::id(reading.id);
        let key = series_of(reading);
        let known = last.get_mut(&key);
        if is_once(reading)
            && let (Some((last_id, last)), Some(value)) = (&known, &value)
            // Its own document is there where an attempt has failed only by its answer.
            && *last_id != id
            && last == value
        {
            continue;
        }
        match (known, value) {
            (Some(known), Some(value)) => *known = (id, value),
            (None, Some(value)) if is_once(reading) => {
                last.insert(key, (id, value));
            }
            _ => {}
        }
        fresh.push(item);
    }
    Ok(fresh)
}

fn is_once(reading: &Reading) -> bool {
    reading.extra.as_ref().is_some_and(|extra| extra.once)
}

fn series_of(reading: &Reading) -> Series {
    let metric = reading.metric.as_deref();
    (reading.topic.to_string(), metric.map(str::to_owned))
}

/// The same with rejections, as far as they are among the latest; beside each is the index of its
/// entry.
pub(super) async fn without_repeated_rejections<'a>(
    collections: &Collections,
    mut rejections: Vec<(usize, &'a Rejection)>,
) -> Result<Vec<(usize, &'a Rejection)>, Failure> {
    let topic = |rejection: &Rejection| (rejection.topic.to_string(), None);
    let once = rejections.iter().filter(|(_, rejection)| rejection.once);
    let topics = distinct(once.map(|(_, rejection)| topic(rejection)));
    if topics.is_empty() {
        return Ok(rejections);
    }
    let rejected = collections.rejections.clone();
    let search = search(rejected, topics, "sha256", Newest::Id, false);
    let last = collections.request(search).await?;
    rejections.retain(|(_, rejection)| {
        let repeats = rejection.once
            && last.get(&topic(rejection)).is_some_and(|(id, sha256)| {
                *id != document::id(rejection.id)
                    && *sha256 == RawBson::String(rejection.sha256_hex())
            });
        !repeats
    });
    Ok(rejections)
}

fn distinct(series: impl Iterator<Item = Series>) -> Vec<Series> {
    let mut series: Vec<Series> = series.collect();
    series.sort_unstable();
    series.dedup();
    series
}

/// Looks up what the last documents of `series` have in `field`: among the latest ones, and if
/// `thorough` also each series by itself.
async fn search(
    collection: Collection<RawDocumentBuf>,
    mut series: Vec<Series>,
    field: &'static str,
    newest: Newest,
    thorough: bool,
) -> Result<Last, Error> {
    let newest = newest.field();
    let deadline = Instant::now() + SEARCH_TIMEOUT;
    let left = || deadline.saturating_duration_since(Instant::now());
    // Whatever the URL says about reading: it has to see what was just written.
    let primary = || SelectionCriteria::ReadPreference(ReadPreference::Primary);
    let mut last = Last::new();
    let topics: Vec<&str> = series.iter().map(|(topic, _)| &**topic).collect();
    let latest = [
        doc! {"$sort": {newest: -1}},
        doc! {"$limit": LATEST},
        doc! {"$match": {"topic": {"$in": topics}}},
        // Within a second ids of two runs are in no order.
        doc! {"$sort": {"reg_date": -1, "_id": -1}},
        doc! {"$group": {
            "_id": {"topic": "$topic", "metric": "$metric"},
            "id": {"$first": "$_id"},
            "last": {"$first": format!("${field}")},
        }},
    ];
    let found = collection
        .aggregate(latest)
        .max_time(SEARCH_TIMEOUT)
        .selection_criteria(primary())
        .read_concern(ReadConcern::local())
        .await;
    if let Some(mut found) = in_time(found)? {
        while in_time(found.advance().await)?.unwrap_or(false) {
            let document = Document::try_from(found.current())?;
            if let Ok(key) = document.get_document("_id") {
                add(&mut last, key, &document, ["id", "last"]);
            }
        }
    }
    series.retain(|series| !last.contains_key(series));
    for (topic, metric) in series {
        if !thorough || left().is_zero() {
            break;
        }
        let found = collection
            .find_one(doc! {"topic": &topic, "metric": metric.as_deref()})
            .sort(doc! {newest: -1})
            .max_time(left())
            .selection_criteria(primary())
            .read_concern(ReadConcern::local())
            .await;
        match in_time(found)? {
            Some(Some(document)) => {
                let document = Document::try_from(&*document)?;
                add(&mut last, &document, &document, ["_id", field]);
            }
            Some(None) => {}
            None => break,
        }
    }
    Ok(last)
}

/// Adds what the last document of a series has in these fields; `key` has its topic and metric.
fn add(last: &mut Last, key: &Document, document: &Document, [id, value]: [&str; 2]) {
    if let (Ok(topic), Some(id), Some(value)) =
        (key.get_str("topic"), document.get(id), document.get(value))
        && let Ok(value) = RawBson::try_from(value.clone())
    {
        let metric = key.get_str("metric").ok().map(str::to_owned);
        last.insert((topic.to_owned(), metric), (id.clone(), value));
    }
}

/// Returns what was found, or nothing where that took too long.
fn in_time<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) => match &*error.kind {
            ErrorKind::Command(command) if command.code == MAX_TIME_EXPIRED => Ok(None),
            _ => Err(error),
        },
    }
}
