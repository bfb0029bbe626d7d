//! What is the embedded store's own, and the contract of all stores.

mod file;
mod fixture;
mod held;
mod insert;
mod read;
mod upgrade;
