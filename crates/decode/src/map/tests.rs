use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;

use super::*;

fn run_with(map: &Map, payload: &str) -> Result<Vec<String>, String> {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let now = DateTime::from_timestamp_millis(1_795_428_000_250).unwrap();
    let message = Message {
        qos: 1,
        retain: true,
        ..Message::new("a/b", &payload, now)
    };
    let decoded = map.run(&message).map_err(|reason| reason.to_string())?;
    let readings = decoded.readings.iter().map(|reading| {
        let mut text = String::new();
        for name in [&reading.topic, &reading.metric].into_iter().flatten() {
            text.extend([name, " "]);
        }
        text += &reading.value.to_string();
        if let Some(unit) = &reading.unit {
            text.extend([" ", unit]);
        }
        if let Some(time) = &reading.time {
            text.extend([" at ", &time.to_rfc3339()]);
        }
        text
    });
    Ok(readings.collect())
}

fn run(program: &str, payload: &str) -> Result<Vec<String>, String> {
    run_with(&Map::compile(program)?, payload)
}

#[track_caller]
fn case(program: &str, payload: &str, expected: &[&str]) {
    let expected = expected.iter().copied().map(str::to_owned).collect();
    assert_eq!(run(program, payload), Ok(expected), "{program}");
}

#[track_caller]
fn refused(program: &str, payload: &str, expected: &str) {
    assert_eq!(run(program, payload), Err(expected.to_owned()), "{program}");
}

