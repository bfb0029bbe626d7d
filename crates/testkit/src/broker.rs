//! A real mosquitto.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::authority::Pair;
use crate::install;
use crate::ports::Port;
use crate::program::{Program, Running};
use crate::server::{Kind, Server};

/// A mosquitto of the test's own, on a free port of 127.0.0.1; killed on drop.
///
/// It logs everything, so that a test can wait for what a client has sent.
pub struct Broker {
    server: Server<Mosquitto>,
}

impl Broker {
    /// Starts a broker without passwords that keeps nothing on disk. Returns once it accepts
    /// connections.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Chooses the port only: a broker that is not there until [`start_again`](Self::start_again).
    #[track_caller]
    pub fn reserve() -> Self {
        Self::builder().reserve()
    }

    /// Returns a builder, for a broker with more than the defaults.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    /// Returns its port on 127.0.0.1; the same for as long as this value lives.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns the port of a further listener, see [`BrokerBuilder::listener`].
    #[track_caller]
    pub fn port_of(&self, name: &str) -> u16 {
        let listeners = &self.server.kind().listeners;
        let found = listeners.iter().find(|listener| listener.name == name);
        match found {
            Some(listener) => listener.port.number(),
            None => panic!("there is no listener `{name}`"),
        }
    }

    /// Returns the path of its Unix socket, see [`BrokerBuilder::unix_socket`].
    pub fn socket(&self) -> PathBuf {
        self.server.folder().join(SOCKET)
    }

    /// Stops it with SIGTERM and waits for its end: it disconnects its clients, and saves if it
    /// is persistent.
    #[track_caller]
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it with SIGKILL: what it has not saved is lost.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it on the same port, with the same files.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.server.start_again();
    }

    /// Stops it and starts it again.
    #[track_caller]
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Stops it from running (SIGSTOP): connections stay open and nobody answers.
    #[track_caller]
    pub fn freeze(&mut self) {
        self.server.signal(Signal::STOP);
    }

    /// Lets it run on (SIGCONT).
    #[track_caller]
    pub fn thaw(&mut self) {
        self.server.signal(Signal::CONT);
    }

    /// Returns everything it has logged since its first start.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Waits for a line with `text` in the log of its latest start, and returns that line.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, deadline: Duration) -> String {
        self.server.wait_for_log(text, deadline)
    }

    /// Runs `mosquitto_pub` against it to the end, which must be a success.
    #[track_caller]
    pub fn mosquitto_pub(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        let mut running = self.tool("mosquitto_pub").args(args).spawn();
        let status = running.wait();
        assert!(status.success(), "mosquitto_pub: {}", running.stderr());
    }

    /// Starts `mosquitto_sub` against it.
    #[track_caller]
    pub fn mosquitto_sub(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Running {
        self.tool("mosquitto_sub").args(args).spawn()
    }

    fn tool(&self, name: &str) -> Program {
        let port = self.port().to_string();
        Program::new(install::mosquitto_tool(name)).args(["-h", "127.0.0.1", "-p", &port])
    }
}

/// Options of a [`Broker`].
#[derive(Debug, Default)]
#[must_use = "nothing runs before `start`"]
pub struct BrokerBuilder {
    mosquitto: Mosquitto,
}

impl BrokerBuilder {
    /// Adds one line (or several) to the end of mosquitto's configuration file.
    pub fn config(mut self, line: &str) -> Self {
        self.mosquitto.config.push(line.into());
        self
    }

    /// Listens on a further free port of 127.0.0.1, with these lines of configuration.
    pub fn listener(self, name: &'static str, config: &str) -> Self {
        self.listener_on(name, "127.0.0.1", config)
    }

    /// Listens on a further free port of this address of the machine's own, with these lines of
    /// configuration.
    pub fn listener_on(mut self, name: &'static str, address: &'static str, config: &str) -> Self {
        self.mosquitto.listeners.push(Listener {
            name,
            port: Port::free(),
            address,
            config: config.into(),
        });
        self
    }

