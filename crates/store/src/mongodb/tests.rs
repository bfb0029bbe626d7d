//! On a real server.

mod away;
mod collection;
mod fixture;
mod insert;
mod read;
mod refused;
mod same_id;
mod series_notes;
mod sharding;
mod upkeep;
