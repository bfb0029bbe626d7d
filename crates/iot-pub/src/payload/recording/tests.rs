use std::io::Write;

use bytes::Bytes;
use iot_core::TopicName;
use tempfile::NamedTempFile;

use super::reader::Reader;
use super::*;

fn same() -> Map {
    Box::new(|topic| TopicName::new(topic).map_err(|error| error.to_string()))
}

/// Reads all of a text: each record as `MILLISECONDS TOPIC VALUE`, each bad line as `bad: …`.
#[track_caller]
fn read(text: impl AsRef<[u8]>) -> Vec<String> {
    let mut reader = Reader::new("f", text.as_ref()).unwrap();
    let map = same();
    let mut lines = Vec::new();
    while let Some(item) = reader.next(&map).unwrap() {
        lines.push(match item {
            Item::Record(Record { topic, payload, at }) => {
                let value = String::from_utf8_lossy(&payload);
                format!("{} {topic} {value}", at.as_millis())
            }
            Item::Bad(line) => format!("bad: {line}"),
            Item::Failed(error) => format!("failed: {error:#}"),
        });
    }
    lines
}

#[track_caller]
fn no_header(text: &str, expected: &str) {
    let error = Reader::new("f", text.as_bytes()).err().unwrap();
    let expected = format!(
        "f:{expected}: a recording is CSV whose first line names its columns, topic,value,time, or JSON lines: \
         {{\"topic\": …, \"value\": …, \"time\": \"2026-06-21T06:00:00Z\"}}"
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn csv() {
    let text = "topic,value,time\r\n\
                a/b,25.30,2026-06-21T06:00:00Z\r\n\
                a/b,\"{\"\"t\"\": 1,\n \"\"u\"\": 2}\",2026-06-21T06:00:01.5Z\r\n\
                \r\n\
                a/c,,2026-06-21T08:00:02+02:00\r\n";
    let expected = [
        "0 a/b 25.30",
        "1500 a/b {\"t\": 1,\n \"u\": 2}",
        "2000 a/c ",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn columns_stand_in_any_order_and_others_are_left_out() {
    let text = "\u{feff}qos,reg_date,value, topic\n0,2026-06-21 06:00:00.000,1,a\n";
    assert_eq!(read(text), ["0 a 1"]);
}

#[test]
fn json_lines() {
    let text = r#"
        {"topic": "a", "value": 25.30, "time": "2026-06-21T06:00:00Z"}
        {"time": "2026-06-21T06:00:01Z", "topic": "a", "qos": 1, "value": {"t":  1.0, "u": null}}

        {"topic": "a", "value": "say \"x\"", "reg_date": "2026-06-21T06:00:02Z"}
        {"topic": "a", "value": 1e400, "time": "2026-06-21T06:00:03Z"}"#;
    let expected = [
        "0 a 25.30",
        r#"1000 a {"t":  1.0, "u": null}"#,
        r#"2000 a say "x""#,
        "3000 a 1e400",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn a_metric_and_a_unit_are_kept_in_the_payload() {
    let text = r#"
        {"topic":"a","metric":"ENERGY.Power","value":12.50,"unit":"W","time":"2026-06-21T06:00:00Z"}
        {"topic":"a","metric":"name","value":"5","time":"2026-06-21T06:00:01Z"}
        {"topic":"a","metric":null,"value":5,"unit":7,"time":"2026-06-21T06:00:02Z"}"#;
    let expected = [
        r#"0 a {"metric":"ENERGY.Power","value":12.50,"unit":"W"}"#,
        r#"1000 a {"metric":"name","value":"5"}"#,
        "2000 a 5",
    ];
    assert_eq!(read(text), expected);
    let text = "topic,value,time,metric,unit\n\
                a,12.5,2026-06-21T06:00:00Z,power,W\n\
                a,on,2026-06-21T06:00:01Z,state,\n\
                a,on,2026-06-21T06:00:02Z,,\n";
    let expected = [
        r#"0 a {"metric":"power","value":12.5,"unit":"W"}"#,
        r#"1000 a {"metric":"state","value":"on"}"#,
        "2000 a on",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn csv_of_a_spreadsheet() {
    for separator in [";", "\t"] {
        let text = "Topic;Value;Time\r\na;\"x;1\";2026-06-21 06:00:00\r\na;2;2026-06-21 08:00:01 +0200\r\n";
        let text = text.replace(';', separator);
        let expected = [format!("0 a x{separator}1"), "1000 a 2".to_owned()];
        assert_eq!(read(&text), expected);
    }
}

#[test]
fn json_of_mongodb() {
    let text = r#"
        {"_id":{"$oid":"0"},"topic":"a","value":{"$numberDouble":"25.3"},"reg_date":{"$date":{"$numberLong":"1795428000000"}}}
        {"topic":"a","value":{"$numberLong":"5"},"reg_date":{"$date":"2026-11-23T10:00:01Z"}}
        {"topic":"a","value":{"t":{"$numberDouble":"1.5"},"n":[{"$numberInt":"2"}]},"reg_date":{"$date":1795428002000}}
        {"topic":"a","value":{"$numberDouble":"NaN"},"reg_date":{"$date":1795428003000}}
        {"topic":"a","value":1,"reg_date":{"$date":true}}"#;
    let expected = [
        "0 a 25.3",
        "1000 a 5",
        r#"2000 a {"t":1.5,"n":[2]}"#,
        "bad: f:5: `NaN` in $numberDouble is not a number that a payload can hold",
        r#"bad: f:6: `{"$date":true}` is not a time, as in 2026-06-21T06:00:00Z or {"$date": …}"#,
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn a_text_that_looks_like_a_value_keeps_its_quotes() {
    let text = r#"{"topic":"a","value":"25.3","time":1795428000}
        {"topic":"a","value":"","time":"1795428001"}
        {"topic":"a","value":"true","time":1795428002000}
        {"topic":"a","value":"+5","time":1795428003000000}
        {"topic":"a","value":"on","time":"2026-11-23T10:00:04+0000"}"#;
    let expected = [
        r#"0 a "25.3""#,
        r#"1000 a """#,
        r#"2000 a "true""#,
        r#"3000 a "+5""#,
        "4000 a on",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn values_in_csv_may_be_any_bytes() {
    let text = b"topic,value,time\na,\xff\xfe,2026-06-21T06:00:00Z\n\xff,1,2026-06-21T06:00:00Z\n";
    assert_eq!(
        read(text),
        ["0 a \u{fffd}\u{fffd}", "bad: f:3: the topic is not UTF-8"]
    );
}

#[test]
fn a_bad_line_is_named_and_those_after_it_are_read() {
    let text = "topic,value,time\n\
                a,1\n\
                a,1,today\n\
                a,1,today,4\n\
                a/+,1,2026-06-21T06:00:00Z\n\
                a,\"1\"2,2026-06-21T06:00:00Z\n\
                a,1\"2,2026-06-21T06:00:00Z\n\
                a,1,2026-06-21T06:00:00Z\n";
    let expected = [
        "bad: f:2: 3 fields are needed, not 2",
        "bad: f:3: `today` is not a time, as in 2026-06-21T06:00:00Z",
        "bad: f:4: 3 fields are needed, not 4",
        "bad: f:5: topic name `a/+` contains the wildcard `+` (only topic filters have wildcards)",
        "bad: f:6: text between a closing quote and the next comma",
        "bad: f:7: a quote in a field that doesn't begin with one",
        "0 a 1",
    ];
    assert_eq!(read(text), expected);
    let text = "{\"topic\": \"a\"}\n\
                {\"topic\": \"a\", \n\
                nonsense\n\
                {\"topic\": 5, \"value\": 1, \"time\": \"2026-06-21T06:00:00Z\"}\n\
                [\"a\", 1, \"2026-06-21T06:00:00Z\", null, null]\n\
                {\"topic\": \"a\", \"value\": 1, \"time\": 1, \"reg_date\": 1}\n\
                {\"topic\": \"a\", \"value\": 1, \"time\": \"2026-06-21T06:00:00Z\"}\n\
                {\"topic\": \"a\", \"value\": null, \"time\": \"2026-06-21T06:00:00Z\"}\n";
    let expected = [
        "bad: f:1: there is no `value`",
        "bad: f:2: the line is not JSON: it ends too early",
        "bad: f:3: the line is not JSON (see column 2)",
        "bad: f:4: the topic is not a text",
        "bad: f:5: the line is not a JSON object",
        "bad: f:6: duplicate field `time`",
        "0 a 1",
        "0 a null",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn a_quote_that_is_never_closed_costs_its_own_line_only() {
    let text = "topic,value,time\n\
                a,\"1,2026-06-21T06:00:00Z\n\
                a,2,2026-06-21T06:00:01Z\n\
                a,3,2026-06-21T06:00:02Z\n\
                a,\"4,2026-06-21T06:00:03Z\n\
                a,5,2026-06-21T06:00:04Z";
    let expected = [
        "bad: f:2: text between a closing quote and the next comma",
        "0 a 2",
        "1000 a 3",
        "bad: f:5: a quote is not closed",
        "3000 a 5",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn neither_a_line_without_an_end_nor_a_quote_fills_memory() {
    const MANY: usize = line::LIMIT + 1000;
    let mut text = b"topic,value,time\na,".to_vec();
    text.resize(MANY, b'x');
    text.extend_from_slice(b"\na,1,2026-06-21T06:00:00Z\n");
    assert_eq!(read(&text), ["bad: f:2: longer than 65536 bytes", "0 a 1"]);
    let mut text = b"topic,value,time\na,\"".to_vec();
    while text.len() < MANY {
        text.extend_from_slice(b"\na,1,2026-06-21T06:00:00Z");
    }
    let lines = read(&text);
    assert_eq!(lines[0], "bad: f:2: a quote is not closed");
    assert!(lines[1..].iter().all(|line| line == "0 a 1"));
}

#[test]
fn the_first_line_says_what_it_is() {
    no_header(
        "a,25,2026-06-21T06:00:00Z\n",
        "1: there is no column `topic` in `a,25,2026-06-21T06:00:00Z`",
    );
    no_header(
        "topic,time\n",
        "1: there is no column `value` in `topic,time`",
    );
    no_header(
        "\ntopic,value\n",
        "2: there is no column `time` in `topic,value`",
    );
    no_header("\"", "1: this is not a header in `\\\"`");
    assert!(read("").is_empty());
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[track_caller]
fn open(file: &NamedTempFile, speed: Speed, repeat: bool, strict: bool) -> Recording {
    let replay = Replay {
        path: file.path().to_owned(),
        map: same(),
        speed,
        repeat,
        strict,
        retain: false,
        with_times: false,
    };
    Recording::open(replay).unwrap()
}

/// When the next message is due after the start in milliseconds, and its value.
#[track_caller]
fn next(recording: &mut Recording) -> Option<(u128, Bytes)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let pace = loop {
        match recording.pace() {
            Pace::Later => runtime.block_on(recording.ready()),
            pace => break pace,
        }
    };
    let due = match pace {
        Pace::At { due, .. } => due,
        Pace::Never => return None,
        pace => panic!("{pace:?}"),
    };
    match recording.next().unwrap() {
        Next::Message { payload, .. } => Some((due.as_millis(), payload)),
        other => panic!("{other:?}"),
    }
}

const FOUR: &str = "topic,value,time\n\
                    a,1,2026-06-21T06:00:00Z\n\
                    a,2,2026-06-21T06:00:01Z\n\
                    a,3,2026-06-21T06:00:00.5Z\n\
                    a,4,2026-06-21T06:00:06Z\n";

#[track_caller]
fn paced(speed: Speed, repeat: bool, expected: &[u128]) {
    let file = file(FOUR);
    let mut recording = open(&file, speed, repeat, false);
    for (index, due) in expected.iter().enumerate() {
        let value = Bytes::from((index % 4 + 1).to_string());
        assert_eq!(next(&mut recording), Some((*due, value)));
    }
    if !repeat {
        assert_eq!(next(&mut recording), None);
    }
}

#[test]
fn it_keeps_the_pace_and_the_order_of_the_recording() {
    // A record that is older than the one before follows at once.
    paced(Speed::NORMAL, false, &[0, 1000, 1000, 6000]);
    paced(Speed::Times(10.0), false, &[0, 100, 100, 600]);
    paced(Speed::Max, false, &[0, 0, 0, 0]);
}

#[test]
fn rounds_follow_each_other_as_messages_do_on_average() {
    paced(
        Speed::NORMAL,
        true,
        &[0, 1000, 1000, 6000, 8000, 9000, 9000, 14_000, 16_000],
    );
}

#[test]
fn a_round_of_one_message_takes_a_second() {
    let file = file("topic,value,time\na,1,2026-06-21T06:00:00Z\n");
    let mut recording = open(&file, Speed::NORMAL, true, false);
    let dues: Vec<u128> = (0..3).map(|_| next(&mut recording).unwrap().0).collect();
    assert_eq!(dues, [0, 1000, 2000]);
}

#[test]
fn bad_lines_are_counted_once_or_end_it() {
    let file = file("topic,value,time\nbad\na,1,2026-06-21T06:00:00Z\nbad\n");
    let mut recording = open(&file, Speed::Max, true, false);
    for _ in 0..3 {
        next(&mut recording).unwrap();
    }
    let line = format!("2 bad lines of `{}` skipped", file.path().display());
    assert_eq!(recording.last_notice(), Some(line));

    let mut recording = open(&file, Speed::Max, false, true);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(recording.ready());
    assert!(matches!(recording.pace(), Pace::At { .. }));
    let error = recording.next().unwrap_err().to_string();
    let path = file.path().display();
    assert_eq!(
        error,
        format!("bad line: {path}:2: 3 fields are needed, not 1")
    );
}
