//! What an error of the driver means: try again, hold and tell somebody, or this one document is
//! bad.

#[cfg(test)]
mod tests;

use std::error::Error as _;
use std::io;

use mongodb::error::{Error, ErrorKind, IndexedWriteError};

use crate::failure::Failure;

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

/// Codes of passing states: an election, a shutdown, a lock, a full disk. It is unknown what was
/// done.
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

/// The server has given up, as it was told to.
pub(super) const MAX_TIME_EXPIRED: i32 = 50;
/// There is an index of these fields under another name already.
pub(super) const INDEX_OPTIONS_CONFLICT: i32 = 85;

/// Whether trying again may help after this code.
pub(super) fn may_pass(code: i32) -> bool {
    PASSING.contains(&code)
}

/// Returns the code with which the server has refused a command.
pub(super) fn command_code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

/// Returns what became of the document that `error` is about.
pub(super) fn refused(error: &IndexedWriteError, database: &str) -> Refused {
    if error.code == DUPLICATE_KEY {
        match index(&error.message) {
            Some("_id_") => return Refused::SameId,
            Some(_) => {}
            // A server leaves texts out of a reply that grows too long: a smaller batch will have
            // them.
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

/// Returns the name of the index in `E11000 duplicate key error collection: db.c index: NAME dup
/// key: { … }`. The first one in it: what comes after is the document's own text.
fn index(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" index: ")?;
    rest.split(' ').next()
}

/// Returns what `error` means for the whole command.
pub(super) fn explain(error: &Error, database: &str) -> Failure {
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

/// Why a server that does not run is away, and what helps.
pub(super) const REFUSED: &str = "connection refused (is MongoDB running there? \
    --store sqlite:iot.db needs no server; --store none only prints)";

/// The same for a program that looks at a store.
const REFUSED_TO_READER: &str =
    "connection refused (is MongoDB running there? --store sqlite:PATH reads a file)";

/// Returns the failure with the advice for a program that looks at a store.
pub(super) fn of_reader(failure: Failure) -> Failure {
    match failure {
        Failure::Unknown(reason) if reason == REFUSED => {
            Failure::Unknown(REFUSED_TO_READER.to_owned())
        }
        failure => failure,
    }
}

fn io_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
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
pub(super) fn one_line(text: &str) -> String {
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
