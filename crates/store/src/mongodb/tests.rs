//! On a real server.

mod away;
mod collection;
mod fixture;
mod insert;
mod refused;
mod same_id;
