use std::sync::Arc;
use std::time::Duration;

use iot_decode::{Format, Measured};
use iot_store::Value;

use super::*;
use crate::alert::UrlFormat;

#[track_caller]
fn problem(text: &str, expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("house.toml");
    std::fs::write(&path, text).unwrap();
    let problem = read(&path).unwrap_err();
    let problem = problem.replace(&path.display().to_string(), "house.toml");
    assert_eq!(problem, expected);
}

#[test]
fn a_rule_has_all_of_its_keys() {
    let text = r#"
        [[rule]]
        filter = "tele/+/SENSOR"
        decode = "leaves"
        time-key = "/Time"
        only = ["ENERGY.*", "DS18B20.*"]
        skip = "*.Id"
        rename = { "ENERGY.Power" = "power", "DS18B20.Temperature" = "" }
        unit = { "ENERGY.Power" = "W", "*" = "°C" }
        scale = { "DS18B20.*" = 0.1 }
        offset = -40

        [[rule]]
        filter = "raw/#"
        map = ".payload.v"
    "#;
    let rules = parse(text).unwrap().rules;
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].filter.as_str(), "tele/+/SENSOR");
    assert_eq!(rules[0].decode, Some(Format::Leaves));
    assert_eq!(rules[0].time, Some("/Time".parse().unwrap()));
    assert_eq!(rules[1].map.as_deref(), Some(".payload.v"));

    let metrics = [
        ("ENERGY.Power", 100.0),
        ("DS18B20.Temperature", 250.0),
        ("DS18B20.Id", 1.0),
        ("Uptime", 1.0),
    ];
    let mut readings: Vec<Measured> = { metrics.into_iter() }
        .map(|(metric, value)| Measured {
            metric: Some(Arc::from(metric)),
            ..Measured::new(Value::Number(value))
        })
        .collect();
    rules[0]
        .shape
        .apply(&mut readings, &mut Vec::new())
        .unwrap();
    let readings: Vec<_> = { readings.iter() }
        .map(|reading| {
            let metric = reading.metric.as_deref().unwrap_or("-");
            let unit = reading.unit.as_deref().unwrap_or("-");
            format!("{metric} {} {unit}", reading.value)
        })
        .collect();
    assert_eq!(readings, ["power 60.0 W", "- -15.0 °C"]);
}

#[test]
fn a_number_that_gets_too_large_is_rejected() {
    let rules = parse("[[rule]]\nfilter = \"a\"\nscale = 1e300")
        .unwrap()
        .rules;
    let mut readings = vec![Measured::new(Value::Number(1e300))];
    assert_eq!(
        rules[0].shape.apply(&mut readings, &mut Vec::new()),
        Err("number out of range after `scale` and `offset`".to_owned())
    );
}

