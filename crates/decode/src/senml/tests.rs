use chrono::SecondsFormat;

use super::*;

fn text(payload: &[u8]) -> String {
    let now = DateTime::from_timestamp(1_795_428_000, 0).unwrap();
    match senml(payload, now, &mut Names::default()) {
        Ok(readings) => {
            let line = |reading: &Measured| {
                let metric = reading.metric.as_deref().unwrap();
                let unit = reading.unit.as_deref().unwrap_or("-");
                let time = reading.time.map_or("now".to_owned(), |time| {
                    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
                });
                format!("{metric} {} {unit} {time}\n", reading.value)
            };
            readings.iter().map(line).collect()
        }
        Err(reason) => format!("! {reason}\n"),
    }
}

#[track_caller]
fn case(payload: &str, expected: &[&str]) {
    let found = text(payload.as_bytes());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn examples_of_rfc_8428_section_5() {
    // §5.1.1
    case(
        r#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
        &["urn:dev:ow:10e2073a01080063 23.1 Cel now"],
    );
    // §5.1.2
    case(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
            {"n":"current","u":"A","v":1.2}]"#,
        &[
            "urn:dev:ow:10e2073a01080063:voltage 120.1 V now",
            "urn:dev:ow:10e2073a01080063:current 1.2 A now",
        ],
    );
    case(
        r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
             "n":"voltage","u":"V","v":120.1},
            {"n":"current","t":-5,"v":1.2},
            {"n":"current","t":-4,"v":1.3},
            {"n":"current","t":-3,"v":1.4},
            {"n":"current","t":-2,"v":1.5},
            {"n":"current","t":-1,"v":1.6},
            {"n":"current","v":1.7}]"#,
        &[
            "urn:dev:ow:10e2073a0108006:voltage 120.1 V 2010-06-08T18:01:16.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.2 A 2010-06-08T18:01:11.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.3 A 2010-06-08T18:01:12.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.4 A 2010-06-08T18:01:13.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.5 A 2010-06-08T18:01:14.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.6 A 2010-06-08T18:01:15.001Z",
            "urn:dev:ow:10e2073a0108006:current 1.7 A 2010-06-08T18:01:16.001Z",
        ],
    );
    case(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},
            {"u":"lon","v":24.30621},
            {"u":"lat","v":60.07965},
            {"t":60,"v":20.3},
            {"u":"lon","t":60,"v":24.30622},
            {"u":"%EL","t":150,"v":98},
            {"u":"lat","t":180,"v":60.07967}]"#,
        &[
            "urn:dev:ow:10e2073a01080063 20.0 %RH 2011-10-31T13:24:24Z",
            "urn:dev:ow:10e2073a01080063 24.30621 lon 2011-10-31T13:24:24Z",
            "urn:dev:ow:10e2073a01080063 60.07965 lat 2011-10-31T13:24:24Z",
            "urn:dev:ow:10e2073a01080063 20.3 %RH 2011-10-31T13:25:24Z",
            "urn:dev:ow:10e2073a01080063 24.30622 lon 2011-10-31T13:25:24Z",
            "urn:dev:ow:10e2073a01080063 98.0 %EL 2011-10-31T13:26:54Z",
            "urn:dev:ow:10e2073a01080063 60.07967 lat 2011-10-31T13:27:24Z",
        ],
    );
    // §5.1.4
    case(
        r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
            {"n":"label","vs":"Machine Room"},
            {"n":"open","vb":false},
            {"n":"nfv-reader","vd":"aGkgCg"}]"#,
        &[
            "urn:dev:ow:10e2073a01080063:temp 23.1 Cel now",
            "urn:dev:ow:10e2073a01080063:label Machine Room - now",
            "urn:dev:ow:10e2073a01080063:open false - now",
            "urn:dev:ow:10e2073a01080063:nfv-reader aGkgCg - now",
        ],
    );
    // §5.1.5
    case(
        r#"[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":25.2},
            {"n":"humidity","u":"%RH","v":30},
            {"bn":"2001:db8::1/","n":"temperature","u":"Cel","v":12.3},
            {"n":"humidity","u":"%RH","v":67}]"#,
        &[
            "2001:db8::2/temperature 25.2 Cel 2011-10-31T16:27:09Z",
            "2001:db8::2/humidity 30.0 %RH 2011-10-31T16:27:09Z",
            "2001:db8::1/temperature 12.3 Cel 2011-10-31T16:27:09Z",
            "2001:db8::1/humidity 67.0 %RH 2011-10-31T16:27:09Z",
        ],
    );
}

