//! The memory of `iot-sub`: idle, with a full spool, and while it drains.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use bench::measure::{forget_peak, resident_of};
use bench::peer::Run;
use testkit::Mongo;

use crate::figures::{aim, rate};
use crate::server::Server;
use crate::subject::{MILLION, Subject, WINDOW};

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(crate) fn measure() -> Result<()> {
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir()?;
    let mut subject = Subject::start(folder.path(), &["--store", &mongo.url()])?;
    let pid = subject.child.id();
    sleep(Duration::from_secs(1));
    let (rest, _) = resident_of(pid)?;
    let show = |what: &str, bytes: u64, limit: f64| {
        let megabytes = megabytes(bytes);
        println!(
            "memory {what}: {megabytes:.1} MB (aim: {limit} MB, {})",
            aim(megabytes < limit)
        );
    };
    show("at rest", rest, 20.0);
    let run = subject.guest.send_count(MILLION, WINDOW)?;
    let cost = subject.cost(run.messages)?;
    let (_, most) = resident_of(pid)?;
    println!(
        "into the spool alone: {:.0} readings/s, {cost:.2} µs of processor time each",
        rate(run)
    );
    show("while a million readings go into the spool", most, 64.0);
    let (waiting, _) = resident_of(pid)?;
    show("with a million readings in the spool", waiting, 64.0);
    forget_peak(pid)?;
    mongo.start_again();
    let server = Server::start(mongo)?;
    let start = Instant::now();
    server.wait("sensors", run.messages)?;
    let (_, most) = resident_of(pid)?;
    show("while they drain into MongoDB", most, 64.0);
    println!(
        "drained at {:.0} readings/s (from when mongod was there, the wait for the next attempt included)",
        rate(Run {
            time: start.elapsed(),
            ..run
        })
    );
    subject.terminate()
}
