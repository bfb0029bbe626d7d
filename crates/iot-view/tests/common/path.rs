//! Readings on the whole way: iot-pub, a broker, iot-sub, a store.

use std::path::Path;

use testkit::{Broker, DEADLINE, Program, Running};

/// A broker, and `iot-sub` that stores what it gets.
pub struct Receiver {
    pub broker: Broker,
    sub: Running,
}

impl Receiver {
    /// Starts both; returns once the subscription stands. `iot-sub` ends after so many messages, or
    /// with 0 when it is asked to.
    #[track_caller]
    pub fn start(store: &str, messages: usize, args: &[&str]) -> Self {
        let broker = Broker::start();
        let port = broker.port().to_string();
        let messages = messages.to_string();
        let count: &[&str] = if messages == "0" {
            &[]
        } else {
            &["-C", &messages]
        };
        let sub = Program::new(testkit::program("iot-sub"))
            .args(["-p", &port, "-q", "1", "-t", "#", "--store", store])
            .args(count)
            .args(args)
            .spawn();
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        Self { broker, sub }
    }

    /// Publishes lines `TOPIC PAYLOAD`.
    #[track_caller]
    pub fn publish(&self, folder: &Path, lines: &str) {
        let file = folder.join("lines.txt");
        std::fs::write(&file, lines).expect("a file");
        let file = std::fs::File::open(file).expect("a file");
        let program = self.publisher(&["-l", "--topic-from-line"]).stdin(file);
        ends_well(program.spawn());
    }

    /// `iot-pub` at the broker.
    pub fn publisher(&self, args: &[&str]) -> Program {
        let port = self.broker.port().to_string();
        Program::new(testkit::program("iot-pub"))
            .args(["-p", &port, "-q", "1"])
            .args(args)
    }

    /// Asks `iot-sub` to end.
    pub fn interrupt(&mut self) {
        self.sub.interrupt();
    }

    /// Waits until `iot-sub` has ended, and returns its last line.
    #[track_caller]
    pub fn finish(mut self) -> String {
        let status = self.sub.wait();
        let stderr = self.sub.stderr();
        assert!(status.success(), "{stderr}");
        stderr.lines().last().unwrap_or_default().to_owned()
    }
}

#[track_caller]
pub fn ends_well(mut program: Running) {
    let status = program.wait();
    assert!(status.success(), "{}", program.stderr());
}
