//! All commands on MongoDB, plain and time-series, filled by `iot-sub`; and on a collection that
//! the tutorial's Python program has filled.

mod common;

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use common::path::Receiver;
use common::{Done, current, event, view_of};
use iot_store::alerts::{AlertState, CurrentState};
use mongodb::bson::{Document, doc};
use testkit::{DEADLINE, Mongo, Program, eventually};

/// What `iot-sub` stores: four hours of a temperature, a reading each minute, from a day that is
/// over; and another series.
const FIRST: &str = "2026-06-21T10:00:00Z";
/// A line about what an alert has reported.
const REPORT: &str = "2026-06-21 01:00:00  firing  hot    home/a  31.5 °C (> 30)";

fn lines() -> String {
    let start: DateTime<Utc> = FIRST.parse().unwrap();
    let mut lines = String::new();
    for minute in 0..240 {
        let at = start + TimeDelta::minutes(minute);
        let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let value = 20.0 + f64::from(u8::try_from(minute % 10).unwrap());
        let map = r#"{"metric":"temp","unit":"°C","value":"#;
        writeln!(lines, "home/a {map}{value:.1},\"time\":\"{at}\"}}").unwrap();
    }
    let at = r#""time":"2026-06-21T11:00:00.500Z""#;
    writeln!(lines, "home/b {{\"value\":\"on\",{at}}}").unwrap();
    // Two that are not stored.
    lines + "home/bad {\"value\":1,\"time\":\"never\"}\nhome/bad {\"value\":1,\"metric\":5}\n"
}

struct Stored {
    mongo: Mongo,
    folder: tempfile::TempDir,
    collection: &'static str,
}

impl Stored {
    fn fill(collection: &'static str, args: &[&str]) -> Self {
        let mongo = Mongo::start();
        let folder = tempfile::tempdir().unwrap();
        let spool = folder.path().join("spool").display().to_string();
        let all = ["--map", ".payload", "--spool", &spool];
        let receiver = Receiver::start(&mongo.url(), 243, &[&all, args].concat());
        receiver.publish(folder.path(), &lines());
        let last = receiver.finish();
        assert!(last.contains("241"), "{last}");
        Self {
            mongo,
            folder,
            collection,
        }
    }

    #[track_caller]
    fn view(&self, args: &[&str]) -> Done {
        let collection = ["--collection", self.collection];
        view_of(
            &self.mongo.url(),
            self.folder.path(),
            &[args, &collection].concat(),
        )
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let done = self.view(args);
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
        done.stdout
    }

