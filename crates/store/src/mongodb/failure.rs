//! What an error of the driver means: try again, hold and tell somebody, or this one document is bad.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use mongodb::error::{Error, ErrorKind, IndexedWriteError};
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::ServerAddress;

use crate::failure::Failure;

/// Why the servers are away, as the driver's monitors found it. A failed selection of a server has it only as text, in the
/// driver's debug form.
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
            // One answers at least, and is none to write to. What the others say changes from moment to moment.
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

/// What the server did with one document that it didn't insert.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// There is one with its `_id` already: an earlier attempt of ours, or another document.
    SameId,
    /// It can't be stored, ever; with the server's reason.
    Bad(String),
    /// Something else is the matter.
    Failed(Failure),
}

/// Codes of passing states: an election, a shutdown, a lock, a full disk. Nobody knows what was done.
const PASSING: &[i32] = &[
    1,     // InternalError
    6,     // HostUnreachable
    7,     // HostNotFound
    8,     // UnknownError
    24,    // LockTimeout
    46,    // LockBusy
    50,    // MaxTimeMSExpired
    63,    // StaleShardVersion
    64,    // WriteConcernFailed
    89,    // NetworkTimeout
    91,    // ShutdownInProgress
    112,   // WriteConflict
    117,   // ConflictingOperationInProgress
    133,   // FailedToSatisfyReadPreference
    134,   // ReadConcernMajorityNotAvailableYet
    146,   // ExceededMemoryLimit
    150,   // StaleEpoch
    189,   // PrimarySteppedDown
    202,   // NetworkInterfaceExceededTimeLimit
    246,   // SnapshotUnavailable
    249,   // StaleChunkHistory
    262,   // ExceededTimeLimit
    290,   // TransactionExceededLifetimeLimitSeconds
    462,   // IngressRequestRateLimitExceeded
    9001,  // SocketException
    10107, // NotWritablePrimary
    11600, // InterruptedAtShutdown
    11601, // Interrupted
    11602, // InterruptedDueToReplStateChange
    13388, // StaleConfig
    13435, // NotPrimaryNoSecondaryOk
    13436, // NotPrimaryOrSecondary
    14031, // OutOfDiskSpace
];

const DUPLICATE_KEY: i32 = 11000;

/// Whether trying again may help after this code.
pub(super) fn may_pass(code: i32) -> bool {
    PASSING.contains(&code)
}

/// Returns what became of the document that `error` is about.
pub(super) fn refused(error: &IndexedWriteError, database: &str) -> Refused {
    if error.code == DUPLICATE_KEY {
        match index(&error.message) {
            Some("_id_") => return Refused::SameId,
            Some(_) => {}
            // A server leaves texts out of a reply that grows too long: a smaller batch will have them.
            None => {
                return Refused::Failed(Failure::Unknown(
                    "too many documents refused at once".to_owned(),
                ));
            }
        }
    }
    if PASSING.contains(&error.code) || not_allowed(error.code).is_some() {
        return Refused::Failed(code(error.code, &error.message, database));
    }
    Refused::Bad(one_line(&error.message))
}

/// Returns the name of the index in `E11000 duplicate key error collection: db.c index: NAME dup key: { … }`. The first
/// one in it: what comes after is the document's own text.
fn index(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" index: ")?;
    rest.split(' ').next()
}

fn explain(error: &Error, database: &str) -> Failure {
    match &*error.kind {
        ErrorKind::Io(error) if is_tls(error) => tls(&io_reason(error)),
        ErrorKind::Io(error) => Failure::Unknown(io_reason(error)),
        ErrorKind::InvalidTlsConfig { message, .. } => tls(&one_line(message)),
        ErrorKind::Authentication { .. } => code(18, "", database),
        ErrorKind::Command(error) => code(error.code, &error.message, database),
        ErrorKind::InsertMany(error) => match &error.write_concern_error {
            Some(error) => Failure::Unknown(one_line(&error.message)),
            None => Failure::Unknown("it gave no reason".to_owned()),
        },
        ErrorKind::InvalidArgument { message, .. } => Failure::Unknown(one_line(message)),
        kind => Failure::Unknown(one_line(&kind.to_string())),
    }
}

/// What a code means that trying again doesn't change.
enum NotAllowed {
    Authentication,
    Authorization,
    Collection,
}

