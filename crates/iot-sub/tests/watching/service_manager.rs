//! Notifications to systemd.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::time::{Duration, Instant};

use testkit::{Broker, DEADLINE};

use crate::common::{interrupt, publish, sub};

/// A service manager's socket, and what it has been told.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let told = Vec::new();
        Self { socket, told }
    }

    /// Waits for a line that begins with `text`.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let mut buffer = [0; 4096];
            if let Ok(length) = self.socket.recv(&mut buffer) {
                let lines = std::str::from_utf8(&buffer[..length]).unwrap().lines();
                self.told.extend(lines.map(str::to_owned));
            }
            if self.told.iter().any(|line| line.starts_with(text)) {
                return;
            }
        }
        panic!("{text} was not told: {:?}", self.told);
    }
}

#[test]
fn the_service_manager_is_notified_of_readiness_life_and_the_end() {
    let mut broker = Broker::reserve();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut manager = Manager::new(UnixDatagram::bind(&path).unwrap());
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000")
        .spawn();
    // A broker that is away at the start is waited for, longer than the manager would by itself.
    manager.wait_for("EXTEND_TIMEOUT_USEC=");
    manager.wait_for("STATUS=there is no connection to the broker; received 0");
    assert!(!manager.told.contains(&"READY=1".to_owned()));
    broker.start_again();
    manager.wait_for("READY=1");
    manager.told.clear();
    manager.wait_for("WATCHDOG=1");
    publish(broker.port(), &["-m", "1"]);
    manager.wait_for("STATUS=all is well; received 1, stored 1, spooled 0");
    // A program that is stopped feeds no watchdog: there is silence for twice as long as it may
    // wait.
    program.freeze();
    let silence = Some(Duration::from_millis(600));
    manager.socket.set_read_timeout(silence).unwrap();
    while manager.socket.recv(&mut [0; 4096]).is_ok() {}
    manager.told.clear();
    program.thaw();
    manager.wait_for("WATCHDOG=1");
    program.terminate();
    manager.wait_for("STOPPING=1");
    assert!(program.wait().success());
}

#[test]
fn the_service_manager_may_listen_at_an_abstract_name() {
    let broker = Broker::start();
    let name = format!("iot-sub-test-{}", std::process::id());
    let address = UnixAddress::from_abstract_name(&name).unwrap();
    let mut manager = Manager::new(UnixDatagram::bind_addr(&address).unwrap());
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .spawn();
    manager.wait_for("READY=1");
    program.terminate();
    manager.wait_for("STOPPING=1");
    assert!(program.wait().success());
}

#[test]
fn a_service_manager_that_is_not_there_changes_nothing() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", "/nowhere/at/all")
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    interrupt(program);
}