    fn command(&self, command: Document) -> Document {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let client = mongodb::Client::with_uri_str(self.mongo.url()).await;
            let database = client.unwrap().database("iot_service");
            database.run_command(command).await.unwrap()
        })
    }

    fn expiry(&self) -> Option<i64> {
        let reply = self.command(doc! {"listCollections": 1, "filter": {"name": self.collection}});
        let first = reply.get_document("cursor").unwrap();
        let first = first.get_array("firstBatch").unwrap()[0].as_document();
        let options = first.unwrap().get_document("options").unwrap();
        options.get_i64("expireAfterSeconds").ok()
    }

    fn reads_it(&self) {
        let latest = self.ok(&["latest"]);
        let words: Vec<_> = latest.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(words[..4], ["home/a", "temp", "29.0", "°C"], "{latest}");
        assert_eq!(words.last(), Some(&"60.0"), "{latest}");
        assert!(latest.contains("home/b"), "{latest}");
        let silent = self.view(&["latest", "--silent", "10m"]);
        assert_eq!((silent.code, silent.stdout.lines().count()), (1, 3));

        let csv = self.ok(&["export"]);
        assert_eq!(csv.lines().count(), 242);
        let first = "home/a,temp,20.0,°C,2026-06-21T10:00:00.000Z";
        assert_eq!(csv.lines().nth(1), Some(first));
        assert!(csv.contains("\nhome/b,,on,,2026-06-21T11:00:00.500Z\n"));
        let hours = ["export", "home/a", "--every", "1h", "--aggregate"];
        let hours = self.ok(&[&hours[..], &["count,min,max,mean"]].concat());
        let of_hour = "home/a,temp,60,20.0,29.0,24.5,°C,2026-06-21T13:00:00.000Z";
        assert_eq!(hours.lines().last(), Some(of_hour));
        let wide = self.ok(&[
            "export",
            "--wide",
            "--since",
            "2026-06-21T11:00",
            "--until",
            "2026-06-21T11:01",
        ]);
        assert_eq!(wide.lines().next(), Some("time,home/a#temp,home/b"));
        assert_eq!(wide.lines().count(), 3, "{wide}");

        let day = ["--since", "2026-06-21", "--until", "2026-06-21"];
        let dots = self.ok(&[&["plot", "home/a"], &day[..]].concat());
        assert!(
            dots.contains("°C") && dots.contains("home/a#temp"),
            "{dots}"
        );
        self.ok(&[&["plot", "home/a", "-o", "day.svg"], &day[..]].concat());
        let svg = std::fs::read_to_string(self.folder.path().join("day.svg")).unwrap();
        assert!(svg.contains(">°C<") && svg.contains("<path"), "{svg}");

        let check = self.ok(&["check"]);
        assert!(check.contains("241 in 2 series"), "{check}");
        self.rejected();
        self.alerts();
        self.page();
    }

    fn alerts(&self) {
        let writer = iot_store::alerts::open(&self.mongo.url(), self.collection);
        let mut writer = writer.unwrap();
        let firing = current("home/a", CurrentState::Firing);
        writer.write_states(&[firing]).unwrap();
        let report = event(1, "home/a", AlertState::Firing);
        writer.write_events(&[report]).unwrap();
        let alerts = self.ok(&["alerts"]);
        assert!(alerts.contains("\nfiring  hot    home/a"), "{alerts}");
        assert!(alerts.contains(REPORT), "{alerts}");
        let other = self.ok(&["alerts", "home/b"]);
        assert_eq!(other, "");
    }

    fn rejected(&self) {
        let groups = self.ok(&["rejected"]);
        assert!(groups.contains("home/bad"), "{groups}");
        let list = self.ok(&["rejected", "--list", "--json"]);
        assert_eq!(list.lines().count(), 2, "{list}");
        let id = list.lines().next().unwrap();
        let (_, id) = id.split_once("\"id\":\"").unwrap();
        let payload = self.ok(&["rejected", "--payload", &id[..24]]);
        assert_eq!(payload, "{\"value\":1,\"metric\":5}");
    }

    fn page(&self) {
        let program = Program::new(env!("CARGO_BIN_EXE_iot-view"))
            .args(["page", "127.0.0.1:0", "--collection", self.collection])
            .args(["--store", &self.mongo.url()]);
        let mut page = program.spawn();
        let line = page.wait_for_stderr("the page is at");
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/');
        let get = |path: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            let request =
                format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let series = get("/api/series");
        assert!(
            series.contains("home/a") && series.contains("home/b"),
            "{series}"
        );
        let export = get("/api/export.csv?s=home/a%23temp&from=0&to=4000000000000");
        assert!(
            export.contains("home/a,temp,29.0,°C,2026-06-21T13:59:00.000Z"),
            "{export}"
        );
        let rejections = get("/api/rejections");
        assert!(
            rejections.contains("\"count\":1") || rejections.contains("home/bad"),
            "{rejections}"
        );
        page.interrupt();
        assert!(page.wait().success());
    }

    fn cached_days(&self) -> i32 {
        let rollups = format!("{}_rollups", self.collection);
        let count = doc! {"count": rollups, "query": {"cells": {"$exists": true}}};
        self.command(count).get_i32("n").unwrap()
    }
}

#[test]
fn a_collection_is_read_and_pruned() {
    let stored = Stored::fill("sensors", &[]);
    stored.reads_it();

    let again = stored.view(&["reindex", "--all"]);
    assert!(
        again.stderr.contains("240 readings, 2 of 2 series"),
        "{}",
        again.stderr
    );
    assert!(stored.cached_days() > 0);

    let refused = stored.view(&[
        "prune",
        "--older-than",
        "2026-06-21T12:00",
        "--keep-rollups",
        "--yes",
    ]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("leave out --keep-rollups"),
        "{}",
        refused.stderr
    );
    let pruned = stored.view(&["prune", "--older-than", "2026-06-21T12:00", "--yes"]);
    assert_eq!(pruned.code, 0, "{}", pruned.stderr);
    let line = "deleted 121 readings and 0 rejected messages";
    assert!(pruned.stderr.contains(line), "{}", pruned.stderr);
    assert_eq!(stored.ok(&["export"]).lines().count(), 121);
    // What was cached of that day counts the others only.
    let days = stored.ok(&["export", "--every", "1d", "--aggregate", "count"]);
    assert_eq!(
        days.lines().last(),
        Some("home/a,temp,120,°C,2026-06-21T00:00:00.000Z")
    );
    let pruned = stored.view(&["prune", "--older-than", "1s", "--yes"]);
    assert!(
        pruned.stderr.contains("deleted 120 readings and "),
        "{}",
        pruned.stderr
    );
    // The rejected messages came a moment ago.
    eventually(DEADLINE, "what was rejected is deleted", || {
        stored.ok(&["prune", "--older-than", "1s", "--yes"]);
        let rejected = stored.view(&["rejected"]);
        rejected.stderr.contains("no rejected messages")
    });
    assert!(stored.view(&["latest"]).stderr.contains("no readings"));
    assert!(!stored.ok(&["alerts"]).contains(REPORT));
}

