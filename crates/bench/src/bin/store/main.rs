//! Measures, in one run, how fast `iot-sub` stores: into SQLite, and into MongoDB through the
//! spool, beside what the driver alone inserts and beside the tutorial's way; how soon it
//! acknowledges a single message, also with the embedded broker; and how much memory it takes.
//! `scripts/bench store` runs it.

mod collections;
mod embedded;
mod figures;
mod memory;
mod mongodb_store;
mod server;
mod single;
mod sqlite;
mod subject;
mod tutorial;

use anyhow::{Result, bail};
use bench::measure::machine;

use subject::WINDOW;

fn main() -> Result<()> {
    println!("{}", machine());
    println!(
        "Fed by a bare peer with QoS 1 and a window of {WINDOW}; readings are numbers on 100 topics.\n"
    );
    match std::env::args().nth(1).as_deref() {
        None => {
            sqlite::measure()?;
            mongodb_store::measure()?;
            mongodb_store::measure_documents()?;
            collections::measure()?;
            single::measure()?;
            embedded::measure()?;
            memory::measure()
        }
        Some("sqlite") => sqlite::measure(),
        Some("mongodb") => mongodb_store::measure(),
        Some("documents") => mongodb_store::measure_documents(),
        Some("collections") => collections::measure(),
        Some("single") => single::measure(),
        Some("embedded") => embedded::measure(),
        Some("memory") => memory::measure(),
        _ => bail!(
            "arguments: none for everything, or one of sqlite, mongodb, documents, collections, single, embedded, memory"
        ),
    }
}
