//! The examples of the README's sections on selecting, printing and storing work as they stand there.

mod common;

use common::publish;
use testkit::{Broker, Program};

#[test]
fn the_examples_work_as_typed() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let (_, sections) = readme.split_once("### Selecting and printing").unwrap();
    let (sections, _) = sections.split_once("### The spool").unwrap();
    let examples: Vec<&str> = sections
        .lines()
        .filter(|line| line.starts_with("iot-sub "))
        .collect();
    assert!(examples.len() > 10, "{examples:?}");
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_iot-sub"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let broker = Broker::start();
    publish(broker.port(), &["-m", "1", "--retain"]);
    for example in examples {
        // Those that name no time get one.
        let example = example.replace(" -W 60", "");
        let mut shell = Program::new("sh")
            .args(["-c", &example])
            .env("PATH", &path)
            .env("IOT_PORT", broker.port().to_string())
            .env("IOT_TIMEOUT", "1")
            .spawn();
        let code = shell.wait().code();
        let stderr = shell.stderr();
        assert!(
            matches!(code, Some(0 | 27)),
            "{example}: {code:?}: {stderr}"
        );
        assert!(
            stderr.contains("Connected with result code 0"),
            "{example}: {stderr}"
        );
    }
}
