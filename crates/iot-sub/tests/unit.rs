//! The systemd unit in `examples/`.

mod common;

use std::fs;
use std::process::Command;

const UNIT: &str = include_str!("../../../examples/iot-sub.service");

#[test]
fn systemd_takes_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iot-sub.service");
    let unit = UNIT.replace("/usr/local/bin/iot-sub", env!("CARGO_BIN_EXE_iot-sub"));
    fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze (scripts/install-test-servers installs it)");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // It warns of what it doesn't know, and calls that a success; of other units on this machine as
    // well.
    let ours: Vec<_> = told
        .lines()
        .filter(|line| line.contains("iot-sub"))
        .collect();
    assert!(ours.is_empty(), "{told}");
}

#[test]
fn each_variable_in_the_unit_is_an_option_s() {
    let mut program = common::sub(&["--help-all"]).spawn();
    assert!(program.wait().success());
    let help = program.stdout();
    let mut found = 0;
    for line in UNIT
        .lines()
        .filter_map(|line| line.strip_prefix("Environment="))
    {
        for setting in line
            .split(' ')
            .filter(|setting| setting.starts_with("IOT_"))
        {
            let (name, _) = setting.split_once('=').unwrap();
            assert!(help.contains(&format!("{name}]")), "{name}");
            found += 1;
        }
    }
    assert!(found >= 3, "{UNIT}");
}
