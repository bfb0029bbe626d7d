//! Why the servers are away, as the driver's monitors found it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::error::{Error, ErrorKind};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::ServerAddress;

use super::failure::explain;
use crate::failure::Failure;

/// Why the servers are away, as the driver's monitors found it. A failed selection of a server has
/// it only as text, in the driver's debug form.
#[derive(Clone, Debug, Default)]
pub(super) struct Monitor(Arc<Mutex<BTreeMap<String, Option<Error>>>>);

impl Monitor {
    /// Returns what tells this monitor how the heartbeats go.
    pub(super) fn handler(&self) -> EventHandler<SdamEvent> {
        let monitor = self.clone();
        EventHandler::callback(move |event| match event {
            SdamEvent::ServerHeartbeatFailed(event) => {
                monitor.set(&event.server_address, Some(event.failure));
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => monitor.set(&event.server_address, None),
            _ => {}
        })
    }

    fn set(&self, server: &ServerAddress, error: Option<Error>) {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert(server.to_string(), error);
    }

    /// Returns why no server answers, if that is so.
    pub(super) fn all_away(&self, database: &str) -> Option<Failure> {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = servers.values().any(Option::is_none);
        let cause = servers.values().flatten().next().filter(|_| !answers)?;
        Some(explain(cause, database))
    }

    /// Returns why no server can be used.
    fn away(&self, database: &str) -> Failure {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.values().any(Option::is_none) {
            // One answers at least, and is none to write to. What the others say changes from
            // moment to moment.
            return Failure::Unknown("no server takes writes (is there a primary?)".to_owned());
        }
        match servers.values().flatten().next() {
            Some(cause) => explain(cause, database),
            None => Failure::Unknown("no answer in time".to_owned()),
        }
    }

    /// Returns what `error` means for the whole command; none of its documents is known to be bad.
    pub(super) fn failure(&self, error: &Error, database: &str) -> Failure {
        match &*error.kind {
            ErrorKind::ServerSelection { .. } => self.away(database),
            ErrorKind::ConnectionPoolCleared { .. } => {
                let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                match servers.values().flatten().next() {
                    Some(cause) => explain(cause, database),
                    None => Failure::Unknown("connection lost".to_owned()),
                }
            }
            _ => explain(error, database),
        }
    }
}
