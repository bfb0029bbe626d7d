use iot_core::{ClientConfig, Connection};
use iot_decode::PlainFormat;
use iot_store::IdGenerator;
use testkit::{DEADLINE, eventually};

use super::*;
use crate::decode::read;
use crate::pipeline::queue::{OnCommit, QueueEntry};
use crate::spool::tests::fixture::limit_pages;

fn item(ids: &mut IdGenerator) -> QueueEntry {
    let topic = "t".repeat(1_000);
    let now = chrono::Utc::now();
    let entry = read(PlainFormat::Auto, topic.as_str(), &"1".into(), now, ids);
    QueueEntry {
        state: None,
        entry: Some(entry),
        on_commit: OnCommit::Nothing,
    }
}

#[test]
fn a_full_disk_stops_reading_until_delivery_makes_room() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let connection = Connection::new(ClientConfig::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("s"), "", &|_| ()).unwrap();
    limit_pages(&spool, 500);
    let queue = Arc::new(Queue::default());
    let backlog = Arc::new(Backlog::new(Arc::clone(&queue), spool.trimmed(), 0));
    let counts = Arc::new(Counts::default());
    let spooler = Spooler::new(
        Arc::clone(&queue),
        Arc::clone(&backlog),
        spool,
        Size::mib(100),
        Arc::clone(&counts),
        Acknowledger::broker(connection.handle()),
        Messages::new().unwrap(),
    );
    let thread = std::thread::spawn(move || spooler.run());

    let mut ids = IdGenerator::new();
    let mut sent = 0;
    eventually(DEADLINE, "reading stops", || {
        if !queue.is_full() {
            counts.received(100);
            queue.extend((0..100).map(|_| item(&mut ids)));
            sent += 100;
        }
        queue.is_full()
    });
    let before = counts.totals();
    assert!((500..2_000).contains(&before.spooled), "{before:?}");
    assert!(before.in_flight > 0, "{before:?}");

    let batch = runtime.block_on(backlog.take(500, usize::MAX)).unwrap();
    counts.delivered(iot_store::Stored {
        stored: batch.entries.len() as u64,
        ..Default::default()
    });
    backlog.set_delivered(batch.last);
    eventually(DEADLINE, "reading continues", || {
        !queue.is_full() && counts.totals().in_flight == 0
    });
    assert_eq!(counts.totals().spooled, sent - 500);

    queue.close();
    runtime.block_on(backlog.committed());
    backlog.end();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_task_that_delivers_no_more_ends_the_program_with_a_line() {
    let connection = Connection::new(ClientConfig::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(&folder.path().join("s"), "", &|_| ()).unwrap();
    let queue = Arc::new(Queue::default());
    let backlog = Arc::new(Backlog::new(Arc::clone(&queue), 0, 0));
    let spooler = Spooler::new(
        queue,
        Arc::clone(&backlog),
        spool,
        Size::mib(1),
        Arc::new(Counts::default()),
        Acknowledger::broker(connection.handle()),
        Messages::new().unwrap(),
    );
    let thread = std::thread::spawn(move || spooler.run());
    // As the task's guard does when it panics.
    backlog.end();
    let error = thread.join().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the task that delivers has stopped unexpectedly"
    );
}
