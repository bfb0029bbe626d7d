//! Compares what is in the store with what was published.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use crate::publisher::{Key, key, qos, text};

/// How often the store has each number of each publisher.
pub(crate) struct Ledger {
    runtime: tokio::runtime::Runtime,
    database: mongodb::Database,
}

/// What the store holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    counts: HashMap<Key, u64>,
}

impl Ledger {
    pub(crate) fn of(url: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let client = runtime
            .block_on(mongodb::Client::with_uri_str(url))
            .expect("a client");
        Self {
            runtime,
            database: client.database("iot_service"),
        }
    }

    /// How many readings are stored.
    pub(crate) fn count(&self) -> u64 {
        let collection = self.database.collection::<Document>("sensors");
        self.runtime
            .block_on(async { collection.count_documents(doc! {}).await })
            .expect("a count")
    }

    /// Messages that were rejected; there should be none.
    pub(crate) fn rejected(&self) -> u64 {
        let collection = self.database.collection::<Document>("sensors_rejected");
        self.runtime
            .block_on(async { collection.count_documents(doc! {}).await })
            .expect("a count")
    }

    /// Reads the store. Each reading must have been sent, as it is now.
    pub(crate) fn read(&self, sent: &[usize]) -> Held {
        let mut held = Held::default();
        self.runtime.block_on(async {
            let collection = self.database.collection::<Document>("sensors");
            let mut cursor = collection.find(doc! {}).await.expect("a cursor");
            while cursor.advance().await.expect("the next reading") {
                let document = cursor.deserialize_current().expect("a document");
                let Some(key) = sent_as(&document) else {
                    panic!("the store has what was never sent so: {document}");
                };
                assert!(
                    key.1 < *sent.get(key.0).unwrap_or(&0),
                    "the store has {key:?}, which was never sent"
                );
                *held.counts.entry(key).or_default() += 1;
            }
        });
        held
    }
}

/// Which reading this is, if nothing about it has changed.
fn sent_as(document: &Document) -> Option<Key> {
    let key = key(document.get_str("topic").ok()?)?;
    let value = document.get_document("value").ok()?;
    let number = match value.get("n")? {
        Bson::Int32(number) => usize::try_from(*number).ok()?,
        Bson::Int64(number) => usize::try_from(*number).ok()?,
        Bson::Double(number) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "compared with what was sent"
            )]
            let number = *number as usize;
            number
        }
        _ => return None,
    };
    let unchanged = number == key.1
        && value.get_str("x").ok()? == text(key)
        && value.len() == 2
        && document.get_datetime("reg_date").is_ok()
        && document.len() == 4;
    unchanged.then_some(key)
}

impl Held {
    /// Returns each reading that is there, and how often.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (Key, u64)> {
        self.counts.iter().map(|(key, count)| (*key, *count))
    }

    /// Whether a reading is there.
    pub(crate) fn has(&self, key: Key) -> bool {
        self.counts.contains_key(&key)
    }

    /// Returns the sent readings that are missing.
    pub(crate) fn missing(&self, sent: &[usize]) -> Vec<Key> {
        let numbers = |(publisher, count): (usize, &usize)| {
            (0..*count).map(move |number| (publisher, number))
        };
        let all = sent.iter().enumerate().flat_map(numbers);
        all.filter(|key| !self.has(*key)).collect()
    }

    /// Counts the readings of this QoS that are stored more than once, beyond the first.
    pub(crate) fn again(&self, with: u8) -> u64 {
        let counts = self.counts.iter();
        counts
            .filter(|((publisher, _), _)| qos(*publisher) == with)
            .map(|(_, count)| count - 1)
            .sum()
    }

    /// How many different ones there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }
}
