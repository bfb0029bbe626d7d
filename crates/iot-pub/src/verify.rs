//! Verifies that every message arrives: `verifier` counts the messages off, `verdict` says what is
//! wrong.

pub(crate) mod verdict;
pub(crate) mod verifier;
