//! A payload larger than `--max-payload` is measured while it arrives, and not held: the message
//! is kept as rejected and acknowledged, and what comes behind it arrives.

mod common;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use common::{interrupt, sqlite, start, sub};
use sha2::{Digest, Sha256};
use testkit::{Broker, Program};

const MIB: usize = 1 << 20;

/// Three MiB that are no number, in a file.
fn payload(folder: &Path) -> (String, String) {
    let text: Vec<u8> = (0..3 * MIB)
        .map(|at| b"0123456789abcdef "[at % 17])
        .collect();
    let file = folder.join("payload");
    fs::write(&file, &text).unwrap();
    let mut hash = String::new();
    for byte in Sha256::digest(&text) {
        write!(hash, "{byte:02x}").unwrap();
    }
    (file.to_str().unwrap().to_owned(), hash)
}

#[track_caller]
fn publish(port: u16, args: &[&str]) {
    let output = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// What is kept of them: topic, length, hash, how much of the payload, and its beginning.
fn kept(store: &Path) -> String {
    let query = "select topic, length, sha256, length(payload), substr(payload, 1, 4), reason \
                 from sensors_rejected order by topic";
    sqlite(store, query)
}

fn expected(topic: &str, hash: &str) -> String {
    let length = 3 * MIB;
    format!(
        "{topic}|{length}|{hash}|{MIB}|0123|its payload of {length} bytes is larger than the limit of {}\n",
        2 * MIB
    )
}

#[test]
fn a_long_payload_is_kept_as_rejected_and_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (file, hash) = payload(folder.path());
    for version in ["mqttv311", "5"] {
        let store = folder.path().join(format!("{version}.db"));
        let url = format!("sqlite:{}", store.display());
        let broker = Broker::start();
        let args = [
            "-V",
            version,
            "-q",
            "2",
            "-i",
            "a",
            "-c",
            "--max-payload",
            "2MiB",
        ];
        let program = start(&broker, &url, &args);
        for qos in ["0", "1", "2"] {
            let topic = format!("iot/q{qos}");
            publish(broker.port(), &["-q", qos, "-t", &topic, "-f", &file]);
        }
        publish(broker.port(), &["-q", "1", "-t", "iot/z", "-m", "1.5"]);
        program.wait_for_stdout("iot/z");
        program.wait_for_stderr("rejected a message on `iot/q2`: its payload of");
        assert_eq!(
            interrupt(program),
            "iot-sub: received 4, stored 1, rejected 3"
        );
        let all: String = ["iot/q0", "iot/q1", "iot/q2"]
            .map(|topic| expected(topic, &hash))
            .concat();
        assert_eq!(kept(&store), all);
        // The broker has nothing left to send again.
        let program = start(&broker, &url, &args);
        publish(broker.port(), &["-q", "1", "-t", "iot/z", "-m", "2.5"]);
        program.wait_for_stdout("2.5");
        assert_eq!(
            interrupt(program),
            "iot-sub: received 1, stored 1, rejected 0"
        );
    }
}

#[test]
fn the_embedded_broker_does_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (file, hash) = payload(folder.path());
    let store = folder.path().join("iot.db");
    let url = format!("sqlite:{}", store.display());
    let program: Program = sub(&["--embedded", "--listen", "127.0.0.1:0", "--store", &url]);
    let program = program.args(["--max-payload", "2MiB"]).spawn();
    let line = program.wait_for_stderr("broker listens on");
    let port: u16 = line.rsplit_once(':').unwrap().1.parse().unwrap();
    for (version, topic) in [("mqttv311", "iot/a"), ("mqttv5", "iot/b")] {
        for qos in ["0", "1", "2"] {
            let topic = format!("{topic}{qos}");
            publish(port, &["-V", version, "-q", qos, "-t", &topic, "-f", &file]);
        }
    }
    publish(port, &["-q", "1", "-t", "iot/z", "-m", "1.5"]);
    program.wait_for_stdout("iot/z");
    program.wait_for_stderr("rejected a message on `iot/b2`: its payload of");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 7, stored 1, rejected 6"
    );
    let all: String = ["iot/a0", "iot/a1", "iot/a2", "iot/b0", "iot/b1", "iot/b2"]
        .map(|topic| expected(topic, &hash))
        .concat();
    assert_eq!(kept(&store), all);
}
