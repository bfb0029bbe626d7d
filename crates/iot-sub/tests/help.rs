//! The help text, as a snapshot.

mod common;

use common::sub;

#[test]
fn help_and_version_exit_with_0() {
    let mut program = sub(&["--help"])
        .env("IOT_PASSWORD", "s3cret")
        .env("COLUMNS", "100")
        .spawn();
    assert_eq!(program.wait().code(), Some(0));
    let help = program.stdout();
    assert!(!help.contains("s3cret"));
    insta::assert_snapshot!("help", help);

    let mut program = sub(&["--version"]).spawn();
    assert_eq!(program.wait().code(), Some(0));
    assert!(program.stdout().starts_with("iot-sub "));
}
