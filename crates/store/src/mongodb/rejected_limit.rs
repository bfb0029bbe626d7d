//! Drops the oldest rejections of a collection if they take too much room.

use mongodb::Collection;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::error::Error;

use super::collections::Collections;
use crate::failure::Failure;
use crate::keep_rejected::KeepRejected;

/// Most ids in one command.
const DELETED_AT_ONCE: usize = 5_000;

/// Drops the oldest rejections if all take more than `limit` bytes, as the server counts them
/// before it compresses them.
pub(super) async fn apply(collections: &Collections, limit: u64) -> Result<(), Failure> {
    let database = collections.database.clone();
    let command = doc! {"collStats": collections.rejections.name()};
    let stats = collections.request(async move { database.run_command(command).await });
    let all = number(stats.await?.get("size"));
    if all <= limit {
        return Ok(());
    }
    let excess = all - KeepRejected::kept_bytes(limit);
    let search = oldest(collections.rejections.clone(), excess);
    let ids = collections.request(search).await?;
    for ids in ids.chunks(DELETED_AT_ONCE) {
        let (rejections, filter) = (collections.rejections.clone(), doc! {"_id": {"$in": ids}});
        let delete = async move { rejections.delete_many(filter).await };
        collections.request(delete).await?;
    }
    Ok(())
}

/// Returns the ids of the oldest documents that together have at least so many bytes.
async fn oldest(collection: Collection<RawDocumentBuf>, bytes: u64) -> Result<Vec<Bson>, Error> {
    let pipeline = [
        doc! {"$project": {"reg_date": 1, "size": {"$bsonSize": "$$ROOT"}}},
        doc! {"$sort": {"reg_date": 1, "_id": 1}},
    ];
    let mut found = collection.aggregate(pipeline).allow_disk_use(true).await?;
    let (mut ids, mut size) = (Vec::new(), 0);
    while size < bytes && found.advance().await? {
        let document = Document::try_from(found.current())?;
        size += number(document.get("size"));
        ids.extend(document.get("_id").cloned());
    }
    Ok(ids)
}

fn number(value: Option<&Bson>) -> u64 {
    match value {
        Some(Bson::Int32(number)) => u64::try_from(*number).unwrap_or(0),
        Some(Bson::Int64(number)) => u64::try_from(*number).unwrap_or(0),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a size is a whole number that a double holds"
        )]
        Some(Bson::Double(number)) => *number as u64,
        _ => 0,
    }
}