    /// Listens on a further free port with TLS, and with more lines of configuration.
    pub fn tls(self, name: &'static str, pair: &Pair, config: &str) -> Self {
        let (cert, key) = (pair.cert.display(), pair.key.display());
        self.listener(name, &format!("certfile {cert}\nkeyfile {key}\n{config}"))
    }

    /// Listens on a Unix socket as well.
    pub fn unix_socket(mut self) -> Self {
        self.mosquitto.unix_socket = true;
        self
    }

    /// Allows this user (can be repeated). With a user, nobody connects without a password.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.mosquitto.users.push((name.into(), password.into()));
        self
    }

    /// Keeps sessions and retained messages on disk across [`Broker::stop`]. A [`Broker::kill`]
    /// still loses what arrived after the last autosave (`autosave_interval`,
    /// `autosave_on_changes`).
    pub fn persistent(mut self) -> Self {
        self.mosquitto.persistent = true;
        self
    }

    /// Starts the broker. Returns once it accepts connections.
    #[track_caller]
    pub fn start(self) -> Broker {
        Broker {
            server: Server::start(self.mosquitto),
        }
    }

    /// Chooses the port only, see [`Broker::reserve`].
    #[track_caller]
    pub fn reserve(self) -> Broker {
        Broker {
            server: Server::reserve(self.mosquitto),
        }
    }
}

#[derive(Debug, Default)]
struct Mosquitto {
    config: Vec<String>,
    users: Vec<(String, String)>,
    persistent: bool,
    listeners: Vec<Listener>,
    unix_socket: bool,
}

#[derive(Debug)]
struct Listener {
    name: &'static str,
    port: Port,
    address: &'static str,
    config: String,
}

const SOCKET: &str = "socket";

impl Kind for Mosquitto {
    const NAME: &'static str = "mosquitto";
    const READY: &'static str = " running";
    const LINES_TO_SHOW: usize = 100;
    const START_TIMEOUT: Duration = Duration::from_secs(10);

    #[track_caller]
    fn command(&self, folder: &Path, port: u16) -> Command {
        let passwords = folder.join("passwords");
        // Without `user root`, a mosquitto that root starts becomes user `mosquitto`, which
        // cannot read our folder.
        let mut config = String::from("user root\nlog_type all\n");
        for listener in &self.listeners {
            let (number, address) = (listener.port.number(), listener.address);
            let _ = writeln!(config, "listener {number} {address}\n{}", listener.config);
        }
        if self.unix_socket {
            let _ = writeln!(config, "listener 0 {}", folder.join(SOCKET).display());
        }
        // Last, so that further lines of the test belong to this listener.
        let _ = writeln!(config, "listener {port} 127.0.0.1");
        if self.users.is_empty() {
            config += "allow_anonymous true\n";
        } else {
            let _ = writeln!(config, "password_file {}", passwords.display());
            write_passwords(&passwords, &self.users);
        }
        if self.persistent {
            let _ = writeln!(
                config,
                "persistence true\npersistence_location {}/",
                folder.display()
            );
        }
        config += &self.config.join("\n");
        config.push('\n');

        let path = folder.join("mosquitto.conf");
        fs::write(&path, config).expect("the configuration file can be written");
        let mut command = Command::new(install::mosquitto());
        command.arg("-c").arg(path);
        command
    }
}

