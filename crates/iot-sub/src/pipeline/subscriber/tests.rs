use clap::Parser;
use iot_store::sqlite::SqliteStore;
use testkit::ScriptedPeer;

use super::*;
use crate::args::Args;
use crate::counts::Totals;
use crate::pipeline::destination::DirectStore;

/// The program sets a maximum packet size with MQTT 5 only, and brokers obey it. The library checks
/// it with every version.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_is_reported_kept_and_counted() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let broker = std::thread::spawn(move || {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(&[0x20, 2, 0, 0]);
        let subscribe = broker.read_packet();
        broker.send(&[0x90, 3, subscribe[2], subscribe[3], 1]);
        let mut large = vec![0x32, 0xc8, 1, 0, 1, b't', 0, 1];
        large.resize(203, b'1');
        broker.send(&large);
        broker.send(b"\x32\x08\x00\x01t\x00\x021.5");
        broker.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2]);
        assert_eq!(broker.read_packet()[0], 0xe0);
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let args = ["iot-sub", "-p", &port, "-q", "1", "-C", "1"];
    let mut plan = Args::try_parse_from(args).unwrap().plan().unwrap();
    plan.config.maximum_packet_size = 100;
    let destination = Destination::Direct(DirectStore::SqliteFile {
        file: Box::new(SqliteStore::open(&file).unwrap()),
        name: "iot.db".to_owned(),
    });
    let (counts, messages) = (Arc::new(Counts::default()), Messages::new().unwrap());
    let subscriber = Subscriber::new(plan, destination, None, Arc::clone(&counts), &messages);
    let signals = Signals::listen().unwrap();
    subscriber.unwrap().run(signals, None).await.unwrap();
    broker.join().unwrap();

    let expected = Totals {
        received: 2,
        stored: 1,
        rejected: 1,
        readings: 1,
        ..Totals::default()
    };
    assert_eq!(counts.totals(), expected);
    let kept = rusqlite::Connection::open(&file).unwrap().query_row(
        "SELECT topic, length, reason FROM sensors_rejected",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    let reason = "its packet of 203 bytes is larger than the limit of 100".to_owned();
    assert_eq!(kept.unwrap(), ("t".to_owned(), 203, reason));
}