#[test]
fn what_is_wrong_has_line_and_key() {
    problem(
        "",
        &format!("rules `house.toml`, line 1: there is no rule and no alert ({TABLES})"),
    );
    problem(
        "[[rule]]\nfilter = \"a/#\"\ndecode = \"yaml\"",
        &format!(
            "rules `house.toml`, line 3, key `decode`: {}",
            "yaml".parse::<Format>().unwrap_err()
        ),
    );
    for (text, expected) in [
        (
            "[[rule]]\ndecode = \"json\"",
            "line 1, key `filter`: the rule has none, as in filter = \"tele/+/SENSOR\"",
        ),
        (
            "[[rule]]\nfilter = \"a/#/b\"",
            "line 2, key `filter`: `#` must be the last level of topic filter `a/#/b`",
        ),
        (
            "[[rule]]\nfilter = \"a\"\ndecode = \"state\"\ntime-key = \"/t\"",
            "line 4, key `time-key`: it points into a document, which a payload of decode = \"state\" is not (JSON, CBOR, MessagePack, SenML and protobuf are)",
        ),
        (
            "[[rule]]\nfilter = \"a\"\n\nfilters = 1",
            "line 4, key `filters`: it is unknown (filter, decode, map, time-key, unit, rename, scale, offset, skip and only are known)",
        ),
        (
            "[[rule]]\nfilter = 1",
            "line 2, key `filter`: a text in quotes is expected, not integer",
        ),
        (
            "[[rule]]\nfilter = \"a\"\nscale = \"2\"",
            "line 3, key `scale`: a number is expected, not string",
        ),
        (
            "[[rule]]\nfilter = \"a\"\nscale = inf",
            "line 3, key `scale`: a finite number is expected",
        ),
        (
            "[[rule]]\nfilter = \"a\"\n[rule.scale]\nt = 1\nu = true",
            "line 5, key `scale.u`: a number is expected, not boolean",
        ),
        (
            "[[rule]]\nfilter = \"a\"\nmap = \".a | fo\"",
            "line 3, key `map`: there is no filter `fo` at column 6",
        ),
        (
            "[[rule]]\nfilter = \"a\"\nmap = \".\"\ndecode = \"leaves\"",
            "line 3, key `map`: it does not go with decode = \"leaves\", which gives readings already (leave one of them out)",
        ),
        (
            "[[rule]]\nfilter = \"a\"\nskip = 1",
            "line 3, key `skip`: a list of metrics is expected, not integer",
        ),
        (
            "[[rule]]\nfilter = \"a\"\ntime-key = \"Time\"",
            "line 3, key `time-key`: a JSON pointer is /KEY, or /KEY/KEY within (~1 is a /, ~0 a ~)",
        ),
        (
            "rule = 1",
            "line 1, key `rule`: each one begins with [[rule]], in two brackets",
        ),
        (
            "[rule]\nfilter = \"a\"",
            "line 1, key `rule`: each one begins with [[rule]], in two brackets",
        ),
        (
            "[[rules]]\nfilter = \"a\"",
            "line 1, key `rules`: it is unknown (each rule begins with [[rule]], each alert with [[alert]] or [[silent-after]], and [alerts] says where reports go)",
        ),
    ] {
        problem(text, &format!("rules `house.toml`, {expected}"));
    }
    let missing = read(Path::new("/nowhere/house.toml")).unwrap_err();
    assert_eq!(
        missing,
        "cannot read rules `/nowhere/house.toml`: no such file or directory"
    );
}

#[test]
fn a_syntax_error_has_its_line() {
    let problem = parse("[[rule]]\nfilter = \"a\n").unwrap_err();
    assert_eq!(problem.at, 20, "{problem:?}");
    assert!(!problem.why.contains('\n'), "{problem:?}");
}

#[test]
fn the_examples_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/rules");
    let files: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    assert_eq!(files.len(), 5);
    for file in files {
        read(&file).unwrap();
    }
}

#[test]
fn alerts_have_all_of_their_keys() {
    let text = r#"
        [alerts]
        repeat = "4h"
        max-age = "5m"
        topic = "alerts/{name}/{topic}"
        discovery = "homeassistant"
        exec = "/usr/bin/notify"
        exec-timeout = "3s"
        url = "https://ntfy.sh/x"
        format = "ntfy"

        [[alert]]
        name = "freezer"
        filter = "iot/freezer/temp#t"
        condition = "> -10"
        for = "10m"
        clear = "< -15"

        [[alert]]
        filter = "a"
        condition = "stuck 6h"

        [[silent-after]]
        filter = "iot/freezer/#"
        time = "10m"

        [[silent-after]]
        time = "auto"
    "#;
    let file = parse(text).unwrap();
    assert_eq!(file.rules, []);
    let typed = |text: &str| text.parse::<iot_alert::Rule>().unwrap();
    assert_eq!(
        file.alerts.rules,
        [
            typed("freezer: iot/freezer/temp#t > -10 for 10m clear < -15"),
            typed("a stuck 6h")
        ]
    );
    let typed = |text: &str| text.parse::<iot_alert::SilenceRule>().unwrap();
    assert_eq!(
        file.alerts.silence,
        [typed("iot/freezer/#=10m"), typed("auto")]
    );
    let defaults = file.alerts.defaults;
    assert_eq!(defaults.repeat, Some(Duration::from_hours(4)));
    assert_eq!(defaults.max_age, Some(Duration::from_mins(5)));
    assert_eq!(
        defaults.topic,
        Some("alerts/{name}/{topic}".parse().unwrap())
    );
    assert_eq!(defaults.discovery.as_deref(), Some("homeassistant"));
    assert_eq!(defaults.exec.as_deref(), Some(Path::new("/usr/bin/notify")));
    assert_eq!(defaults.exec_timeout, Some(Duration::from_secs(3)));
    assert_eq!(defaults.url.as_deref(), Some("https://ntfy.sh/x"));
    assert_eq!(defaults.format, Some(UrlFormat::Ntfy));
}

