//! What was rejected.

use std::ops::ControlFlow;

use bytes::Bytes;
use mongodb::action::{Action, Aggregate};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Bson, Document, RawDocument, doc, oid::ObjectId};

use super::questions::of_range;
use super::server::Server;
use super::value::{id, text, time, whole_id};
use crate::mongodb::numbers::whole;
use crate::read::{ReadError, RejectionGroup, RejectionRow, TimeRange};
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;

/// Returns the rejections by reason, the most frequent first.
pub(super) fn groups(server: &Server, range: TimeRange) -> Result<Vec<RejectionGroup>, ReadError> {
    let pipeline = [
        doc! {"$match": of_range(range)},
        doc! {"$group": {
            "_id": "$reason",
            "count": {"$sum": 1},
            "bytes": {"$sum": "$length"},
            "topics": {"$addToSet": "$topic"},
            "first": {"$min": "$reg_date"},
            "last": {"$max": {
                "reg_date": "$reg_date", "_id": "$_id", "topic": "$topic", "reason": "$reason",
                "length": "$length", "sha256": "$sha256", "kept": {"$binarySize": "$payload"},
            }},
        }},
        doc! {"$set": {"topics": {"$size": "$topics"}}},
        doc! {"$sort": {"count": -1, "_id": 1}},
    ];
    let (rejections, max_time) = (server.collections.rejections.clone(), server.max_time());
    let all = server.all(async move {
        let found = rejections.aggregate(pipeline).allow_disk_use(true);
        found
            .optional(max_time, Aggregate::max_time)
            .with_type()
            .await
    })?;
    let group = |document: &Document| {
        Some(RejectionGroup {
            reason: document.get_str("_id").ok()?.to_owned(),
            count: whole(document, "count").unsigned_abs(),
            bytes: whole(document, "bytes").unsigned_abs(),
            topics: whole(document, "topics").unsigned_abs(),
            first: time(*document.get_datetime("first").ok()?),
            last: of_document(document.get_document("last").ok()?)?,
        })
    };
    Ok(all.iter().filter_map(group).collect())
}

/// Passes rejections to `take`, the latest first.
pub(super) fn rows(
    server: &Server,
    range: TimeRange,
    reason: Option<&str>,
    take: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut filter = of_range(range);
    if let Some(reason) = reason {
        filter.insert("reason", reason);
    }
    let pipeline = [
        doc! {"$match": filter},
        doc! {"$set": {"kept": {"$binarySize": "$payload"}}},
        doc! {"$unset": "payload"},
        doc! {"$sort": {"_id": -1}},
    ];
    let (rejections, max_time) = (server.collections.rejections.clone(), server.max_time());
    let find = async move {
        let found = rejections.aggregate(pipeline).allow_disk_use(true);
        found
            .optional(max_time, Aggregate::max_time)
            .with_type()
            .await
    };
    server.documents(find, &mut |document: &RawDocument| {
        let row = Document::try_from(document).ok();
        match row.as_ref().and_then(of_document) {
            Some(mut row) => {
                row.id = id(document.get("_id").ok().flatten());
                take(row)
            }
            None => ControlFlow::Continue(()),
        }
    })
}

/// Returns a rejection with its payload.
pub(super) fn one(server: &Server, id: ReadingId) -> Result<Option<Rejection>, ReadError> {
    let rejections = server.collections.rejections.clone();
    let filter = doc! {"_id": ObjectId::from_bytes(id.bytes())};
    let found = server.request(async move { rejections.find_one(filter).await })?;
    let document = found.and_then(|found| Document::try_from(found).ok());
    Ok(document.and_then(|document| {
        let row = of_document(&document)?;
        let payload = match document.get("payload")? {
            Bson::Binary(binary) if binary.subtype == BinarySubtype::Generic => {
                binary.bytes.clone()
            }
            _ => return None,
        };
        let mut sha256 = [0; 32];
        for (index, byte) in sha256.iter_mut().enumerate() {
            let digits = row.sha256.get(2 * index..2 * index + 2)?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        Some(Rejection {
            id,
            topic: row.topic,
            payload: Bytes::from(payload),
            length: row.length,
            sha256,
            reason: row.reason,
            reg_date: row.time,
            once: false,
        })
    }))
}

fn of_document(document: &Document) -> Option<RejectionRow> {
    Some(RejectionRow {
        id: whole_id(document.get("_id")),
        topic: text(document, "topic")?,
        reason: document.get_str("reason").ok()?.to_owned(),
        length: whole(document, "length").unsigned_abs(),
        kept: whole(document, "kept").unsigned_abs(),
        sha256: document.get_str("sha256").ok()?.to_owned(),
        time: time(*document.get_datetime("reg_date").ok()?),
    })
}
