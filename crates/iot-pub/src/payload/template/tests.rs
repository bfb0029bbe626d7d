use proptest::prelude::*;

use super::*;

fn template(text: &str) -> Result<Template, String> {
    Template::new(text, &[("value".into(), 0)], Some(1))
}

fn message() -> Message {
    Message {
        readings: vec![Some(5.0)],
        time: DateTime::from_timestamp_millis(1_750_000_000_123).unwrap(),
        seq: 7,
        device: "shed".into(),
    }
}

#[track_caller]
fn renders(text: &str, expected: &str) {
    assert_eq!(template(text).unwrap().render(message()).unwrap(), expected);
}

#[track_caller]
fn refused(text: &str, what: &str) {
    const KNOWN: &str = "known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}";
    assert_eq!(template(text).unwrap_err(), format!("{what}: {KNOWN}"));
}

#[test]
fn placeholders_are_replaced_and_all_else_is_kept() {
    renders("", "");
    renders("plain {text} } {", "plain {text} } {");
    renders("{{value}}", "5.0");
    renders("two\nlines\n", "two\nlines\n");
    renders(
        r#"{"t": {{ value }}, "at": "{{now}}", "n": {"x": {}}}"#,
        r#"{"t": 5.0, "at": "2025-06-15T15:06:40.123Z", "n": {"x": {}}}"#,
    );
    renders(r#"{"n":{"v":{{value}}}}"#, r#"{"n":{"v":5.0}}"#);
    renders("{{{value}}}", "{5.0}");
    renders("{{now_ms}} {{seq}} <{{device}}>", "1750000000123 7 <shed>");
}

#[test]
fn closing_braces_of_json_are_kept() {
    for json in [
        r#"{"a":{"b":1}}"#,
        r#"{"a":{"b":{}}}"#,
        r#"{"a": "}}", "b": "\"}}", "c": "\\"}"#,
        r#"[{"a":{"b":"}"}},{"a":{}}]"#,
        "{\n  \"a\": {\n    \"b\": 1 }}\n",
        "a} } {",
    ] {
        renders(json, json);
    }
    for (text, expected) in [
        (r#"{"a": {"b": {{value}}}}"#, r#"{"a": {"b": 5.0}}"#),
        (r#"{"a":{"b":[{{value}}]}}"#, r#"{"a":{"b":[5.0]}}"#),
        (r#"{"a":{"b":"{{seq}}"}}"#, r#"{"a":{"b":"7"}}"#),
        (r#"{"a":"{{seq}}}}"}"#, r#"{"a":"7}}"}"#),
        (r#"{"{{device}}":{"b":{}}}"#, r#"{"shed":{"b":{}}}"#),
    ] {
        renders(text, expected);
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;

    let text = || "[a{} \"\\\\,:]{0,6}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i8>().prop_map(Value::from),
        text().prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let array = prop::collection::vec(inner.clone(), 0..4);
        let object = prop::collection::vec((text(), inner), 0..4);
        prop_oneof![
            array.prop_map(Value::from),
            object.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_kept_around_a_placeholder(json in any_json()) {
        for json in [json.to_string(), format!("{json:#}")] {
            // In a string that begins a placeholder.
            prop_assume!(!json.contains("{{"));
            renders(&json, &json);
            let around = |inner: &str| format!(r#"{{"a":[{json}],"b":{{"c":{{"d":{inner}}}}}}}"#);
            renders(&around("{{value}}"), &around("5.0"));
        }
    }
}

#[test]
fn numbers_keep_their_text() {
    let names = [("a".into(), 0), ("b".into(), 1), ("c".into(), 2)];
    let render = |precision, readings: [f64; 3]| {
        let template = Template::new("{{a}} {{b}} {{c}} {{seq}}", &names, precision).unwrap();
        let message = Message {
            readings: readings.map(Some).to_vec(),
            seq: u64::MAX,
            ..message()
        };
        template.render(message).unwrap()
    };
    assert_eq!(
        render(Some(2), [25.3, -0.001, 25.0]),
        "25.30 0.00 25.00 18446744073709551615"
    );
    assert_eq!(
        render(None, [25.674_758_177_121_582, 1e21, -0.0]),
        "25.674758177121582 1000000000000000000000 0 18446744073709551615"
    );
}

#[test]
fn a_reading_that_has_dropped_out_is_null() {
    let template = template("{{value}}").unwrap();
    let message = Message {
        readings: vec![None],
        ..message()
    };
    assert_eq!(template.render(message).unwrap(), "null");
}

#[test]
fn filters_and_conditions_can_be_used() {
    renders("{{device|upper}}", "SHED");
    renders("{{value|int}}", "5");
    renders("{{value + 1}}", "6.0");
    renders(
        r#"{"alarm":{% if value > 4 %}{"on":{"since":{{seq}}}}{% else %}null{% endif %}}"#,
        r#"{"alarm":{"on":{"since":7}}}"#,
    );
    refused(
        "{{value|nonsense}}",
        "unknown filter: filter nonsense is unknown",
    );
}

#[test]
fn half_a_placeholder_is_refused() {
    refused("{{value", "`{{value` has no }}");
    refused(
        r#"{"t": {{value}, "x": {}}"#,
        r#"`{{value}, "x": {}}` has no }}"#,
    );
    refused("{{ {{value}}", "`{{ {{value}}` has no }}");
    refused("{{\nvalue and many more words", "`{{…` has no }}");
    refused("a{{", "`{{` has no }}");
    refused("{{}}", "{{}} has no name in it");
    refused("[{{  }}]", "{{}} has no name in it");
    refused("{{{{value}}}}", "`{{{{value}}}}` has too many braces");
    refused("}}", "}} ends no placeholder");
    refused("25.3 value}}", "}} after `value` ends no placeholder");
    refused(r#"{"t": value}}"#, "}} after `value` ends no placeholder");
    refused(
        r#"{"t": {{value}}, "n": now}}}"#,
        "}} after `now` ends no placeholder",
    );
    refused(
        "{{value}} aaaaaaaaaabbbbbbbbbbcccccccccc}}",
        "}} after `bbbbbbbbbbcccccccccc` ends no placeholder",
    );
}

#[test]
fn what_the_library_cannot_read_is_refused() {
    refused(
        "{{a b}}",
        "syntax error: unexpected identifier, expected end of variable block",
    );
    refused(
        r#"{{"t": 1}}"#,
        "syntax error: unexpected `:`, expected end of variable block",
    );
    refused(
        "{% if value %}",
        "syntax error: unexpected end of input, expected end of block",
    );
}

#[test]
fn an_unknown_name_is_reported_with_the_known_ones() {
    refused("{{valu}}", "unknown {{valu}}");
    refused("{{seq}} {{b}} {{a}}", "unknown {{b}}");
    refused("{% if heat %}x{% endif %}", "unknown {{heat}}");
}
