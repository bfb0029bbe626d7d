//! The two ways in which documents are inserted. Each returns the server's errors about single
//! documents.

use mongodb::Collection;
use mongodb::bson::{Bson, RawArrayBuf, RawDocumentBuf, cstr, deserialize_from_bson, rawdoc};
use mongodb::error::{ErrorKind, IndexedWriteError};

use super::collections::Collections;
use crate::failure::Failure;

/// How documents are inserted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Insertion {
    /// By a command of our own. The driver's `insert_many` copies each document twice and puts each
    /// id into a table, which takes more time than all that we do ourselves.
    Command,
    /// By the driver's `insert_many`, which repeats an insert without an answer once, in a way that
    /// the servers recognise. This matters if no index makes ids unique.
    Driver,
}

impl Insertion {
    /// Inserts documents, in any order.
    ///
    /// # Errors
    /// It is unknown which of them are inserted.
    pub(super) async fn insert(
        self,
        collections: &Collections,
        collection: &Collection<RawDocumentBuf>,
        documents: RawArrayBuf,
    ) -> Result<Vec<IndexedWriteError>, Failure> {
        match self {
            Self::Command => by_command(collections, collection.name(), documents).await,
            Self::Driver => by_driver(collections, collection.clone(), &documents).await,
        }
    }
}

async fn by_command(
    collections: &Collections,
    collection: &str,
    documents: RawArrayBuf,
) -> Result<Vec<IndexedWriteError>, Failure> {
    let mut command = rawdoc! {"insert": collection};
    command.append(cstr!("documents"), documents);
    let mut reply = collections.write_raw(command).await?;
    let Some(Bson::Array(errors)) = reply.remove("writeErrors") else {
        return Ok(Vec::new());
    };
    let errors = errors.into_iter().map(deserialize_from_bson);
    let errors: Result<_, _> = errors.collect();
    errors.map_err(|error| Failure::Unknown(format!("an unknown reply: {error}")))
}

async fn by_driver(
    collections: &Collections,
    collection: Collection<RawDocumentBuf>,
    documents: &RawArrayBuf,
) -> Result<Vec<IndexedWriteError>, Failure> {
    let documents = { documents.into_iter().flatten() }
        .filter_map(|document| Some(document.as_document()?.to_owned()));
    let documents: Vec<RawDocumentBuf> = documents.collect();
    let insert = async move { collection.insert_many(documents).ordered(false).await };
    let Err(error) = collections.answer(insert).await? else {
        return Ok(Vec::new());
    };
    match &*error.kind {
        ErrorKind::InsertMany(errors)
            if errors.write_concern_error.is_none()
                && let Some(errors) = &errors.write_errors =>
        {
            Ok(errors.clone())
        }
        _ => Err(collections.failure(&error)),
    }
}
