//! With Debian's protobuf-compiler: it compiles the descriptor set and encodes the messages.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

const PLANT: &str = r#"
syntax = "proto3";
package plant;
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "unit.proto";

message Reading {
  enum State { STOPPED = 0; RUNNING = 1; }
  message Axis { double position = 1; sint32 error = 2; }
  double temperature = 1;
  float pressure = 2;
  int64 count = 3;
  bool open = 4;
  string name = 5;
  State state = 6;
  repeated Axis axes = 7;
  map<string, uint32> counters = 8;
  optional double humidity = 9;
  google.protobuf.Timestamp time = 10;
  google.protobuf.DoubleValue level = 11;
  repeated fixed32 codes = 12;
  bytes raw = 13;
  oneof power { double watt = 14; double horses = 15; }
  Unit unit = 16;
  Reading inner = 17;
}
message Other { message Axis { double a = 1; } }
"#;

const UNIT: &str = "syntax = \"proto3\"; package plant; message Unit { string name = 1; }";

struct Set {
    folder: tempfile::TempDir,
}

impl Set {
    fn new(options: &[&str]) -> Self {
        let set = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(set.path("plant.proto"), PLANT).unwrap();
        fs::write(set.path("unit.proto"), UNIT).unwrap();
        let out = format!("--descriptor_set_out={}", set.file().display());
        let made = set
            .protoc()
            .args(options)
            .arg(out)
            .arg("plant.proto")
            .status();
        assert!(made.unwrap().success());
        set
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("plant.desc")
    }

    fn protoc(&self) -> Command {
        let mut protoc = Command::new("protoc");
        protoc.current_dir(self.folder.path());
        protoc
    }

    fn open(&self, message: &str) -> Result<Protobuf, String> {
        Protobuf::open(&self.file(), message).map_err(|error| error.to_string())
    }

    /// Returns the bytes of a `plant.Reading` in protobuf's text format.
    fn encode(&self, text: &str) -> Vec<u8> {
        let mut protoc = self.protoc();
        protoc.args(["--encode=plant.Reading", "plant.proto"]);
        protoc.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut protoc = protoc
            .spawn()
            .expect("protoc (run scripts/install-test-servers)");
        protoc
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = protoc.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    }

    fn json(&self, text: &str) -> Json {
        self.open("plant.Reading")
            .unwrap()
            .json(&self.encode(text))
            .unwrap()
    }
}

fn set() -> Set {
    Set::new(&["--include_imports"])
}

#[test]
fn all_kinds_of_fields() {
    let found = set().json(
        r#"temperature: 21.5 pressure: 20.1 count: -9007199254740993 open: true name: "press"
           state: RUNNING axes { position: 1.5 error: -3 } axes { position: 2.5 }
           counters { key: "b" value: 2 } counters { key: "a" value: 1 }
           humidity: 0 time { seconds: 1790000000 nanos: 500000000 } level { value: 7 }
           codes: 5 codes: 6 raw: "\000\377" horses: 3 unit { name: "kN" }"#,
    );
    let expected = json!({
        "temperature": 21.5, "pressure": 20.1, "count": -9_007_199_254_740_993_i64, "open": true,
        "name": "press", "state": "RUNNING",
        "axes": [{"position": 1.5, "error": -3}, {"position": 2.5, "error": 0}],
        "counters": {"a": 1, "b": 2}, "humidity": 0.0, "time": "2026-09-21T14:13:20.500Z",
        "level": 7.0, "codes": [5, 6], "raw": "AP8=", "horses": 3.0, "unit": {"name": "kN"},
    });
    assert_eq!(found, expected);
}

#[test]
fn a_measured_0_is_there_and_an_absent_field_is_not() {
    let found = set().json("");
    let expected = json!({
        "temperature": 0.0, "pressure": 0.0, "count": 0, "open": false, "name": "",
        "state": "STOPPED", "axes": [], "counters": {}, "codes": [], "raw": "",
    });
    assert_eq!(found, expected);
}

#[test]
fn a_wrong_set_is_reported_with_its_file() {
    let set = set();
    let file = set.file().display().to_string();
    for name in [
        "plant.Reading",
        ".plant.Reading",
        "Reading",
        "plant.Reading.Axis",
    ] {
        assert!(set.open(name).is_ok(), "{name}");
    }
    assert_eq!(
        set.open("Pressure").unwrap_err(),
        format!(
            "`{file}` has no message `Pressure`: it has `plant.Unit`, `plant.Reading`, `plant.Reading.Axis`, `plant.Other`, `plant.Other.Axis`"
        )
    );
    assert_eq!(
        set.open("Axis").unwrap_err(),
        format!("`{file}` has several messages `Axis`: `plant.Reading.Axis`, `plant.Other.Axis`")
    );
    let error = |path: &Path| Protobuf::open(path, "A").unwrap_err().to_string();
    assert_eq!(
        error(Path::new("nowhere.desc")),
        "cannot read descriptor set `nowhere.desc`: no such file or directory"
    );
    #[cfg(unix)]
    assert_eq!(
        error(Path::new("/dev/zero")),
        "cannot read descriptor set `/dev/zero`: it is larger than 16 MiB"
    );
    let source = error(&set.path("plant.proto"));
    assert!(
        source.contains("plant.proto` is not a descriptor set: "),
        "{source}"
    );
    assert!(
        source.ends_with("(make one with `protoc --include_imports --descriptor_set_out=FILE`)")
    );
    assert!(!source.contains('\n'));
    let lone = Set::new(&[]).open("plant.Reading").unwrap_err();
    assert!(lone.contains("--include_imports"), "{lone}");
}

#[test]
fn what_is_not_the_message_is_refused() {
    let reading = set().open("plant.Reading").unwrap();
    let reason = |bytes: &[u8]| reading.json(bytes).unwrap_err();
    assert_eq!(
        reason(b"hello").to_string(),
        "not protobuf: not a message `plant.Reading`: a field of wire type 4"
    );
    // A text where a number belongs.
    assert!(reason(b"\x0a\x01a").to_string().contains("plant.Reading"));
    // Empty messages, packed numbers, and messages within messages.
    assert_eq!(reason(&[0x3A, 0].repeat(200_000)), Reason::TooManyNodes);
    let mut packed = vec![0x62, 0x80, 0x80, 0x80, 0x02];
    packed.resize(5 + (4 << 20), 0);
    assert_eq!(reason(&packed), Reason::TooManyNodes);
    let mut nested = Vec::new();
    for _ in 0..120 {
        let mut outer = vec![0x8A, 0x01];
        prost::encoding::encode_varint(nested.len() as u64, &mut outer);
        outer.extend(&nested);
        nested = outer;
    }
    assert_eq!(reason(&nested), Reason::TooDeep);
    // Each message has ten fields with their defaults.
    assert_eq!(reason(&[0x3A, 0].repeat(45_000)), Reason::TooManyNodes);
}

#[test]
fn no_bytes_are_a_panic() {
    let set = set();
    let reading = set.open("plant.Reading").unwrap();
    let bytes = set.encode("temperature: 1 axes { position: 2 } counters { key: 'a' value: 1 } codes: 5 time { seconds: 1 }");
    for at in 0..bytes.len() {
        for byte in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = byte;
            let _ = reading.json(&changed);
        }
        let _ = reading.json(&bytes[..at]);
    }
}
