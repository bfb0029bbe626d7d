//! A line for each reading: the tutorial's, and `--json` and `--csv`, in the forms that
//! `iot-pub --replay` reads.

use std::io::Write;

use chrono::SecondsFormat;
use iot_store::{Reading, Value, push_number};

/// What names the columns of [`csv`].
pub(super) const CSV_HEADER: &str = "topic,value,time\n";

/// The columns of readings that may have a metric and a unit.
pub(super) const CSV_HEADER_NAMED: &str = "topic,value,time,metric,unit\n";

/// Appends ` {topic} {metric} {value} {unit}`; the metric and the unit only where there are any.
/// Each message passes here, so nothing is formatted with `write!`.
pub(super) fn tutorial(reading: &Reading, out: &mut Vec<u8>) {
    word(&reading.topic, out);
    if let Some(metric) = &reading.metric {
        word(metric, out);
    }
    out.push(b' ');
    match &reading.value {
        Value::Number(number) => push_number(*number, out),
        Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        // Writing to memory doesn't fail.
        Value::Json(json) => _ = serde_json::to_writer(&mut *out, json),
    }
    if let Some(unit) = &reading.unit {
        word(unit, out);
    }
}

fn word(text: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend_from_slice(text.as_bytes());
}

/// Appends `{"topic": …, "metric": …, "value": …, "unit": …, "time": …}` and a newline; the metric
/// and the unit only where there are any.
pub(super) fn json(reading: &Reading, out: &mut Vec<u8>) {
    // Writing to memory doesn't fail.
    out.extend(b"{\"topic\":");
    let _ = serde_json::to_writer(&mut *out, &*reading.topic);
    if let Some(metric) = &reading.metric {
        out.extend(b",\"metric\":");
        let _ = serde_json::to_writer(&mut *out, &**metric);
    }
    out.extend(b",\"value\":");
    let _ = match &reading.value {
        Value::Text(text) => serde_json::to_writer(&mut *out, text).map_err(Into::into),
        value => write!(out, "{value}"),
    };
    if let Some(unit) = &reading.unit {
        out.extend(b",\"unit\":");
        let _ = serde_json::to_writer(&mut *out, &**unit);
    }
    let _ = writeln!(out, ",\"time\":\"{}\"}}", time(reading));
}

/// Appends the columns topic, value and time, and metric and unit if they are `named`, quoted where
/// RFC 4180 wants that.
pub(super) fn csv(reading: &Reading, named: bool, out: &mut Vec<u8>) {
    field(&reading.topic, out);
    out.push(b',');
    match &reading.value {
        Value::Number(_) => {
            let _ = write!(out, "{}", reading.value);
        }
        Value::Text(text) => field(text, out),
        Value::Json(json) => field(&json.to_string(), out),
    }
    let _ = write!(out, ",{}", time(reading));
    if named {
        for name in [&reading.metric, &reading.unit] {
            out.push(b',');
            field(name.as_deref().unwrap_or_default(), out);
        }
    }
    out.push(b'\n');
}

fn field(text: &str, out: &mut Vec<u8>) {
    let quoted = text.contains(['"', ',', '\n', '\r']) || text.trim() != text;
    if !quoted {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            out.extend(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

fn time(reading: &Reading) -> String {
    reading
        .reg_date
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::DateTime;
    use iot_decode::PlainFormat;
    use iot_store::{Entry, IdGenerator};

    use super::*;
    use crate::decode::read;

    #[track_caller]
    fn case(payload: &str, as_json: &str, as_csv: &str) {
        let now = DateTime::from_timestamp_millis(1_795_428_000_123).unwrap();
        let payload = Bytes::copy_from_slice(payload.as_bytes());
        let entry = read(
            PlainFormat::Text,
            "a,b",
            &payload,
            now,
            &mut IdGenerator::new(),
        );
        let Entry::Reading(reading) = entry else {
            panic!("not a reading");
        };
        let (mut out, mut other) = (Vec::new(), Vec::new());
        json(&reading, &mut out);
        csv(&reading, false, &mut other);
        let expected =
            format!(r#"{{"topic":"a,b","value":{as_json},"time":"2026-11-23T10:00:00.123Z"}}"#);
        assert_eq!(String::from_utf8(out).unwrap(), expected + "\n");
        let expected = format!("\"a,b\",{as_csv},2026-11-23T10:00:00.123Z\n");
        assert_eq!(String::from_utf8(other).unwrap(), expected);
    }

    #[test]
    fn numbers_json_and_text() {
        case("25", "25.0", "25.0");
        case(
            r#"{"a": [1, "x"]}"#,
            r#"{"a":[1,"x"]}"#,
            r#""{""a"":[1,""x""]}""#,
        );
        case("on \"x\"", r#""on \"x\"""#, r#""on ""x""""#);
        case(" two\nlines", r#"" two\nlines""#, "\" two\nlines\"");
    }
}