#[test]
fn a_time_series_collection_is_read_and_expires() {
    let args = ["--time-series", "seconds"];
    let stored = Stored::fill("sensors_ts", &args);
    stored.reads_it();
    let refused = stored.view(&["prune", "--older-than", "90d", "--yes"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("collMod: \"sensors_ts\", expireAfterSeconds: 7776000")
            && refused.stderr.contains("--keep 90d")
            && refused.stderr.lines().count() == 1,
        "{}",
        refused.stderr
    );
    assert_eq!(stored.expiry(), None);
    // What it names does help, also for a collection that is there.
    let spool = stored.folder.path().join("spool").display().to_string();
    let keep = ["--map", ".payload", "--spool", &spool, "--keep", "3650d"];
    let receiver = Receiver::start(&stored.mongo.url(), 1, &[&keep[..], &args].concat());
    receiver.publish(
        stored.folder.path(),
        "home/a {\"metric\":\"temp\",\"value\":1}\n",
    );
    receiver.finish();
    assert_eq!(stored.expiry(), Some(3_650 * 86_400));
    assert_eq!(stored.ok(&["export"]).lines().count(), 243);
}

#[test]
fn iot_sub_keeps_what_is_new() {
    let stored = Stored::fill("sensors", &[]);
    let spool = stored.folder.path().join("spool").display().to_string();
    let keep = ["--map", ".payload", "--spool", &spool, "--keep", "30d"];
    let mut receiver = Receiver::start(&stored.mongo.url(), 0, &keep);
    receiver.publish(
        stored.folder.path(),
        "home/a {\"metric\":\"temp\",\"value\":1}\n",
    );
    // Their ids are of now and their times are old: the look at all readings finds them.
    eventually(DEADLINE, "old readings are removed", || {
        stored.ok(&["export"]).lines().count() == 2
    });
    receiver.interrupt();
    receiver.finish();
    assert_eq!(stored.ok(&["rejected", "--list"]).lines().count(), 3);
}

#[test]
fn what_the_tutorials_program_has_stored_is_shown_by_all_commands() {
    let stored = Stored {
        mongo: Mongo::start(),
        folder: tempfile::tempdir().unwrap(),
        collection: "sensors",
    };
    // datetime.now() of a place two hours east of Greenwich: two hours ahead.
    let now = Utc::now() + TimeDelta::hours(2);
    let documents: Vec<Document> = (0..120)
        .map(|index| {
            let at = now - TimeDelta::minutes(120 - index);
            let at = mongodb::bson::DateTime::from_millis(at.timestamp_millis());
            doc! {"topic": "iot/home2/temp", "value": "25.5", "reg_date": at}
        })
        .collect();
    stored.command(doc! {"insert": "sensors", "documents": documents});
    let latest = stored.ok(&["latest"]);
    assert!(latest.contains("iot/home2/temp   25.5  in 1"), "{latest}");
    assert_eq!(stored.ok(&["export", "--since", "1h"]).lines().count(), 121);
    let csv = stored.ok(&["export"]);
    assert!(csv.contains("iot/home2/temp,,\"\"\"25.5\"\"\",,"), "{csv}");
    let hours = stored.ok(&[
        "export",
        "--every",
        "1h",
        "--aggregate",
        "max",
        "--since",
        "6h",
    ]);
    assert!(
        hours.lines().count() >= 3 && hours.contains(",25.5,"),
        "{hours}"
    );
    let dots = stored.ok(&["plot", "--since", "6h"]);
    assert!(dots.contains("iot/home2/temp"), "{dots}");
    // It says that they are of the future, which is true of UTC.
    let check = stored.view(&["check"]);
    assert_eq!(check.code, 1);
    assert!(
        check.stdout.contains("time in the future"),
        "{}",
        check.stdout
    );
    assert!(stored.view(&["rejected"]).stderr.contains("no rejected"));
    assert_eq!(stored.view(&["reindex"]).code, 0);
    assert_eq!(
        stored.view(&["prune", "--older-than", "1d", "--yes"]).code,
        0
    );
    assert_eq!(stored.ok(&["export"]).lines().count(), 121);
}
