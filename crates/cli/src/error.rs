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
