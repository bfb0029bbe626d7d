//! Servers that are away, or refuse us.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mongodb::Client;
use mongodb::bson::doc;
use testkit::Mongo;

use super::fixture::{Fixture, insert_in_the_end, runtime, stored};
use crate::contract::Source;
use crate::failure::Failure;
use crate::mongodb::failure::REFUSED;
use crate::mongodb::writer::BATCH_DOCUMENTS;
use crate::mongodb::{MongoStore, Options, check_collection};
use crate::store::Store;

#[test]
fn a_frozen_server_is_noticed_within_seconds_and_nothing_is_stored_twice() {
    let mut mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let entries = Source::new().numbers(1_000);
    fixture.insert(&entries[..10]).unwrap();
    mongo.freeze();
    for _ in 0..2 {
        let started = Instant::now();
        let failure = fixture.insert(&entries).unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(12),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(failure, Failure::Unknown("no answer in time".into()));
    }
    assert_eq!(
        fixture.ping().unwrap_err(),
        Failure::Unknown("no answer in time".into())
    );
    mongo.thaw();
    assert_eq!(insert_in_the_end(&fixture, &entries), stored(1_000, 0));
    assert_eq!(fixture.stored().len(), 1_000);
    assert_eq!(fixture.ping(), Ok(()));
}

#[test]
fn a_server_that_is_away_comes_back_with_what_it_had_acknowledged() {
    let mut mongo = Mongo::reserve();
    let fixture = Fixture::new(&mongo);
    let refused = Failure::Unknown(REFUSED.into());
    assert_eq!(fixture.ping().unwrap_err(), refused);
    mongo.start_again();
    let entries = Source::new().numbers(2_000);
    insert_in_the_end(&fixture, &entries[..1_000]);
    mongo.kill();
    assert!(matches!(fixture.insert(&entries), Err(Failure::Unknown(_))));
    assert_eq!(fixture.insert(&entries).unwrap_err(), refused);
    assert!(fixture.store.writer.limit() < BATCH_DOCUMENTS);
    mongo.start_again();
    assert_eq!(fixture.stored().len(), 1_000);
    assert_eq!(insert_in_the_end(&fixture, &entries), stored(2_000, 0));
    assert_eq!(fixture.stored().len(), 2_000);
}

#[test]
fn a_server_that_knows_us_not_is_an_alarm_that_shows_no_password() {
    let mongo = Mongo::builder().args(["--auth"]).start();
    let entry = [Source::new().entry("iot/a", "1")];
    let address = mongo.url().replace("mongodb://", "");
    let runtime = runtime();
    let fixture = |user: &str, options: &str| {
        let url = format!("mongodb://{user}{address}/?{options}");
        Fixture::with(&url, "sensors", Arc::clone(&runtime))
    };

    // The first user can be made without one.
    let first = fixture("", "");
    runtime.block_on(async {
        let admin = Client::with_uri_str(mongo.url())
            .await
            .unwrap()
            .database("admin");
        let user = doc! {"createUser": "root", "pwd": "s%cret:@/", "roles": ["root"]};
        admin.run_command(user).await.unwrap();
    });
    assert_eq!(
        first.insert(&entry).unwrap_err().to_string(),
        "not authorized to write to database `iot_service` (give a user in the URL, one with the role readWrite on that database)"
    );

    let root = fixture("root:s%25cret%3A%40%2F@", "");
    assert_eq!(root.insert(&entry), Ok(stored(1, 0)));
    assert_eq!(
        root.store.name(),
        format!("mongodb://root@{address}/iot_service.sensors")
    );

    for (user, options) in [
        ("root:WRONG@", ""),
        ("root:WRONG@", "authMechanism=SCRAM-SHA-1"),
        ("nobody:WRONG@", ""),
        ("root:s%25cret%3A%40%2F@", "authSource=elsewhere"),
    ] {
        let fixture = fixture(user, options);
        for failure in [
            fixture.insert(&entry).unwrap_err(),
            fixture.ping().unwrap_err(),
        ] {
            assert_eq!(
                failure.to_string(),
                "authentication failed (check user, password and authSource in the URL)",
                "{user} {options}"
            );
        }
    }
}

#[test]
fn tls_that_fails_is_an_alarm() {
    // A server that answers, but not in TLS.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming() {
            // Fails where the client is gone already.
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let fixture = Fixture::with(
        &format!("mongodb://{address}/?tls=true"),
        "sensors",
        runtime(),
    );
    assert_eq!(
        fixture.ping().unwrap_err().to_string(),
        "TLS failed: received corrupt message of type InvalidContentType (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)"
    );
}

#[test]
fn a_view_is_no_place_to_write_to() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    fixture.command(doc! {"create": "sensors", "viewOn": "others", "pipeline": []});
    let entry = Source::new().entry("iot/a", "1");
    let failure = fixture.insert(&[entry]).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "Namespace iot_service.sensors is a view, not a collection (choose another collection with --collection, or another database in the URL)"
    );
}

#[test]
fn an_unknown_host_is_reported_in_few_words() {
    let fixture = Fixture::with("mongodb://u:secret@nowhere.invalid", "sensors", runtime());
    assert_eq!(
        fixture.ping().unwrap_err(),
        Failure::Unknown("host not found".into())
    );
}

#[test]
fn an_error_of_opening_names_the_store_and_the_cause_once() {
    let open = |url: &str, collection: &str| {
        let opened = runtime().block_on(MongoStore::open(
            url,
            collection,
            Options::default(),
            Arc::new(|_: &str| ()),
        ));
        format!("{:#}", opened.err().unwrap())
    };
    assert_eq!(
        check_collection("a$b").unwrap_err().to_string(),
        "`a$b` can't be a collection: no `$`, no NUL, not beginning with `system.`"
    );
    assert_eq!(
        open("mongodb://u:secret@h/?tls=true&tlsCAFile=/none", "s"),
        "cannot use store `mongodb://u@h:27017/iot_service.s`: TLS failed: Unable to parse PEM-encoded root certificate from /none: I/O error: No such file or directory (os error 2) (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)"
    );
    assert_eq!(
        open("mongodb://u:secret@h/?heartbeatFrequencyMS=1", "s"),
        "cannot use store `mongodb://u@h:27017/iot_service.s`: 'heartbeat_freq' must be at least 500ms, but 1ms was given"
    );
}

#[test]
fn that_a_server_is_away_is_known_before_a_call_gives_up() {
    let mongo = Mongo::reserve();
    let url = format!("{}/?serverSelectionTimeoutMS=600000", mongo.url());
    let fixture = Fixture::with(&url, "sensors", runtime());
    fixture.runtime.block_on(async {
        let mut ping = fixture.store.ping();
        let away = async {
            loop {
                if let Some(failure) = fixture.store.away() {
                    return failure;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let failure = tokio::select! {
            failure = away => failure,
            result = &mut ping => panic!("it has given up: {result:?}"),
        };
        assert_eq!(failure, Failure::Unknown(REFUSED.into()));
    });
}
