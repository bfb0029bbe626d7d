//! Export, `iot-pub --replay`, `iot-sub`, export: the same bytes.

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::path::{Receiver, ends_well};
use common::{DAY, Done, Store, number, text, view_of};
use iot_store::Value;

/// Numbers with all of their digits, text that looks like something else, metrics, units, JSON.
fn readings() -> Vec<(String, Value, Option<&'static str>, i64)> {
    let mut readings: Vec<(String, Value, Option<&str>, i64)> = Vec::new();
    let json = |text: &str| Value::Json(serde_json::from_str(text).unwrap());
    let values = [
        number(0.1 + 0.2),
        number(-0.0),
        number(1e300),
        number(5e-324),
        number(9_007_199_254_740_993.0),
        number(25.0),
        text("25.30"),
        text("on"),
        text("=1+1"),
        text("say \"x\",\nthen y"),
        text(" 7 "),
        text("true"),
        json("true"),
        json("{\"a\":[1,null,\"x\"]}"),
    ];
    for (index, value) in values.into_iter().enumerate() {
        let at = DAY + i64::try_from(index).unwrap() * 1_001;
        readings.push((format!("home/plain{index}"), value.clone(), None, at));
        readings.push((
            format!("home/several#m{index}"),
            value.clone(),
            Some("°C"),
            at,
        ));
        readings.push(("=home/'unit".to_owned(), value, Some("@x"), at + 1));
    }
    readings.push((
        "home/=#='metric".to_owned(),
        number(7.5),
        Some("'"),
        DAY + 500,
    ));
    readings
}

#[track_caller]
fn export(folder: &Path, store: &str, file: &str) -> Vec<u8> {
    let Done { code, stderr, .. } = view_of(store, folder, &["export", "-o", file]);
    assert_eq!(code, 0, "{stderr}");
    std::fs::read(folder.join(file)).unwrap()
}

#[test]
fn export_replay_export_gives_the_same_bytes() {
    let mut store = Store::new();
    let readings = readings();
    let rows: Vec<_> = readings
        .iter()
        .map(|(key, value, unit, at)| (key.as_str(), value.clone(), *unit, *at))
        .collect();
    store.insert(&rows);
    let folder = store.folder.path();
    for file in ["day.csv", "day.jsonl"] {
        let first = export(folder, &store.url(), file);
        assert!(first.len() > 2_000, "{}", String::from_utf8_lossy(&first));
        let copy = format!("sqlite:{}", folder.join(format!("{file}.db")).display());
        let receiver = Receiver::start(&copy, readings.len(), &["--map", ".payload"]);
        let replay = ["--replay", file, "--with-times", "--speed", "max"];
        ends_well(receiver.publisher(&replay).current_dir(folder).spawn());
        let last = receiver.finish();
        assert!(last.contains(&readings.len().to_string()), "{last}");
        let second = export(folder, &copy, &format!("again-{file}"));
        let mut lines = String::new();
        for (one, other) in first
            .split(|b| *b == b'\n')
            .zip(second.split(|b| *b == b'\n'))
        {
            if one != other {
                let (one, other) = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
                writeln!(lines, "{one}\n  {other}").unwrap();
            }
        }
        assert!(first == second, "{lines}");
    }
}

/// Values only, as they are: the digits of a number do not change.
#[test]
fn a_replay_without_times_keeps_each_digit() {
    let mut store = Store::new();
    let rows: Vec<_> = (0_i32..200)
        .map(|index| {
            let value = f64::from(index * 7_919).sqrt() / 3.0 * 10_f64.powi(index % 40 - 20);
            (
                "home/a",
                number(value),
                None,
                DAY + i64::from(index) * 1_000,
            )
        })
        .collect();
    store.insert(&rows);
    let folder = store.folder.path();
    let values = |csv: Vec<u8>| -> Vec<String> {
        let csv = String::from_utf8(csv).unwrap();
        let value = |line: &str| line.split(',').nth(2).unwrap().to_owned();
        csv.lines().map(value).collect()
    };
    let first = export(folder, &store.url(), "day.csv");
    let copy = format!("sqlite:{}", folder.join("copy.db").display());
    let receiver = Receiver::start(&copy, rows.len(), &[]);
    let replay = ["--replay", "day.csv", "--speed", "max"];
    ends_well(receiver.publisher(&replay).current_dir(folder).spawn());
    receiver.finish();
    let second = export(folder, &copy, "again.csv");
    assert_eq!(values(first), values(second));
}
