use super::*;
use PlainFormat::{Auto, Json as JsonOnly, Number, Text};

/// Each mode's verdict on one payload: `n` and the number as printed, `j` and JSON, `t` and text,
/// `!` and the reason.
#[track_caller]
fn case(mode: PlainFormat, payload: impl AsRef<[u8]>, expected: &str) {
    let found = match mode.value(payload.as_ref()) {
        Ok(value @ Value::Number(_)) => format!("n {value}"),
        Ok(value @ Value::Json(_)) => format!("j {value}"),
        Ok(value @ Value::Text(_)) => format!("t {value}"),
        Err(reason) => format!("! {reason}"),
    };
    assert_eq!(found, expected);
}

#[test]
fn numbers() {
    for mode in [Auto, Number, Text] {
        case(mode, "10", "n 10.0");
        case(mode, " \t-5.2\r\n", "n -5.2");
        case(mode, "+3", "n 3.0");
        case(mode, ".5", "n 0.5");
        case(mode, "5.", "n 5.0");
        case(mode, "-.5e+1", "n -5.0");
        case(mode, "5.E-1", "n 0.5");
        case(mode, "007", "n 7.0");
        case(mode, "-0", "n -0.0");
        case(mode, "1e-400", "n 0.0");
        case(mode, "9007199254740993", "n 9007199254740992.0");
        case(
            mode,
            "123456789012345678901234567890",
            "n 1.2345678901234568e+29",
        );
        case(
            mode,
            "1".repeat(308),
            &format!("n 1.{}e+307", "1".repeat(16)),
        );
    }
    for mode in [Auto, Number, JsonOnly] {
        case(mode, "1e309", "! number out of range");
        case(mode, "-1e309", "! number out of range");
        case(mode, "1".repeat(1_000_000), "! number out of range");
    }
}

#[test]
fn what_is_no_number() {
    for payload in [
        "hello",
        "1_000",
        "0x10",
        "inf",
        "-Infinity",
        "NaN",
        "nan",
        "1,5",
        "1 2",
        "e5",
        ".",
        "-",
        "+-1",
        "1e",
        "--1",
        "1.2.3",
        "٣",
        "１",
        "2026-11-23",
        "True",
        "\u{a0}1",
        "\u{feff}1",
    ] {
        case(Auto, payload, "! not a number or JSON");
        case(Number, payload, "! not a number");
        case(Text, payload, &format!("t {payload}"));
    }
    case(Auto, b"\xff\xfe", "! not UTF-8");
    case(Number, b"1\xff", "! not UTF-8");
    case(Text, b"\xff", "! not UTF-8");
    case(JsonOnly, b"\"\xff\"", "! not UTF-8");
    for mode in [Auto, Number, JsonOnly, Text] {
        case(mode, "", "! empty payload");
    }
    for mode in [Auto, Number, JsonOnly] {
        case(mode, " \n", "! empty payload");
    }
    case(Text, " \n", "t  \n");
    case(Number, "{\"t\":1}", "! not a number");
    case(Number, "true", "! not a number");
}

#[test]
fn json_stays_the_same_value() {
    for mode in [Auto, JsonOnly, Text] {
        case(mode, "{\"z\": 1, \"a\": 2.50}", "j {\"z\":1,\"a\":2.5}");
        case(mode, " [1, -2, 3.0] ", "j [1,-2,3.0]");
        case(mode, "true", "j true");
        case(mode, "null", "j null");
        case(mode, "\"hello\"", "j \"hello\"");
        case(mode, "[18446744073709551615]", "j [18446744073709551615]");
        case(mode, "[-9223372036854775808]", "j [-9223372036854775808]");
        case(mode, "[18446744073709551616]", "j [1.8446744073709552e+19]");
        // Its last digit is lost by a parser that is content with nearly.
        case(mode, "[51.248178375505404]", "j [51.248178375505404]");
        case(mode, "{\"a\":1,\"a\":2}", "j {\"a\":2}");
        case(mode, "10", "n 10.0");
        case(mode, "-0", "n -0.0");
    }
    case(
        JsonOnly,
        "123456789012345678901234567890",
        "n 1.2345678901234568e+29",
    );
}

#[test]
fn what_is_no_json() {
    for payload in [".5", "5.", "+5", "01", "hello", "NaN", "'a'"] {
        let Err(Reason::NotJson(_)) = JsonOnly.value(payload.as_bytes()) else {
            panic!("taken for JSON: {payload}");
        };
    }
    case(
        Auto,
        "{\"t\":1",
        "! not JSON: EOF while parsing an object at line 1 column 6",
    );
    case(
        Auto,
        "[1,]",
        "! not JSON: trailing comma at line 1 column 4",
    );
    case(
        Auto,
        "{\"t\":NaN}",
        "! not JSON: expected value at line 1 column 6",
    );
    case(Auto, "{\"t\":1e400}", "! number out of range");
    case(Text, "{\"t\":1e400}", "t {\"t\":1e400}");
    case(Auto, "[{\"a\\u0000b\":1}]", "! object key with a NUL");
    case(Auto, "[\"a\\u0000b\"]", "j [\"a\\u0000b\"]");
}

#[test]
fn nesting_ends_at_100_levels_and_never_exhausts_the_stack() {
    let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    case(Auto, nested(100), &format!("j {}", nested(100)));
    for levels in [101, 127, 128, 129, 100_000] {
        case(Auto, nested(levels), "! nested deeper than 100 levels");
    }
    case(
        Auto,
        "[".repeat(10_000_000),
        "! nested deeper than 100 levels",
    );
    case(
        JsonOnly,
        "{\"a\":".repeat(1_000_000),
        "! nested deeper than 100 levels",
    );
}

#[test]
fn json_of_many_values_is_rejected_before_it_takes_the_memory() {
    let many = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
    assert!(Auto.value(many(100_000).as_bytes()).is_ok());
    case(Auto, many(100_001), "! more than 100000 values and keys");
    let text = format!("[{}[]]", "[],".repeat(5_000_000));
    case(JsonOnly, text, "! more than 100000 values and keys");
    case(
        Auto,
        r#"{"$serde_json::private::RawValue":"5"}"#,
        r#"j {"$serde_json::private::RawValue":"5"}"#,
    );
}
