//! Whether what was published arrives.

pub(crate) mod subscriber;
pub(crate) mod verifier;
