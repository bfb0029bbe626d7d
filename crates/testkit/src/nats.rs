//! A real nats-server, which speaks MQTT 3.1.1.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::install;
use crate::server::{Kind, Server};

/// A nats-server of the test's own, its MQTT listener on a free port of 127.0.0.1; killed on drop.
///
/// Debian 12's 2.9 has no QoS 2 and no shared subscriptions.
pub struct Nats {
    server: Server<NatsServer>,
}

impl Nats {
    /// Starts a server without passwords. Returns once it accepts connections.
    #[track_caller]
    pub fn start() -> Self {
        Self {
            server: Server::start(NatsServer),
        }
    }

    /// Returns its MQTT port on 127.0.0.1; the same for as long as this value lives.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Stops it with SIGTERM, waits for its end, and starts it again with the same files.
    #[track_caller]
    pub fn restart(&mut self) {
        self.server.stop();
        self.server.start_again();
    }
}

struct NatsServer;

impl Kind for NatsServer {
    const NAME: &'static str = "nats-server";
    const READY: &'static str = "Server is ready";
    const LINES_TO_SHOW: usize = 100;
    const START_TIMEOUT: Duration = Duration::from_secs(10);

    #[track_caller]
    fn command(&self, folder: &Path, port: u16) -> Command {
        // Sessions and retained messages live in JetStream. Its own protocol takes any free port.
        // What is not acknowledged comes again after `ack_wait` only, a new connection or not.
        let config = format!(
            "server_name: test\nlisten: \"127.0.0.1:-1\"\n\
             jetstream {{ store_dir: \"{}\" }}\n\
             mqtt {{ listen: \"127.0.0.1:{port}\", ack_wait: \"1s\" }}\n",
            folder.join("jetstream").display()
        );
        let path = folder.join("nats.conf");
        fs::write(&path, config).expect("the configuration file can be written");
        let mut command = Command::new(install::nats_server());
        command.arg("-c").arg(path);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Conversation;

    #[test]
    fn accepts_mqtt_before_and_after_a_restart() {
        let mut nats = Nats::start();
        for _ in 0..2 {
            let mut client = Conversation::connect(nats.port());
            client.send(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a");
            client.expect(b"\x20\x02\x00\x00");
            nats.restart();
        }
    }
}