fn not_allowed(code: i32) -> Option<NotAllowed> {
    match code {
        // UserNotFound, AuthenticationFailed, and Atlas's own
        11 | 18 | 8000 => Some(NotAllowed::Authentication),
        // Unauthorized
        13 => Some(NotAllowed::Authorization),
        // InvalidNamespace, CommandNotSupportedOnView
        73 | 166 => Some(NotAllowed::Collection),
        _ => None,
    }
}

fn code(code: i32, message: &str, database: &str) -> Failure {
    match not_allowed(code) {
        None => Failure::Unknown(one_line(message)),
        Some(NotAllowed::Authentication) => Failure::NotAllowed {
            reason: "authentication failed".to_owned(),
            advice: "check user, password and authSource in the URL".to_owned(),
        },
        Some(NotAllowed::Authorization) => Failure::NotAllowed {
            reason: format!("not authorized to write to database `{database}`"),
            advice: "give a user in the URL, one with the role readWrite on that database"
                .to_owned(),
        },
        Some(NotAllowed::Collection) => Failure::NotAllowed {
            reason: one_line(message),
            advice: "choose another collection with --collection, or another database in the URL"
                .to_owned(),
        },
    }
}

fn tls(reason: &str) -> Failure {
    Failure::NotAllowed {
        reason: format!("TLS failed: {reason}"),
        advice: "check tls, tlsCAFile and tlsCertificateKeyFile in the URL".to_owned(),
    }
}

/// rustls reports what it doesn't like about the peer as invalid data.
fn is_tls(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData && error.get_ref().is_some()
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => "connection closed by the server".to_owned(),
        _ => {
            let text = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            if text.contains("failed to lookup address") {
                return "host not found".to_owned();
            }
            let text = text.split(" (os error").next().unwrap_or_default();
            one_line(text)
        }
    }
}

/// Returns the first line of `text`, cut at 300 characters.
fn one_line(text: &str) -> String {
    const LIMIT: usize = 300;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return "it gave no reason".to_owned();
    }
    match line.char_indices().nth(LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(code: i32, message: &str, expected: &str) {
        let error: IndexedWriteError = mongodb::bson::deserialize_from_document(
            mongodb::bson::doc! {"index": 0, "code": code, "errmsg": message},
        )
        .unwrap();
        let found = match refused(&error, "db") {
            Refused::SameId => "same id".to_owned(),
            Refused::Bad(reason) => format!("bad: {reason}"),
            Refused::Failed(failure @ Failure::Unknown(_)) => format!("unknown: {failure}"),
            Refused::Failed(failure) => format!("not allowed: {failure}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_document_that_was_not_inserted() {
        let duplicate = |index: &str, key: &str| {
            format!(
                "E11000 duplicate key error collection: db.sensors index: {index} dup key: {{ {key} }}"
            )
        };
        case(11000, &duplicate("_id_", "_id: ObjectId('00')"), "same id");
        case(11000, "", "unknown: too many documents refused at once");
        let other = duplicate("topic_1", "topic: \" index: _id_ dup key\"");
        case(11000, &other, &format!("bad: {other}"));
        case(
            121,
            "Document failed validation",
            "bad: Document failed validation",
        );
        case(2, "a\nb", "bad: a");
        case(10107, "not primary", "unknown: not primary");
        case(14031, "no space left", "unknown: no space left");
        case(
            13,
            "not authorized on db to execute command { insert: …",
            "not allowed: not authorized to write to database `db` (give a user in the URL, one with the role readWrite on that database)",
        );
    }

    #[test]
    fn a_failed_connection_in_few_words() {
        #[track_caller]
        fn case(error: io::Error, expected: &str) {
            let error = Error::from(error);
            assert_eq!(
                Monitor::default().failure(&error, "db").to_string(),
                expected
            );
        }
        case(
            io::ErrorKind::ConnectionRefused.into(),
            "connection refused",
        );
        case(io::ErrorKind::TimedOut.into(), "no answer in time");
        case(
            io::ErrorKind::UnexpectedEof.into(),
            "connection closed by the server",
        );
        case(io::Error::from_raw_os_error(113), "No route to host");
        let lookup = "failed to lookup address information: Name or service not known";
        case(io::Error::other(lookup), "host not found");
        case(
            io::Error::new(
                io::ErrorKind::InvalidData,
                "invalid peer certificate: UnknownIssuer",
            ),
            "TLS failed: invalid peer certificate: UnknownIssuer (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)",
        );
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        assert_eq!(one_line(&"ü".repeat(301)), format!("{}…", "ü".repeat(300)));
        assert_eq!(one_line(" \n"), "it gave no reason");
    }
}