#[test]
fn cbor_has_numbers_for_labels() {
    // RFC 8428 §6: the second example of §5.1.2, its first two records.
    let mut payload = vec![0x82, 0xa7, 0x21, 0x78, 0x1b];
    payload.extend_from_slice(b"urn:dev:ow:10e2073a0108006:");
    payload.extend_from_slice(&[0x22, 0xfb, 0x41, 0xd3, 0x03, 0xa1, 0x5b, 0x00, 0x10, 0x62]);
    payload.extend_from_slice(&[0x23, 0x61, 0x41, 0x20, 0x05, 0x00, 0x67]);
    payload.extend_from_slice(b"voltage");
    payload.extend_from_slice(&[0x01, 0x61, 0x56, 0x02, 0xfb]);
    payload.extend_from_slice(&120.1_f64.to_be_bytes());
    payload.extend_from_slice(&[0xa3, 0x00, 0x67]);
    payload.extend_from_slice(b"current");
    payload.extend_from_slice(&[0x06, 0x24, 0x02, 0xfb]);
    payload.extend_from_slice(&1.2_f64.to_be_bytes());
    assert_eq!(
        text(&payload),
        "urn:dev:ow:10e2073a0108006:voltage 120.1 V 2010-06-08T18:01:16.001Z\n\
         urn:dev:ow:10e2073a0108006:current 1.2 A 2010-06-08T18:01:11.001Z\n"
    );
    // Bytes, and a decimal fraction: {0: "a", 8: h'01'}, {0: "b", 2: 273.15}.
    let payload = [
        0x82, 0xa2, 0x00, 0x61, b'a', 0x08, 0x41, 0x01, 0xa2, 0x00, 0x61, b'b', 0x02, 0xc4, 0x82,
        0x21, 0x19, 0x6a, 0xb3,
    ];
    assert_eq!(text(&payload), "a AQ - now\nb 273.15 - now\n");
}

#[test]
fn bases_are_added_and_small_times_are_relative() {
    case(
        r#"[{"bn":"a","bv":100,"bs":5},{"n":"b","v":1.5},{"n":"c","u":"W","s":2,"v":0},
            {"n":"d","u":"W","s":1},{"bn":"x","bu":"V","n":"","v":1,"t":-90.5},
            {"bt":60,"n":"y","v":1,"t":268435395},{"n":"z","v":1,"t":268435396}]"#,
        &[
            "ab 101.5 - now",
            "ac 100.0 W now",
            "ac.sum 7.0 W·s now",
            "ad.sum 6.0 W·s now",
            "x 101.0 V 2026-11-23T09:58:29.500Z",
            "xy 101.0 V 2035-05-27T07:24:15Z",
            "xz 101.0 V 1978-07-04T21:24:16Z",
        ],
    );
    case("[]", &[]);
}

#[test]
fn what_is_no_senml_is_rejected() {
    for (payload, expected) in [
        ("", "! empty payload"),
        (
            "{\"n\":\"a\"}",
            "! not SenML: it is not an array of records",
        ),
        ("[1]", "! not SenML: record 1: it is not an object"),
        (r#"[{"v":1}]"#, "! not SenML: record 1: it has no name"),
        (r#"[{"n":"a"}]"#, "! not SenML: record 1: it has no value"),
        (
            r#"[{"n":"a","v":"1"}]"#,
            "! not SenML: record 1: `v` is not a number",
        ),
        (
            r#"[{"n":"a","vb":1}]"#,
            "! not SenML: record 1: `vb` is not true or false",
        ),
        (
            r#"[{"n":1,"v":1}]"#,
            "! not SenML: record 1: `n` is not a string",
        ),
        (
            r#"[{"n":"a","v":1},{"n":"a","v":1,"vb":true}]"#,
            "! not SenML: record 2: it has more than one value",
        ),
        (
            r#"[{"n":"a","v":1,"foo_":1}]"#,
            "! not SenML: record 1: the extension `foo_` is unknown",
        ),
        (
            r#"[{"n":"a","v":1,"bver":11}]"#,
            "! not SenML: record 1: version 11 is newer than 10",
        ),
        (
            r#"[{"n":"a","v":1,"t":1e300}]"#,
            "! not SenML: record 1: the time 1e300 is out of range",
        ),
        (
            r#"[{"n":"a","v":1,"t":253402300800}]"#,
            "! not SenML: record 1: the time 2.534023008e11 is out of range",
        ),
        (
            r#"[{"n":"a","bv":1e308,"v":1e308}]"#,
            "! not SenML: record 1: its value is out of range",
        ),
        (
            "[{\"n\":",
            "! not JSON: EOF while parsing a value at line 1 column 6",
        ),
        ("hello", "! not CBOR: it ends within a value"),
    ] {
        case(payload, &[expected]);
    }
}
