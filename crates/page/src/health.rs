//! The state of the program that serves the page.

use serde::Serialize;

/// Where the page gets the program's state from.
pub trait Status: Send + Sync {
    /// Returns the state of this moment. Is called once a second.
    fn health(&self) -> Health;
}

/// The state of a program that only reads a store.
#[derive(Debug, Default)]
pub struct NoStatus {
    /// The program and its version.
    pub program: String,
    /// The store's name, without a password.
    pub store: Option<String>,
}

impl Status for NoStatus {
    fn health(&self) -> Health {
        Health {
            program: self.program.clone(),
            store: self.store.clone().map(|name| StoreState { name, up: None }),
            ..Health::default()
        }
    }
}

/// The state of a program. What it does not have is `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Health {
    /// The program and its version.
    pub program: String,
    /// Messages by what became of them.
    pub messages: Option<Messages>,
    /// The broker.
    pub broker: Option<Broker>,
    /// The store; `None` if nothing is stored.
    pub store: Option<StoreState>,
    /// The file before a database.
    pub spool: Option<Spool>,
    /// Commits, after which messages are acknowledged.
    pub commits: Option<Commits>,
    /// Why readings cannot be received and kept now.
    pub waits_for: Option<String>,
    /// Which part makes no progress.
    pub stuck: Option<String>,
}

/// `received + found = stored + duplicates + rejected + skipped + spooled + in_flight`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the terms of the equation")]
pub struct Messages {
    pub received: u64,
    pub found: u64,
    pub stored: u64,
    pub duplicates: u64,
    pub rejected: u64,
    pub skipped: u64,
    pub spooled: u64,
    pub in_flight: u64,
}

/// The connection to the broker.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Broker {
    /// `HOST:PORT`.
    pub address: String,
    /// It is the broker in this process.
    pub embedded: bool,
    /// Whether there is a connection.
    pub connected: bool,
    /// Connections after the first.
    pub reconnects: u64,
    /// Topic filters that it refuses.
    pub refused_filters: u64,
}

/// The store.
#[derive(Clone, Debug, Serialize)]
pub struct StoreState {
    /// Its name, without a password.
    pub name: String,
    /// Whether it accepts readings; `None` if nothing is written to it.
    pub up: Option<bool>,
}

/// The spool.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spool {
    /// Its size on disk.
    pub bytes: u64,
    /// The size at which reading from the broker stops.
    pub limit_bytes: u64,
    /// It has no room.
    pub full: bool,
    /// For how long the oldest message has waited, in seconds.
    pub oldest_seconds: Option<u64>,
    /// Failed attempts to deliver.
    pub failed_deliveries: u64,
}

/// Commits since the start.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Commits {
    /// How many.
    pub count: u64,
    /// Their mean time in seconds.
    pub mean_seconds: f64,
}
