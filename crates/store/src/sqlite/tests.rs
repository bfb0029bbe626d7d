//! What is the embedded store's own, and the contract of all stores.

mod file;
mod fixture;
mod held;
mod insert;
mod prune;
mod read;
mod upgrade;
