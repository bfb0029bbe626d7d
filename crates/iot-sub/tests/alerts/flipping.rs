//! A sensor whose every value begins or ends an alert, and a program that is killed meanwhile.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value as Json;
use tempfile::TempDir;
use testkit::{Broker, DEADLINE, Running, eventually};

use super::common::{Flood, interrupt, sub};

/// Values, each of which is a report.
pub(crate) const COUNT: usize = 120;

/// A broker, and the files of the program.
pub(crate) struct Flipping {
    pub broker: Broker,
    folder: TempDir,
}

impl Flipping {
    /// Starts a broker that already keeps the program's session.
    pub(crate) fn start() -> Self {
        let flipping = Self {
            broker: Broker::start(),
            folder: tempfile::tempdir().expect("a folder"),
        };
        let script = flipping.path("report.sh");
        let reports = flipping.path("reports");
        // One call for a whole line: a killed program's last one may still run.
        let text = format!(
            "#!/bin/sh\nread -r line || exit 1\nprintf '%s\\n' \"$line\" >> '{}'\n",
            reports.display()
        );
        std::fs::write(&script, text).expect("written");
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("set");
        let program = flipping.run("");
        flipping.broker.wait_for_log("Sending SUBACK", DEADLINE);
        interrupt(program);
        flipping
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the program.
    pub(crate) fn run(&self, failpoint: &str) -> Running {
        let store = format!("sqlite:{}", self.path("iot.db").display());
        let port = self.broker.port().to_string();
        let mut program = sub(&["-p", &port, "--store", &store, "--durable", "-i", "flip"])
            .args(["-q", "1", "--alert", "flip: iot/x > 30", "--alert-exec"])
            .args([self.path("report.sh")])
            .env("XDG_STATE_HOME", self.path("state"));
        if !failpoint.is_empty() {
            program = program.env("IOT_FAILPOINT", failpoint);
        }
        program.spawn()
    }

    /// Publishes these of the values; returns once the broker has acknowledged all.
    pub(crate) fn flood(port: u16, numbers: Range<usize>) {
        let mut flood = Flood::start(port, 5);
        for number in numbers {
            flood.publish("iot/x", ["31", "1"][number % 2].to_owned(), 1);
        }
        flood.finish();
    }

    /// The reports by their ids, with their states.
    pub(crate) fn reports(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.path("reports")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let reports = whole.lines().map(|line| {
            let report: Json = serde_json::from_str(line).expect("JSON");
            let text = |key: &str| report[key].as_str().expect("a text").to_owned();
            (text("id"), text("state"))
        });
        reports.collect()
    }

    /// Waits until each value has its report, and checks that there is no other.
    #[track_caller]
    pub(crate) fn check(&self) {
        eventually(DEADLINE, "each change is reported", || {
            self.reports().len() >= COUNT
        });
        let reports = self.reports();
        let states: Vec<_> = reports.values().map(String::as_str).collect();
        let expected: Vec<_> = (0..COUNT).map(|at| ["firing", "ok"][at % 2]).collect();
        assert_eq!(states, expected);
    }
}
