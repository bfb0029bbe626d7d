//! Wrong usage that shows only once the options are put together.

/// Options that make no sense, or not together: the program ends with exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(String);

impl UsageError {
    /// Returns the error with one line that says what is wrong and what helps.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

/// A signal has interrupted what was to be done: the program ends with its exit code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}")]
pub struct Interrupted {
    line: String,
    code: u8,
}

impl Interrupted {
    /// Returns the error with one line that says how far it came, and the exit code.
    pub fn new(line: impl Into<String>, code: u8) -> Self {
        let line = line.into();
        Self { line, code }
    }

    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}