#[test]
fn what_is_wrong_with_an_alert_has_line_and_key() {
    for (text, expected) in [
        (
            "[[alert]]\nfilter = \"a\"\n\ncondition = \"hot\"",
            "line 4, key `condition`: `hot` is not a condition",
        ),
        (
            "[[alert]]\nfilter = \"a\"\ncondition = \"> 1 for 2m\"",
            "line 3, key `condition`: `for` is unexpected after the condition `> 1`",
        ),
        (
            "[[alert]]\nfilter = \"a\"",
            "line 1, key `condition`: the alert has none, as in condition = \"> -10\"",
        ),
        (
            "[[alert]]\ncondition = \"> 1\"",
            "line 1, key `filter`: the alert has none",
        ),
        (
            "[[alert]]\nfilter = \"a/#/b\"",
            "line 2, key `filter`: in `a/#/b`, the level # must be the last",
        ),
        (
            "[[alert]]\nname = \"silent\"",
            "line 2, key `name`: the name `silent` belongs to --silent-after",
        ),
        (
            "[[alert]]\nfilter = \"a\"\ncondition = \"> 1\"\nclear = \"stuck 1h\"",
            "line 4, key `clear`: `clear stuck 1h` is not possible",
        ),
        (
            "[[alert]]\nfilter = \"a\"\ncondition = \"> 1\"\nfor = \"ever\"",
            "line 4, key `for`: ",
        ),
        (
            "[[alert]]\nfilter = \"a\"\ncondition = \"> 1\"\n[[alert]]\nname = \"above\"\nfilter = \"b\"\ncondition = \"> 1\"",
            "line 5, key `name`: two alerts are named `above`",
        ),
        (
            "[[alert]]\nfilter = \"a#m\"\ncondition = \"rejected\"",
            "line 3, key `condition`: `rejected` is about whole messages",
        ),
        (
            "[[alert]]\nwhen = 1",
            "line 2, key `when`: it is unknown (name, filter, condition, for and clear are known)",
        ),
        ("[[silent-after]]\ntime = \"soon\"", "line 2, key `time`: "),
        (
            "[[silent-after]]\nfilter = \"a\"",
            "line 1, key `time`: there is none, as in time = \"10m\"",
        ),
        (
            "[silent-after]\ntime = \"1m\"",
            "line 1, key `silent-after`: each one begins with [[silent-after]], in two brackets",
        ),
        (
            "[[alerts]]\nrepeat = \"1h\"",
            "line 1, key `alerts`: it is a table: it begins with [alerts], in one bracket",
        ),
        (
            "[alerts]\nurl = \"ftp://x\"",
            "line 2, key `url`: it begins with http:// or https://",
        ),
        (
            "[alerts]\nformat = \"mail\"",
            "line 2, key `format`: json, ntfy, slack and alertmanager are known",
        ),
        (
            "[alerts]\nmail = \"x\"",
            "line 2, key `mail`: it is unknown (repeat, max-age,",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("house.toml");
        std::fs::write(&path, text).unwrap();
        let problem = read(&path).unwrap_err();
        let expected = format!("rules `{}`, {expected}", path.display());
        assert!(problem.starts_with(&expected), "{problem}");
    }
}
