//! `export`, on SQLite files.

mod common;

use std::fs;

use common::{DAY, Store, number, text, view};
use iot_store::Value;
use proptest::prelude::*;

fn home() -> Store {
    let mut store = Store::new();
    store.insert(&[
        ("home/a", number(21.5), Some("°C"), DAY),
        ("home/b#temp", number(-3.0), None, DAY + 1_000),
        ("home/a", number(22.5), Some("°C"), DAY + 60_000),
        ("home/state", text("on"), None, DAY + 61_000),
        ("home/a", number(30.0), Some("°C"), DAY + 3_600_000),
    ]);
    store
}

#[test]
fn csv_is_in_the_order_of_time() {
    let done = view(&home(), &["export"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(
        done.stdout,
        "topic,metric,value,unit,time\n\
         home/a,,21.5,°C,2026-06-21T00:00:00.000Z\n\
         home/b,temp,-3.0,,2026-06-21T00:00:01.000Z\n\
         home/a,,22.5,°C,2026-06-21T00:01:00.000Z\n\
         home/state,,on,,2026-06-21T00:01:01.000Z\n\
         home/a,,30.0,°C,2026-06-21T01:00:00.000Z\n"
    );
}

#[test]
fn a_filter_and_a_period_select() {
    let store = home();
    let lines = |args: &[&str]| view(&store, args).stdout.lines().count() - 1;
    assert_eq!(lines(&["export", "home/a"]), 3);
    assert_eq!(lines(&["export", "home/b#temp"]), 1);
    assert_eq!(lines(&["export", "home/a", "home/b", "home/+#"]), 5);
    assert_eq!(lines(&["export", "--since", "2026-06-21T00:01"]), 3);
    assert_eq!(
        lines(&["export", "--since", "2026-06-21", "--until", "2026-06-21"]),
        5
    );
    assert_eq!(lines(&["export", "--until", "2026-06-20"]), 0);
}

#[test]
fn steps_without_readings_are_skipped() {
    let mut store = Store::new();
    store.insert(&[
        ("home/a", number(1.0), None, 1_500),
        ("home/b", number(2.0), None, DAY + 59_999),
        ("home/a", number(3.0), None, DAY + 61_000),
    ]);
    // Some 1.8 thousand million steps.
    let done = view(&store, &["export", "--every", "1s"]);
    assert_eq!(
        done.stdout,
        "topic,metric,value,unit,time\n\
         home/a,,1.0,,1970-01-01T00:00:01.000Z\n\
         home/b,,2.0,,2026-06-21T00:00:59.000Z\n\
         home/a,,3.0,,2026-06-21T00:01:01.000Z\n"
    );
    let done = view(
        &store,
        &["export", "--every", "1m", "--timezone", "Europe/Berlin"],
    );
    assert_eq!(done.stdout.lines().count(), 4, "{}", done.stdout);
}

#[test]
fn json_wide_steps_and_line_protocol() {
    let store = home();
    let out = |args: &[&str]| view(&store, args).stdout;
    let json = out(&["export", "home/b", "--format", "json"]);
    assert_eq!(
        json,
        "{\"topic\":\"home/b\",\"metric\":\"temp\",\"value\":-3.0,\"time\":\"2026-06-21T00:00:01.000Z\"}\n"
    );
    assert_eq!(
        out(&[
            "export",
            "home/a",
            "home/b",
            "--wide",
            "--until",
            "2026-06-21T00:01"
        ]),
        "time,home/a,home/b#temp\n\
         2026-06-21T00:00:00.000Z,21.5,\n\
         2026-06-21T00:00:01.000Z,,-3.0\n"
    );
    assert_eq!(
        out(&[
            "export",
            "home/a",
            "--every",
            "1h",
            "--aggregate",
            "mean,count"
        ]),
        "topic,metric,mean,count,unit,time\n\
         home/a,,22.0,2,°C,2026-06-21T00:00:00.000Z\n\
         home/a,,30.0,1,°C,2026-06-21T01:00:00.000Z\n"
    );
    assert_eq!(
        out(&[
            "export",
            "home/a",
            "home/b",
            "--every",
            "30m",
            "--wide",
            "--aggregate",
            "max"
        ]),
        "time,home/a,home/b#temp\n\
         2026-06-21T00:00:00.000Z,22.5,-3.0\n\
         2026-06-21T01:00:00.000Z,30.0,\n"
    );
    assert_eq!(
        out(&["export", "home/state", "--format", "line-protocol"]),
        "sensors,topic=home/state text=\"on\" 1782000061000000000\n"
    );
}

#[test]
fn a_file_is_replaced_when_all_is_written() {
    let store = home();
    let path = store.folder.path().join("day.csv");
    fs::write(&path, "old").unwrap();
    let done = view(&store, &["export", "-o", "day.csv"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(done.stderr.contains("5 rows"), "{}", done.stderr);
    assert!(fs::read_to_string(&path).unwrap().starts_with("topic,"));
    let names: Vec<_> = fs::read_dir(store.folder.path()).unwrap().collect();
    assert!(names.iter().all(|name| {
        let name = name.as_ref().unwrap().file_name();
        !name.to_string_lossy().contains(".part")
    }));
}

#[test]
fn a_failed_write_is_one_line() {
    let store = home();
    let done = view(&store, &["export", "-o", "/dev/full"]);
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        "iot-view: cannot write `/dev/full`: no space left on device\n"
    );
    let done = view(&store, &["export", "-o", "none/day.csv"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr
            .starts_with("iot-view: cannot write `none/day.csv`: "),
        "{}",
        done.stderr
    );
    let done = view(&store, &["export", "--store", "sqlite:missing.db"]);
    assert_eq!(
        (done.code, done.stderr.lines().count()),
        (1, 1),
        "{}",
        done.stderr
    );
}

#[test]
fn parquet_has_the_same_rows() {
    use parquet::file::reader::{FileReader, SerializedFileReader};

    let store = home();
    let done = view(&store, &["export", "-o", "day.parquet"]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let file = fs::File::open(store.folder.path().join("day.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<String> = reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| row.unwrap().to_string())
        .collect();
    assert_eq!(rows.len(), 5);
    assert!(
        rows[0].contains("topic: \"home/a\"") && rows[0].contains("value: 21.5"),
        "{}",
        rows[0]
    );
    assert!(
        rows[3].contains("value: null") && rows[3].contains("text: \"on\""),
        "{}",
        rows[3]
    );
}

#[test]
fn a_spreadsheet_gets_no_formula() {
    let mut store = Store::new();
    store.insert(&[
        ("=cmd", text("=1+1"), Some("@x"), DAY),
        ("a", number(-1.0), None, DAY + 1),
    ]);
    let csv = view(&store, &["export"]).stdout;
    let line = csv.lines().nth(1).unwrap();
    assert_eq!(line, "'=cmd,,\"\"\"=1+1\"\"\",'@x,2026-06-21T00:00:00.000Z");
    for cell in csv.lines().skip(1).flat_map(|line| line.split(',')) {
        let is_number = cell.parse::<f64>().is_ok();
        assert!(
            is_number || !cell.starts_with(['=', '+', '-', '@']),
            "{cell}"
        );
    }
}

/// Reads a CSV export as `iot-pub --replay` does, and stores it as `iot-sub` would.
fn replayed(csv: &str) -> Store {
    let mut store = Store::new();
    let mut rows = Vec::new();
    for record in records(csv).into_iter().skip(1) {
        let [topic, metric, value, unit, time] = &record[..] else {
            panic!("{record:?}")
        };
        let (topic, metric) = (iot_store::csv_name(topic), iot_store::csv_name(metric));
        let key = match metric {
            "" => topic.to_owned(),
            metric => format!("{topic}#{metric}"),
        };
        let value = match value.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Number(number),
            _ => match serde_json::from_str(value) {
                Ok(json) => Value::Json(json),
                Err(_) => Value::Text(value.clone()),
            },
        };
        let time: chrono::DateTime<chrono::Utc> = time.parse().unwrap();
        let unit = Some(iot_store::csv_name(unit).to_owned()).filter(|unit| !unit.is_empty());
        rows.push((key, value, unit, time.timestamp_millis()));
    }
    let rows: Vec<_> = rows
        .iter()
        .map(|(key, value, unit, time)| (key.as_str(), value.clone(), unit.as_deref(), *time))
        .collect();
    store.insert(&rows);
    store
}

/// The records of CSV, as RFC 4180 has them.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut records = vec![vec![String::new()]];
    let mut is_quoted = false;
    let mut chars = csv.chars().peekable();
    while let Some(c) = chars.next() {
        let record = records.last_mut().unwrap();
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => {
                chars.next();
                record.last_mut().unwrap().push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(String::new()),
            '\n' if !is_quoted => records.push(vec![String::new()]),
            c => record.last_mut().unwrap().push(c),
        }
    }
    records.pop();
    records
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::Number),
        (-1_000_000_i32..1_000_000).prop_map(|number| Value::Number(f64::from(number) / 100.0)),
        "[ -~é°\n\t]{0,12}".prop_map(Value::Text),
        "[=+@'-][a-z0-9,\"]{0,5}".prop_map(Value::Text),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn export_replay_export_gives_the_same_bytes(
        readings in prop::collection::vec(
            ("[=a-c'/-]{1,3}", prop::option::of("[=a'-]{1,2}"), value(), 0..10_000_i64),
            1..40,
        )
    ) {
        let mut store = Store::new();
        let keys: Vec<String> = readings
            .iter()
            .map(|(topic, metric, ..)| match metric {
                Some(metric) => format!("{topic}#{metric}"),
                None => topic.clone(),
            })
            .collect();
        let rows: Vec<_> = keys
            .iter()
            .zip(&readings)
            .map(|(key, (_, _, value, at))| (key.as_str(), value.clone(), None, DAY + at))
            .collect();
        store.insert(&rows);
        let first = view(&store, &["export"]);
        prop_assert_eq!(first.code, 0, "{}", first.stderr);
        let second = view(&replayed(&first.stdout), &["export"]);
        prop_assert_eq!(first.stdout, second.stdout);
    }
}
