//! The page that shows readings in a browser: live, stored, and the health of the program.
//!
//! [`Page`] listens and serves the page's files and its API, by GET only. What it shows comes from
//! two sources: [`Live`], which a program feeds while it receives, and a reader of the store.
//! Neither blocks the program: the table of live readings is bounded, and a browser that does not
//! read loses updates until it reads again.
//!
//! This crate knows no broker and no command line.

mod api;
mod assets;
mod health;
mod live;
mod queries;
mod server;
mod sources;
#[cfg(test)]
mod testing;

pub use health::{Broker, Commits, Health, Messages, NoStatus, Spool, Status, StoreState};
pub use live::Live;
pub use server::{DEFAULT_ADDRESS, Hosts, Page, PageConfig};
pub use sources::{OpenReader, Sources};
