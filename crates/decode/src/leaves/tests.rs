use proptest::prelude::*;
use serde_json::json;

use super::*;

fn text(payload: &[u8], takes_text: bool) -> String {
    match leaves(payload, &mut Names::default(), takes_text) {
        Ok(readings) => {
            let reading = |reading: &Measured| match &reading.metric {
                Some(metric) => format!("{metric}={}", reading.value),
                None => reading.value.to_string(),
            };
            readings.iter().map(reading).collect::<Vec<_>>().join(" ")
        }
        Err(reason) => format!("! {reason}"),
    }
}

#[track_caller]
fn case(payload: &str, expected: &str) {
    assert_eq!(text(payload.as_bytes(), false), expected);
}

#[test]
fn numbers_and_booleans_have_their_paths() {
    case(
        r#"{"Time":"x","ENERGY":{"Power":230.5,"on":true},"none":null}"#,
        "ENERGY.Power=230.5 ENERGY.on=true",
    );
    case(
        r#"{"switch:0":{"aenergy":{"total":1}}}"#,
        "switch:0.aenergy.total=1.0",
    );
    case(r#"[{"tC":21.5},{"tC":-3}]"#, "0.tC=21.5 1.tC=-3.0");
    case("25.5", "25.5");
    case("null", "");
    case(r#""text""#, "");
    case("{}", "");
    case(r#"{"a":1,"b":2,"a":3}"#, "b=2.0 a=3.0");
    assert_eq!(text(br#"{"a":"x","b":["y",1]}"#, true), "a=x b.0=y b.1=1.0");
}

#[test]
fn keys_with_dots_are_escaped() {
    case(r#"{"a.b":1,"a":{"b":2}}"#, r"a\.b=1.0 a.b=2.0");
    case(r#"{"a\\":{"b":1},"a\\.b":2}"#, r"a\\.b=1.0 a\\\.b=2.0");
    case(r#"{"":1,"\"\"":2}"#, r#"""=1.0 \""=2.0"#);
}

#[test]
fn what_exceeds_a_limit_is_rejected() {
    let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    case(&nested(3), "0.0.0=1.0");
    assert!(!text(nested(100).as_bytes(), false).starts_with('!'));
    for levels in [101, 127, 128, 129, 100_000] {
        case(&nested(levels), "! nested deeper than 100 levels");
    }
    let many = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
    assert!(!text(many(100_000).as_bytes(), false).starts_with('!'));
    case(&many(100_001), "! more than 100000 values and keys");
    let long = format!(r#"{{"{}":1}}"#, "k".repeat(1025));
    case(
        &long,
        "! a path of more than 1024 bytes cannot be the name of a metric",
    );
    case(r#"{"a\u0000":1}"#, "! object key with a NUL");
    case("", "! empty payload");
    case(r#"{"a":1e999}"#, "! number out of range");
    case("hello", "! not JSON: expected value at line 1 column 1");
    case("1 2", "! not JSON: trailing characters at line 1 column 3");
    assert_eq!(text(b"\xff", false), "! not UTF-8");
}

/// Returns the value that a path leads to.
fn follow<'j>(document: &'j Json, path: &str) -> Option<&'j Json> {
    let mut keys = Vec::new();
    let mut key = String::new();
    let mut escaped = false;
    let mut plain = true;
    let mut end = |key: &mut String, plain: &mut bool| {
        let is_empty = *plain && key == "\"\"";
        let taken = std::mem::take(key);
        keys.push(if is_empty { String::new() } else { taken });
        *plain = true;
    };
    for c in path.chars() {
        match c {
            _ if escaped => {
                key.push(c);
                escaped = false;
                plain = false;
            }
            '\\' => escaped = true,
            '.' => end(&mut key, &mut plain),
            c => key.push(c),
        }
    }
    end(&mut key, &mut plain);
    keys.iter().try_fold(document, |value, key| match value {
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        Json::Object(fields) => fields.get(key),
        _ => None,
    })
}

fn count(document: &Json) -> usize {
    match document {
        Json::Number(_) => 1,
        Json::Array(items) => items.iter().map(count).sum(),
        Json::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn any_document() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    let key = prop_oneof![r#"[a."\\]{0,4}"#, r"[0-3]", r"[^\x00]{0,6}"];
    leaf.prop_recursive(6, 64, 6, move |item| {
        prop_oneof![
            prop::collection::vec(item.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((key.clone(), item), 0..6)
                .prop_map(|fields| fields.into_iter().collect::<Json>()),
        ]
    })
}

proptest! {
    #[test]
    fn every_number_comes_once_with_a_path_that_leads_back(document in any_document()) {
        let payload = document.to_string();
        let readings = leaves(payload.as_bytes(), &mut Names::default(), false).unwrap();
        let mut numbers = 0;
        for reading in &readings {
            let found = match &reading.metric {
                Some(metric) => follow(&document, metric),
                None => Some(&document),
            };
            match (&reading.value, found) {
                (Value::Number(number), Some(found)) => {
                    prop_assert_eq!(found.as_f64(), Some(*number));
                    numbers += 1;
                }
                (Value::Json(value), Some(found)) => prop_assert_eq!(value, found),
                other => prop_assert!(false, "{:?}: {:?}", reading.metric, other),
            }
        }
        prop_assert_eq!(numbers, count(&document));
        let paths: HashSet<_> = readings.iter().map(|reading| &reading.metric).collect();
        prop_assert_eq!(paths.len(), readings.len());

        // A tree has the same leaves as its text.
        let mut names = Names::default();
        let mut of_tree = Leaves::new(&mut names, false);
        walk_tree(&document, &mut Path::default(), &mut of_tree).unwrap();
        prop_assert_eq!(of_tree.finish(), readings);
    }
}

#[test]
fn many_equal_keys_give_one_reading() {
    let fields: Vec<String> = (0..40).map(|i| format!(r#""k{}":{i}"#, i % 20)).collect();
    let payload = format!("{{{}}}", fields.join(","));
    let found = leaves(payload.as_bytes(), &mut Names::default(), false).unwrap();
    let values: Vec<_> = found.iter().map(|reading| reading.value.clone()).collect();
    let expected: Vec<_> = (20..40_u8).map(|i| Value::Number(i.into())).collect();
    assert_eq!(values, expected);
    assert_eq!(json!(20), json!(found.len()));
}
