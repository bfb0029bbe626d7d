//! An error of the socket, as the session reports it.

use std::io;

use crate::error::Error;

/// A broker that just closes the connection is the commonest.
pub(super) fn from_socket(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Error::Closed,
        _ => error.into(),
    }
}
