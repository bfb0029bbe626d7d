//! What goes wrong between the socket and MQTT.

use std::io;

/// Why TLS, WebSocket or a proxy gave no stream, or broke one: one line that says what helps.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Failure {
    text: String,
    permanent: bool,
}

impl Failure {
    /// A failure that another try doesn't mend: it lies with how client or broker are set up.
    pub(crate) fn permanent(text: impl Into<String>) -> io::Error {
        Self::of(io::ErrorKind::InvalidData, text, true)
    }

    /// A failure that may pass.
    pub(crate) fn temporary(kind: io::ErrorKind, text: impl Into<String>) -> io::Error {
        Self::of(kind, text, false)
    }

    fn of(kind: io::ErrorKind, text: impl Into<String>, permanent: bool) -> io::Error {
        let text = text.into();
        io::Error::new(kind, Self { text, permanent })
    }

    /// Returns whether the error is a failure of this kind.
    pub(crate) fn is_in(error: &io::Error) -> bool {
        Self::within(error).is_some()
    }

    /// Returns whether the error is one that another try doesn't mend.
    pub(crate) fn is_permanent_in(error: &io::Error) -> bool {
        Self::within(error).is_some_and(|failure| failure.permanent)
    }

    fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}
