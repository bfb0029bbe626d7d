//! Shards the collection by topic, if the server is the mongos of a sharded cluster.
//!
//! The key begins with a hash of the topic, so topics spread over the shards from the beginning,
//! and all readings of a topic are on one shard: a retry meets its own `_id` there. It ends with
//! `_id`, so that the readings of one topic can be split. Each document has both fields, so each
//! insert goes to one shard.

use mongodb::bson::{Document, doc};

use super::collections::Collections;
use super::failure;
use crate::failure::Failure;
use crate::mongodb_options::Report;

/// The collection is sharded by another key.
const ALREADY_INITIALIZED: i32 = 23;

/// Shards the collection, if that is not done yet. What cannot be done is reported, and storing
/// continues without it.
///
/// # Errors
/// The server is away.
pub(super) async fn shard_by_topic(
    collections: &Collections,
    report: &Report,
) -> Result<(), Failure> {
    let (database, admin) = (&collections.database, collections.admin());
    let request = |on: &mongodb::Database, command: Document| {
        let database = on.clone();
        collections.answer(async move { database.run_command(command).await })
    };
    let name = &collections.name;
    let hello = request(&admin, doc! {"hello": 1}).await?;
    let hello = hello.map_err(|error| collections.failure(&error))?;
    // Only a mongos says so.
    if hello.get_str("msg").ok() != Some("isdbgrid") {
        report(&format!(
            "`{name}` is not sharded: the server is not the mongos of a sharded cluster"
        ));
        return Ok(());
    }
    let collection = collections.readings.name();
    let key = || doc! {"topic": "hashed", "_id": 1};
    let index = doc! {"key": key(), "name": "topic_hashed__id_1"};
    let steps = [
        // Before version 6.0, a database has to be enabled first.
        (&admin, doc! {"enableSharding": database.name()}),
        // A collection that is not empty needs the index of its key before.
        (
            database,
            doc! {"createIndexes": collection, "indexes": [index]},
        ),
        (
            &admin,
            doc! {"shardCollection": format!("{}.{collection}", database.name()), "key": key()},
        ),
    ];
    for (on, command) in steps {
        let Err(error) = request(on, command).await? else {
            continue;
        };
        match failure::command_code(&error) {
            Some(failure::INDEX_OPTIONS_CONFLICT) => {}
            Some(ALREADY_INITIALIZED) => {
                report(&format!(
                    "`{name}` is sharded by another key already; that stays as it is"
                ));
                return Ok(());
            }
            Some(code) if !failure::may_pass(code) => {
                let failure = collections.failure(&error);
                report(&format!(
                    "cannot shard `{name}`: {failure}; storing continues without it"
                ));
                return Ok(());
            }
            _ => return Err(collections.failure(&error)),
        }
    }
    Ok(())
}