#[test]
fn each_output_is_a_reading() {
    case(".payload.t / 10", r#"{"t": 215}"#, &["21.5"]);
    case(
        ".payload | to_entries[] | {metric: .key, value}",
        r#"{"t": 21.5, "h": 40, "on": true, "name": "x", "gone": null}"#,
        &["t 21.5", "h 40.0", "on true", "name x"],
    );
    case(
        r#"{topic: "c", metric: "m", value: .payload.v, unit: "°C", time: .payload.at}"#,
        r#"{"v": 1, "at": "2026-11-23T11:00:00+01:00"}"#,
        &["c m 1.0 °C at 2026-11-23T10:00:00+00:00"],
    );
    case(
        ".payload[] | {value: .[1], time: .[0]}",
        "[[1795428000, 1], [1795428000250, 2], [null, 3]]",
        &[
            "1.0 at 2026-11-23T10:00:00+00:00",
            "2.0 at 2026-11-23T10:00:00.250+00:00",
            "3.0",
        ],
    );
    case(
        ".payload",
        r#"{"a": [1, {"b": null}]}"#,
        &[r#"{"a":[1,{"b":null}]}"#],
    );
    case("empty", "1", &[]);
    case("null", "1", &[]);
}

#[test]
fn a_program_means_what_it_says() {
    let payload = r#"{"a":[3,1,2],"b":{"c":4}}"#;
    for (program, expected) in [
        (".payload.a[] |= . + 1 | .payload.a", "[4,2,3]"),
        ("del(.payload.a[0]) | .payload.a", "[1,2]"),
        (".payload | [paths] | length", "6.0"),
        (".payload | [path(..)] | length", "7.0"),
        (".payload | [.. | numbers]", "[3,1,2,4]"),
        ("[limit(2; range(10))]", "[0,1]"),
        ("[range(0; 10; 4)]", "[0,4,8]"),
        (".payload.a as [$x, $y] | $x - $y", "2.0"),
        (".payload.b as {c: $x} | $x", "4.0"),
        ("reduce .payload.a[] as $x (0; . + $x)", "6.0"),
        ("[foreach .payload.a[] as $x (0; . + $x; .)]", "[3,4,6]"),
        (
            "[label $f | .payload.a[] | if . == 2 then break $f end]",
            "[3,1]",
        ),
        ("[.payload.a[1:][]]", "[1,2]"),
        (".payload.a | sort | map(. * 2)", "[2,4,6]"),
        (
            ".payload | with_entries(.key |= ascii_upcase) | keys",
            r#"["A","B"]"#,
        ),
        (
            ".payload | to_entries",
            r#"[{"key":"a","value":[3,1,2]},{"key":"b","value":{"c":4}}]"#,
        ),
        (".payload.none | try to_entries catch \"no\"", "no"),
        (".payload.a | to_entries | map(.key)", "[0,1,2]"),
        ("[.payload.a[] | select(. > 1)] | length", "2.0"),
        (
            "[recurse(if . < 3 then . + 1 else empty end)?] | length",
            "1.0",
        ),
        (
            "[1 | recurse(if . < 3 then . + 1 else empty end)]",
            "[1,2,3]",
        ),
        (
            "def f($n): if $n == 0 then 1 else $n * f($n - 1) end; f(5)",
            "120.0",
        ),
        ("\"\\(.payload.a[])\"", "3"),
        ("try error(\"x\") catch .", "x"),
        ("-(.payload.a[0])", "-3.0"),
        (".payload.none // 7", "7.0"),
    ] {
        let found = run(program, payload).unwrap();
        assert_eq!(found[0], expected, "{program}");
    }
}

#[test]
fn the_input_has_all_of_the_message() {
    case(
        ".topic, .payload, .qos, .retain, (.time | todate), (.properties | length)",
        "on fire",
        &[
            "a/b",
            "on fire",
            "1.0",
            "true",
            "2026-11-23T10:00:00.25Z",
            "0.0",
        ],
    );
    case(
        ".payload | split(\";\")[] | tonumber",
        "1;2.5",
        &["1.0", "2.5"],
    );
    case(
        ".payload",
        "18446744073709551615",
        &["1.8446744073709552e+19"],
    );
}

#[test]
fn properties_have_the_names_of_the_option_fields() {
    let payload = Bytes::from_static(b"1");
    let pairs = [("site".to_owned(), "roof".to_owned())];
    let mut message = Message::new("a", &payload, DateTime::UNIX_EPOCH);
    message.properties.content_type = Some("text/plain");
    message.properties.user_properties = &pairs;
    let map = Map::compile(".properties | .content_type + \" \" + .user_properties.site").unwrap();
    let decoded = map.run(&message).unwrap();
    assert_eq!(decoded.readings[0].value.to_string(), "text/plain roof");
}

#[test]
fn an_error_has_jq_s_words() {
    refused(
        ".payload.a",
        "hello",
        "map: cannot index \"hello\" with \"a\"",
    );
    refused("error(\"no\")", "1", "map: no");
    refused("halt", "1", "map: the program halts");
    refused("nan", "1", "map: an output is not a finite number: NaN");
    refused(
        "{metric: \"a\", vaule: 1}",
        "1",
        "map: an output has the unknown key \"vaule\" (metric, value, unit, time and topic are known)",
    );
    refused(
        "{metric: \"a\"}",
        "1",
        "map: an output has a metric and no value",
    );
    refused(
        "{value: 1, metric: 2}",
        "1",
        "map: the metric of an output is no text: 2",
    );
    refused(
        "{value: 1, topic: \"a/+\"}",
        "1",
        "map: the topic of an output has a wildcard: a/+",
    );
    refused(
        "{value: 1, time: \"today\"}",
        "1",
        "map: the time of an output cannot be read: \"today\" (seconds, milliseconds or RFC 3339)",
    );
}

#[test]
fn a_program_that_is_wrong_is_refused_with_the_place() {
    for (program, expected) in [
        (".a | fo(1)", "there is no filter `fo/1` at column 6"),
        ("$x", "there is no variable `$x` at column 1"),
        ("env", "there is no filter `env` at column 1"),
        ("input", "there is no filter `input` at column 1"),
        ("import \"m\" as m; 1", "modules such as `m` cannot be read"),
    ] {
        assert_eq!(Map::compile(program).unwrap_err(), expected);
    }
    for (program, expected) in [
        ("(.a", "something is missing at its end"),
        (".a |", "something is missing at its end"),
        ("1 2", "is expected at column 3"),
        ("\"a", "something is missing at its end"),
        ("if 1", "something is missing at its end"),
    ] {
        let error = Map::compile(program).unwrap_err();
        assert!(error.contains(expected), "{program}: {error}");
    }
}

#[test]
fn a_payload_that_is_nearly_json_is_named() {
    refused(
        ".payload.t / 10",
        r#"{"t":21.5,}"#,
        "map: cannot index \"{\\\"t\\\":21.5,}\" with \"t\" (the payload is not valid JSON, so `.payload` is text)",
    );
}

#[test]
fn the_limits_end_a_run() {
    refused("range(20000)", "1", "map: more than 10000 outputs");
    refused("repeat(1)", "1", "map: more than 10000 outputs");
    let limits = MapLimits {
        time: Duration::ZERO,
        ..MapLimits::default()
    };
    let map = Map::compile("repeat(1)").unwrap().with_limits(limits);
    assert_eq!(
        run_with(&map, "1"),
        Err("map: it runs for more than 0 ms".to_owned())
    );
    // A program that gives no output ends as well, and cannot catch that.
    let limits = MapLimits {
        steps: 1_000,
        ..MapLimits::default()
    };
    for program in [
        "def f: f; f",
        "def f: ., f; f | empty",
        "def f(g): g | f(g); f(.)",
        "def f: def g: f; g; f",
        "repeat(empty)",
        "last(range(1e9))",
        "[range(1e9)]",
        "range(1e9) | empty",
        "reduce range(1e9) as $i (0; .)",
        "first(range(1e9) | select(. < 0))",
        "try range(1e9) catch 1 | empty",
        "label $f | range(1e9) | if . < 0 then break $f else empty end",
        "range(1e9) // 1 | empty",
        "until(. == 1; .)",
        "[range(40)] | [.[] as $a | .[] as $b | 1]",
        "[range(900)] | .[] |= . + 1",
        "[[range(40)]] | [path(..)] | length | range(1e9) | empty",
    ] {
        let map = Map::compile(program).unwrap().with_limits(limits);
        let expected = Err("map: it takes more than 1000 steps".to_owned());
        assert_eq!(run_with(&map, "1"), expected, "{program}");
    }
    let map = Map::compile("def f: f; f").unwrap().with_limits(MapLimits {
        steps: usize::MAX,
        time: Duration::from_millis(10),
        ..MapLimits::default()
    });
    assert_eq!(
        run_with(&map, "1"),
        Err("map: it runs for more than 10 ms".to_owned())
    );
    for program in [
        "def f: 1 + f; f",
        "def f: try f catch f; f",
        "def f: [f]; f",
    ] {
        refused(
            program,
            "1",
            "map: its functions call themselves too deeply",
        );
    }
    let deep = format!("{}1{}", "[".repeat(101), "]".repeat(101));
    refused(".payload", &deep, "nested deeper than 100 levels");
    refused(
        "reduce range(200) as $i (1; [.])",
        "1",
        "map: an output is nested deeper than 100 levels",
    );
}
