//! Verifies that what was published arrives: `verifier` counts it off, `verdict` says what is wrong.

pub(crate) mod verdict;
pub(crate) mod verifier;
