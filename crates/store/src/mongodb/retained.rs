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
use crate::failure::Failure;
use crate::reading::Reading;
use crate::rejection::Rejection;

/// How many of the latest documents are searched for all topics.
const LATEST: i64 = 20_000;
/// How long the rest of one batch may take.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(2);
/// The server has given up, as it was told to.
const MAX_TIME_EXPIRED: i32 = 50;

/// Last stored values by topic, beside the ids of their documents.
type Last = HashMap<String, (Bson, RawBson)>;

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

/// Leaves out retained readings whose topics' last values they only repeat; returns the others, and
/// how many were left out.
pub(super) async fn without_repetitions<'a>(
    collections: &Collections,
    newest: Newest,
    readings: Vec<&'a Reading>,
) -> Result<(Vec<&'a Reading>, u64), Failure> {
    let is_once = |reading: &&&Reading| reading.extra.as_ref().is_some_and(|extra| extra.once);
    let topics = distinct(
        readings
            .iter()
            .filter(is_once)
            .map(|reading| &*reading.topic),
    );
    if topics.is_empty() {
        return Ok((readings, 0));
    }
    let search = search(collections.readings.clone(), topics, "value", newest, true);
    let mut last = collections.request(search).await?;
    let before = readings.len();
    let mut fresh = Vec::with_capacity(before);
    for reading in readings {
        let value = document::reading(reading)
            .ok()
            .and_then(|document| document.get("value").ok().flatten().map(RawBson::from));
        let id = document::id(reading.id);
        let known = last.get_mut(&*reading.topic);
        if is_once(&&reading)
            && let (Some((last_id, last)), Some(value)) = (&known, &value)
            // Its own document is there where an attempt has failed only by its answer.
            && *last_id != id
            && last == value
        {
            continue;
        }
        match (known, value) {
            (Some(known), Some(value)) => *known = (id, value),
            (None, Some(value)) if is_once(&&reading) => {
                last.insert(reading.topic.to_string(), (id, value));
            }
            _ => {}
        }
        fresh.push(reading);
    }
    let left_out = before - fresh.len();
    Ok((fresh, left_out as u64))
}

/// The same with rejections, as far as they are among the latest.
pub(super) async fn without_repeated_rejections<'a>(
    collections: &Collections,
    rejections: Vec<&'a Rejection>,
) -> Result<(Vec<&'a Rejection>, u64), Failure> {
    let once = rejections.iter().filter(|rejection| rejection.once);
    let topics = distinct(once.map(|rejection| &*rejection.topic));
    if topics.is_empty() {
        return Ok((rejections, 0));
    }
    let rejected = collections.rejections.clone();
    let search = search(rejected, topics, "sha256", Newest::Id, false);
    let last = collections.request(search).await?;
    let before = rejections.len();
    let repeats = |rejection: &&Rejection| {
        rejection.once
            && last.get(&*rejection.topic).is_some_and(|(id, sha256)| {
                *id != document::id(rejection.id)
                    && *sha256 == RawBson::String(rejection.sha256_hex())
            })
    };
    let fresh: Vec<_> = rejections
        .into_iter()
        .filter(|rejection| !repeats(rejection))
        .collect();
    let left_out = before - fresh.len();
    Ok((fresh, left_out as u64))
}

fn distinct<'a>(topics: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut topics: Vec<String> = topics.map(str::to_owned).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}

/// Looks up what the last documents of `topics` have in `field`: among the latest ones, and if
/// `thorough` also each topic by itself.
async fn search(
    collection: Collection<RawDocumentBuf>,
    mut topics: Vec<String>,
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
    let latest = [
        doc! {"$sort": {newest: -1}},
        doc! {"$limit": LATEST},
        doc! {"$match": {"topic": {"$in": topics.clone()}}},
        // Within a second ids of two runs are in no order.
        doc! {"$sort": {"reg_date": -1, "_id": -1}},
        doc! {"$group": {"_id": "$topic", "id": {"$first": "$_id"}, "last": {"$first": format!("${field}")}}},
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
            add(&mut last, &document, "_id", "id", "last");
        }
    }
    topics.retain(|topic| !last.contains_key(topic));
    for topic in topics {
        if !thorough || left().is_zero() {
            break;
        }
        let found = collection
            .find_one(doc! {"topic": &topic})
            .sort(doc! {newest: -1})
            .max_time(left())
            .selection_criteria(primary())
            .read_concern(ReadConcern::local())
            .await;
        match in_time(found)? {
            Some(Some(document)) => {
                let document = Document::try_from(&*document)?;
                add(&mut last, &document, "topic", "_id", field);
            }
            Some(None) => {}
            None => break,
        }
    }
    Ok(last)
}

fn add(last: &mut Last, document: &Document, topic: &str, id: &str, value: &str) {
    if let (Ok(topic), Some(id), Some(value)) = (
        document.get_str(topic),
        document.get(id),
        document.get(value),
    ) && let Ok(value) = RawBson::try_from(value.clone())
    {
        last.insert(topic.to_owned(), (id.clone(), value));
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
