//! How soon a single message is acknowledged.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use testkit::Mongo;

use crate::figures::aim;
use crate::subject::Subject;

/// Messages one by one, a second apart.
const SINGLE: usize = 8;

/// What one fsync of a page that was written at the end of a file takes here.
fn fsync(folder: &Path) -> Result<Duration> {
    let mut file = File::create(folder.join("fsync"))?;
    let mut times = Vec::new();
    for _ in 0..50 {
        file.write_all(&[7; 4_096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

pub(crate) fn measure() -> Result<()> {
    let mongo = Mongo::start();
    for (name, store) in [("SQLite", "sqlite:iot.db"), ("the spool", &mongo.url())] {
        let folder = tempfile::tempdir()?;
        let mut subject = Subject::start(folder.path(), &["--store", store])?;
        let (mut times, mut limits) = (Vec::new(), Vec::new());
        for _ in 0..SINGLE {
            sleep(Duration::from_secs(1));
            times.push(subject.guest.send_one()?);
            limits.push(fsync(folder.path())?);
        }
        times.sort_unstable();
        limits.sort_unstable();
        let (time, fsync) = (times[SINGLE / 2], limits[SINGLE / 2]);
        let limit = 2 * fsync + Duration::from_millis(1);
        println!(
            "one message a second, from publish to PUBACK with {name}: {:.2} ms, an fsync {:.2} ms (aim: two and 1 ms, {:.2} ms, {})",
            time.as_secs_f64() * 1e3,
            fsync.as_secs_f64() * 1e3,
            limit.as_secs_f64() * 1e3,
            aim(time <= limit)
        );
        subject.terminate()?;
    }
    println!();
    Ok(())
}
