//! Times and values in the forms that devices and recordings have.

use testkit::{Broker, DEADLINE, eventually};

use crate::common::{interrupt, publish, sqlite};
use crate::{sqlite_url, start};

#[test]
fn times_are_read_in_every_usual_form_and_others_are_reported() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let args = [
        "--value-key",
        "/v",
        "--time-key",
        "/t",
        "--device-timezone",
        "Europe/Berlin",
        "--payload",
        "auto",
    ];
    let program = start(&broker, &sqlite_url(&file), &args);
    for time in [
        "1795428000",
        "1795428000000000000",
        "\"1795428000000\"",
        "\"2026-11-23 11:00:00\"",
        "\"2026-11-23T11:00:00+0100\"",
        "\"today\"",
        "\"9999-12-31T23:59:59-14:00\"",
    ] {
        let payload = format!(r#"{{"v": 1, "t": {time}}}"#);
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", &payload]);
    }
    program.wait_for_stderr(
        r#"rejected a message on `iot/a`: the time at /t cannot be read: `"today"`"#,
    );
    eventually(DEADLINE, "both are rejected", || {
        sqlite(&file, "select count(*) from sensors_rejected") == "2\n"
    });
    interrupt(program);
    assert_eq!(
        sqlite(&file, "select reg_date, count(*) from sensors group by 1"),
        "2026-11-23T10:00:00.000Z|5\n"
    );
}

#[test]
fn the_time_that_verify_writes_is_read() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let args = ["--value-key", "/value", "--time-key", "/at"];
    let program = start(&broker, &sqlite_url(&file), &args);
    publish(
        broker.port(),
        &["--verify", "--count", "3", "--interval", "1ms", "-q", "1"],
    );
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 3
    });
    let last = interrupt(program);
    assert_eq!(last, "iot-sub: received 3, stored 3, rejected 0");
}

#[test]
fn what_is_printed_as_json_or_csv_can_be_published_again() {
    let payloads = [
        "25.5",
        "-3",
        "{\"a\":[1,\"x,\\\"y\\\"\"]}",
        "1e-7",
        "\"25.3\"",
        "\"\"",
        "[true,null]",
    ];
    for form in ["--json", "--csv"] {
        let broker = Broker::start();
        let record = |publish: &dyn Fn()| {
            let program = start(&broker, "none", &["-t", "iot/#", form]);
            publish();
            program.wait_for_stdout("[true,null]");
            let mut program = program;
            program.interrupt();
            program.wait();
            program.stdout()
        };
        let first = record(&|| {
            for payload in payloads {
                broker.mosquitto_pub(["-t", "iot/a,b", "-m", payload]);
            }
        });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &first).unwrap();
        let path = file.path().display().to_string();
        let second = record(&|| {
            publish(broker.port(), &["--replay", &path, "--speed", "max"]);
        });
        let topics_and_values = |text: &str| -> Vec<String> {
            let lines = text.lines();
            lines
                .map(|line| line.replace(|c: char| c.is_ascii_digit(), "0"))
                .collect()
        };
        assert_eq!(topics_and_values(&first), topics_and_values(&second));
        assert_eq!(
            first.lines().count(),
            payloads.len() + usize::from(form == "--csv")
        );
    }
}
