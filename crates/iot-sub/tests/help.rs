//! The help texts, as snapshots, and the version.

mod common;

use common::sub;

fn help(option: &str) -> String {
    let program = sub(&[option]).env("IOT_PASSWORD", "s3cret");
    let mut program = program.env("COLUMNS", "100").spawn();
    assert_eq!(program.wait().code(), Some(0));
    let help = program.stdout();
    assert!(!help.contains("s3cret"));
    help
}

#[test]
fn help_fits_on_two_screens_and_names_the_way_to_the_rest() {
    let help = help("--help");
    let lines = help.lines().count();
    assert!((60..=86).contains(&lines), "{lines} lines");
    assert_eq!(help.matches("\n  iot-sub ").count(), 3);
    assert!(help.contains("--help-all") && help.contains("--generate man"));
    insta::assert_snapshot!("help", help);
}

#[test]
fn help_all_has_every_option_with_its_variable() {
    let help = help("--help-all");
    assert!(help.contains("[env: IOT_PASSWORD]"));
    insta::assert_snapshot!("help_all", help);
}

#[test]
fn the_version() {
    let mut program = sub(&["--version"]).spawn();
    assert_eq!(program.wait().code(), Some(0));
    assert!(program.stdout().starts_with("iot-sub "));
}
