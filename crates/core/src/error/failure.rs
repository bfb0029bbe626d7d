//! Failures of the layers between the socket and MQTT.

use std::io;

/// Why TLS, WebSocket or a proxy failed: one line that says what helps.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    text: String,
    permanent: bool,
}

impl Failure {
    /// Returns a failure that another attempt doesn't fix: the setup of client or broker is wrong.
    pub(crate) fn permanent(text: impl Into<String>) -> io::Error {
        Self::of(io::ErrorKind::InvalidData, text, true)
    }

    /// Returns a failure that may pass.
    pub(crate) fn temporary(kind: io::ErrorKind, text: impl Into<String>) -> io::Error {
        Self::of(kind, text, false)
    }

    fn of(kind: io::ErrorKind, text: impl Into<String>, permanent: bool) -> io::Error {
        let text = text.into();
        io::Error::new(kind, Self { text, permanent })
    }

    /// Returns whether the error is a failure of a layer.
    pub(crate) fn is_in(error: &io::Error) -> bool {
        Self::within(error).is_some()
    }

    /// Returns whether another attempt doesn't fix the error.
    pub(crate) fn is_permanent_in(error: &io::Error) -> bool {
        Self::within(error).is_some_and(|failure| failure.permanent)
    }

    fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}
