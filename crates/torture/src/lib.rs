//! What the torture test, the soak test and the test of a cluster share: numbered messages, the
//! ledger that decides what is missing, changed or invented, and what processes use.

pub mod ledger;
pub mod message;
pub mod shape;
pub mod steady;
pub mod usage;
