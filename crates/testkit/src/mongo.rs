//! A real mongod, alone or three of them as a replica set.

mod command;
mod mongos;
mod set;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::install;
use crate::server::{Kind, Server};

pub use mongos::{MongosCommand, ScriptedMongos};
pub use set::MongoSet;

/// A mongod of the test's own, on a free port of 127.0.0.1, with an empty data folder; killed on
/// drop.
pub struct Mongo {
    server: Server<Mongod>,
}

impl Mongo {
    /// Starts a standalone server without users. Returns once it accepts connections.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Chooses the port only: a MongoDB that is away until [`start_again`](Self::start_again).
    #[track_caller]
    pub fn reserve() -> Self {
        Self::builder().reserve()
    }

    /// Returns a builder, for a server with more than the defaults.
    pub fn builder() -> MongoBuilder {
        MongoBuilder::default()
    }

    /// Returns its port on 127.0.0.1; the same for as long as this value lives.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Returns its URL, `mongodb://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("mongodb://127.0.0.1:{}", self.port())
    }

    /// Stops it with SIGTERM and waits for its end.
    #[track_caller]
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// Kills it with SIGKILL: what was not in its journal is lost.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts it on the same port, with the same data.
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

    /// Returns everything it has logged since its first start, one JSON document a line.
    pub fn log(&self) -> String {
        self.server.log()
    }

    /// Waits for a line with `text` in the log of its latest start, and returns that line.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str, deadline: Duration) -> String {
        self.server.wait_for_log(text, deadline)
    }
}

/// Options of a [`Mongo`].
#[derive(Debug, Default)]
#[must_use = "nothing runs before `start`"]
pub struct MongoBuilder {
    mongod: Mongod,
}

impl MongoBuilder {
    /// Adds arguments of mongod, such as `--auth` or `--replSet NAME`.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.mongod.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Starts the server. Returns once it accepts connections.
    #[track_caller]
    pub fn start(self) -> Mongo {
        Mongo {
            server: Server::start(self.mongod),
        }
    }

    /// Chooses the port only, see [`Mongo::reserve`].
    #[track_caller]
    pub fn reserve(self) -> Mongo {
        Mongo {
            server: Server::reserve(self.mongod),
        }
    }
}

#[derive(Debug, Default)]
struct Mongod {
    args: Vec<OsString>,
}

impl Kind for Mongod {
    const NAME: &'static str = "mongod";
    const READY: &'static str = "Waiting for connections";
    /// Lines have 400 characters each.
    const LINES_TO_SHOW: usize = 20;
    const START_TIMEOUT: Duration = Duration::from_mins(1);

    #[track_caller]
    fn command(&self, folder: &Path, port: u16) -> Command {
        let data = folder.join("data");
        fs::create_dir_all(&data).expect("the data folder can be made");
        let mut command = Command::new(install::mongod());
        command
            .args(["--port", &port.to_string()])
            .arg("--dbpath")
            .arg(data)
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket"])
            // The smallest cache it takes: tests run several at once.
            .args(["--wiredTigerCacheSizeGB", "0.25"])
            // Its statistics, written every second, help only MongoDB's support.
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(&self.args);
        command
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::net::TcpStream;

    use super::command::{contains, document, element, number, text};
    use super::*;
    use crate::DEADLINE;

    fn command(mongo: &Mongo, elements: &[Vec<u8>]) -> io::Result<Vec<u8>> {
        command::run(mongo.port(), "test", elements)
    }

    #[track_caller]
    fn insert(mongo: &Mongo, id: i32) {
        let readings = document(&[element(0x03, "0", &document(&[number("_id", id)]))]);
        let readings = element(0x04, "documents", &readings);
        let reply = command(mongo, &[text("insert", "sensors"), readings]).expect("a reply");
        assert!(contains(&reply, &number("n", 1)), "not inserted");
    }

    #[track_caller]
    fn assert_count(mongo: &Mongo, count: i32) {
        let reply = command(mongo, &[text("count", "sensors")]).expect("a reply");
        assert!(contains(&reply, &number("n", count)), "not {count}");
    }

    #[test]
    fn stores_and_remembers_across_a_restart() {
        let mut mongo = Mongo::start();
        let url = mongo.url();
        assert_count(&mongo, 0);
        insert(&mongo, 1);
        mongo.restart();
        assert_count(&mongo, 1);
        assert_eq!(mongo.url(), url);
    }

    #[test]
    fn killed_it_is_away_and_comes_again() {
        let mut mongo = Mongo::start();
        mongo.kill();
        assert!(command(&mongo, &[number("hello", 1)]).is_err());
        mongo.start_again();
        mongo.wait_for_log("recovery", DEADLINE);
        assert_count(&mongo, 0);
    }

    #[test]
    fn can_come_later() {
        let mut mongo = Mongo::reserve();
        assert!(command(&mongo, &[number("hello", 1)]).is_err());
        mongo.start_again();
        assert_count(&mongo, 0);
    }

    #[test]
    fn frozen_answers_nobody_until_thawed() {
        let mut mongo = Mongo::start();
        mongo.freeze();
        let mut stream = TcpStream::connect(("127.0.0.1", mongo.port())).expect("it still listens");
        mongo.thaw();
        assert_count(&mongo, 0);
        mongo.freeze();
        stream.write_all(&[0]).expect("the kernel takes it");
        mongo.stop();
    }

    #[test]
    fn takes_arguments() {
        let mongo = Mongo::builder().args(["--auth"]).start();
        let reply = command(&mongo, &[text("count", "sensors")]).expect("a reply");
        assert!(contains(&reply, b"not authorized"));
    }
}
