use std::sync::Arc;

use iot_decode::Measured;
use iot_store::Value;

use super::*;

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
    let rules = parse(text).unwrap();
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
    let rules = parse("[[rule]]\nfilter = \"a\"\nscale = 1e300").unwrap();
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
        "rules `house.toml`, line 1: there is no rule (each begins with [[rule]])",
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
            "line 1, key `rule`: each rule begins with [[rule]], in two brackets",
        ),
        (
            "[rule]\nfilter = \"a\"",
            "line 1, key `rule`: each rule begins with [[rule]], in two brackets",
        ),
        (
            "[[rules]]\nfilter = \"a\"",
            "line 1, key `rules`: it is unknown (each rule begins with [[rule]])",
        ),
    ] {
        problem(text, &format!("rules `house.toml`, {expected}"));
    }
    let missing = read(Path::new("/nowhere/house.toml")).unwrap_err();
    assert_eq!(
        missing,
        "cannot read rules `/nowhere/house.toml`: entity not found"
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
    assert_eq!(files.len(), 4);
    for file in files {
        read(&file).unwrap();
    }
}