fn write_passwords(path: &Path, users: &[(String, String)]) {
    fs::write(path, "").expect("the password file can be written");
    for (name, password) in users {
        let made = Command::new(install::mosquitto_tool("mosquitto_passwd"))
            .arg("-b")
            .arg(path)
            .args([name, password])
            .output()
            .expect("mosquitto_passwd runs");
        assert!(made.status.success(), "mosquitto_passwd: {made:?}");
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;
    use crate::DEADLINE;

    const RETAINED: [&str; 7] = ["-t", "iot/home2/temp", "-m", "25.5", "-q", "1", "-r"];
    const ONE: [&str; 4] = ["-t", "iot/#", "-C", "1"];

    #[track_caller]
    fn accepts(broker: &Broker) -> bool {
        TcpStream::connect(("127.0.0.1", broker.port())).is_ok()
    }

    #[test]
    fn carries_a_message() {
        let broker = Broker::start();
        let subscriber = broker.mosquitto_sub(ONE);
        broker.wait_for_log("Received SUBSCRIBE", DEADLINE);
        broker.mosquitto_pub(["-t", "iot/home2/temp", "-m", "25.5"]);
        subscriber.wait_for_stdout("25.5");
    }

    #[test]
    fn each_has_its_own_port() {
        let brokers = [Broker::start(), Broker::start(), Broker::start()];
        assert!(brokers.iter().all(accepts));
        assert_ne!(brokers[0].port(), brokers[1].port());
        assert_ne!(brokers[1].port(), brokers[2].port());
    }

    #[test]
    fn keeps_its_port_when_stopped_killed_and_started_again() {
        let mut broker = Broker::start();
        let port = broker.port();
        broker.stop();
        assert!(!accepts(&broker));
        broker.start_again();
        assert!(accepts(&broker));
        broker.kill();
        assert!(!accepts(&broker));
        broker.start_again();
        broker.restart();
        assert!(accepts(&broker));
        assert_eq!(broker.port(), port);
    }

    #[test]
    fn can_come_later() {
        let mut broker = Broker::reserve();
        assert!(!accepts(&broker));
        broker.start_again();
        assert!(accepts(&broker));
    }

    #[test]
    fn persistent_remembers_across_a_restart() {
        let mut broker = Broker::builder().persistent().start();
        broker.mosquitto_pub(RETAINED);
        broker.restart();
        broker.mosquitto_sub(ONE).wait_for_stdout("25.5");
    }

    #[test]
    fn forgets_across_a_restart_otherwise() {
        let mut broker = Broker::start();
        broker.mosquitto_pub(RETAINED);
        broker.restart();
        let subscriber = broker.mosquitto_sub(ONE);
        broker.wait_for_log("Received SUBSCRIBE", DEADLINE);
        broker.mosquitto_pub(["-t", "iot/home2/temp", "-m", "26.5"]);
        subscriber.wait_for_stdout("26.5");
        assert_eq!(subscriber.stdout(), "26.5\n");
    }

    #[test]
    fn asks_for_a_password() {
        let broker = Broker::builder()
            .user("ann", "blue sky")
            .user("ben", "green")
            .start();
        let refused = broker.mosquitto_sub(ONE);
        refused.wait_for_stderr("not authorised");
        for (name, password) in [("ann", "blue sky"), ("ben", "green")] {
            broker.mosquitto_pub(["-t", "iot", "-m", "1", "-u", name, "-P", password]);
        }
    }

    #[test]
    fn takes_configuration_lines() {
        let broker = Broker::builder().config("max_qos 0").start();
        broker.mosquitto_pub(["-t", "iot", "-m", "1", "-q", "0"]);
        let mut refused = broker.tool("mosquitto_pub").args(RETAINED).spawn();
        assert!(!refused.wait().success());
    }

    #[test]
    fn the_log_waited_on_is_that_of_the_latest_start() {
        let mut broker = Broker::start();
        broker.mosquitto_pub(["-t", "iot", "-m", "1", "-i", "before"]);
        broker.restart();
        assert!(broker.log().contains("as before"));
        let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            broker.wait_for_log("as before", Duration::from_millis(50))
        }));
        assert!(waited.is_err());
    }

    #[test]
    #[should_panic(expected = "Unknown configuration variable \"nonsense\"")]
    fn a_start_that_fails_shows_the_log() {
        Broker::builder().config("nonsense").start();
    }
}
