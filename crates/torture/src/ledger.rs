//! Compares what is in the store with what was published.

use std::collections::HashMap;

use mongodb::bson::{Document, doc};

use crate::message::{Key, qos};
use crate::shape::{METRICS, Shape};

/// How often the store has each number of each publisher.
pub struct Ledger {
    runtime: tokio::runtime::Runtime,
    database: mongodb::Database,
    shape: Shape,
}

/// What the store holds: how often it has each value of each message.
#[derive(Debug, Default)]
pub struct Held {
    counts: HashMap<Key, [u64; METRICS.len()]>,
    /// How many values a message has.
    values: usize,
}

impl Ledger {
    /// Opens the store at this URL.
    pub fn of(url: &str, shape: Shape) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let client = runtime
            .block_on(mongodb::Client::with_uri_str(url))
            .expect("a client");
        Self {
            runtime,
            database: client.database("iot_service"),
            shape,
        }
    }

    /// How many readings are stored.
    pub fn count(&self) -> u64 {
        let collection = self.database.collection::<Document>("sensors");
        self.runtime
            .block_on(async { collection.count_documents(doc! {}).await })
            .expect("a count")
    }

    /// Messages that were rejected; there should be none.
    pub fn rejected(&self) -> u64 {
        let collection = self.database.collection::<Document>("sensors_rejected");
        self.runtime
            .block_on(async { collection.count_documents(doc! {}).await })
            .expect("a count")
    }

    /// Reads the store. Each reading must have been sent, as it is now.
    pub fn read(&self, sent: &[usize]) -> Held {
        let mut held = Held {
            counts: HashMap::new(),
            values: self.shape.readings(),
        };
        self.runtime.block_on(async {
            let collection = self.database.collection::<Document>("sensors");
            let mut cursor = collection.find(doc! {}).await.expect("a cursor");
            while cursor.advance().await.expect("the next reading") {
                let document = cursor.deserialize_current().expect("a document");
                let Some((key, value)) = self.shape.sent_as(&document) else {
                    panic!("the store has what was never sent so: {document}");
                };
                assert!(
                    key.1 < *sent.get(key.0).unwrap_or(&0),
                    "the store has {key:?}, which was never sent"
                );
                held.counts.entry(key).or_default()[value] += 1;
            }
        });
        held
    }
}

impl Held {
    /// Returns how often all values of a message are there.
    fn whole(&self, counts: &[u64]) -> u64 {
        counts[..self.values].iter().copied().min().unwrap_or(0)
    }

    /// Returns the messages of which some values are there more often than others.
    pub fn uneven(&self) -> Vec<Key> {
        let counts = self.counts.iter();
        let uneven =
            counts.filter(|(_, counts)| counts[..self.values].iter().any(|it| *it != counts[0]));
        uneven.map(|(key, _)| *key).collect()
    }

    /// Returns each message that is there, and how often.
    pub fn counts(&self) -> impl Iterator<Item = (Key, u64)> {
        let counts = self.counts.iter();
        counts.map(|(key, counts)| (*key, self.whole(counts)))
    }

    /// Whether a reading is there.
    pub fn has(&self, key: Key) -> bool {
        let counts = self.counts.get(&key);
        counts.is_some_and(|counts| self.whole(counts) > 0)
    }

    /// Returns the sent readings that are missing.
    pub fn missing(&self, sent: &[usize]) -> Vec<Key> {
        let numbers = |(publisher, count): (usize, &usize)| {
            (0..*count).map(move |number| (publisher, number))
        };
        let all = sent.iter().enumerate().flat_map(numbers);
        all.filter(|key| !self.has(*key)).collect()
    }

    /// Counts the readings of this QoS that are stored more than once, beyond the first.
    pub fn again(&self, with: u8) -> u64 {
        self.counts()
            .filter(|((publisher, _), _)| qos(*publisher) == with)
            .map(|(_, count)| count.saturating_sub(1))
            .sum()
    }

    /// How many different ones there are.
    pub fn different(&self) -> usize {
        self.counts.len()
    }
}
