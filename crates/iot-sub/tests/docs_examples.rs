//! The examples of `docs/iot-sub.md` for selecting, printing and storing work as they stand there.

mod common;

use common::publish;
use testkit::{Broker, Program};

#[test]
fn the_examples_work_as_typed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/iot-sub.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, sections) = page.split_once("## Select and print").unwrap();
    let (sections, _) = sections.split_once("## Keep a session").unwrap();
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
        // Examples without a time limit get one.
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
