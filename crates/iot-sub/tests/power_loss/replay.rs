//! A recorded run once more, with a loss of power at each moment that matters.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use testkit::{Call, Loss, PoweredDisk};

use crate::packets::{Packet, Packets};
use crate::record::{COUNT, Recording, number};

/// Moments at which the power is lost, beside those at which something is acknowledged.
const MOMENTS: usize = 60;

/// What has to be on the disk, as far as the run has come.
pub(crate) trait Promise {
    /// `iot-sub` sends this; returns whether it promises something by that.
    fn sent(&mut self, packet: &Packet) -> bool;

    /// `iot-sub` has received this.
    fn received(&mut self, _packet: &Packet) {}

    /// Looks whether what is left of the spool is what it should be.
    fn check(&self, left: &Left, loss: Loss);

    /// Looks at the end whether everything was promised.
    fn finish(&self);
}

/// What is left of a spool.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// The readings, by their numbers.
    pub(crate) readings: Vec<usize>,
    /// How many were ever committed.
    pub(crate) committed: usize,
    /// The QoS 2 packet identifiers that are held.
    pub(crate) held: Vec<u16>,
}

impl Left {
    /// Opens the spool in the folder, which must be whole.
    fn read(folder: &Path) -> Self {
        let path = folder.join("s");
        if !path.exists() {
            return Self::default();
        }
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .expect("the spool can be opened");
        let whole: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("it can be read");
        assert_eq!(whole, "ok");
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name IN ('entries', 'held')";
        let tables: i64 = connection
            .query_row(tables, [], |row| row.get(0))
            .expect("a count");
        if tables < 2 {
            return Self::default();
        }
        let committed = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence";
        Self {
            readings: rows(&connection, "SELECT entry FROM entries ORDER BY seq")
                .iter()
                .map(|entry: &Vec<u8>| number(entry).expect("a topic of ours"))
                .collect(),
            committed: usize::try_from(rows::<i64>(&connection, committed)[0]).expect("a count"),
            held: rows(&connection, "SELECT packet_id FROM held"),
        }
    }
}

fn rows<T: rusqlite::types::FromSql>(connection: &Connection, select: &str) -> Vec<T> {
    let mut select = connection.prepare(select).expect("our tables");
    let rows = select.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// Loses the power in one way, and looks at what is left.
#[track_caller]
fn lose(disk: &PoweredDisk, loss: Loss, promise: &impl Promise) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    disk.lose_power(loss, folder.path());
    promise.check(&Left::read(folder.path()), loss);
}

/// Loses the power whenever something is promised, and before and after fsyncs. Returns the disk as
/// it is at the end.
pub(crate) fn replay(
    folder: &Path,
    recording: &Recording,
    promise: &mut impl Promise,
) -> PoweredDisk {
    let Recording { calls, port } = recording;
    let syncs = |calls: &[Call], name: &str| {
        let of = |call: &&Call| matches!(call, Call::SyncEnds { file } if file.ends_with(name));
        calls.iter().filter(of).count()
    };
    let (log, folds) = (syncs(calls, "s-wal"), syncs(calls, "s"));
    assert!(log > COUNT / 50, "{log} fsyncs of the write-ahead log");
    assert!(folds > 1, "the write-ahead log was folded {folds} times");
    let each = (log / MOMENTS).max(1);
    let mut disk = PoweredDisk::at(&folder.join("disk"));
    let (mut sent, mut received) = (Packets::default(), Packets::default());
    let mut sync = 0;
    for call in calls {
        match call {
            Call::Send { port: to, bytes } if to == port => {
                let mut promises = false;
                for packet in sent.take(bytes) {
                    promises |= promise.sent(&packet);
                }
                // What no fsync has covered is not promised: as if the power were lost right now.
                if promises {
                    lose(&disk, Loss::All, promise);
                }
            }
            Call::Receive { port: from, bytes } if from == port => {
                for packet in received.take(bytes) {
                    promise.received(&packet);
                }
            }
            Call::SyncEnds { .. } => {
                sync += 1;
                let seed = u64::try_from(sync).expect("a small number");
                if sync % each == 0 {
                    for loss in [
                        Loss::All,
                        Loss::Nothing,
                        Loss::Torn(seed),
                        Loss::Shuffled(seed),
                    ] {
                        lose(&disk, loss, promise);
                    }
                }
                disk.replay(call);
                if sync % each == 0 {
                    lose(&disk, Loss::All, promise);
                }
            }
            _ => disk.replay(call),
        }
    }
    promise.finish();
    disk
}
