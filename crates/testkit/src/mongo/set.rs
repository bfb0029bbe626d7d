//! A replica set of real mongods.

use std::time::Duration;

use super::Mongo;
use super::command::{self, contains, document, element, number, text, truth};
use crate::wait;

const NAME: &str = "rs";
/// How long an election may take on a loaded machine.
const ELECTION_TIMEOUT: Duration = Duration::from_mins(1);

/// Three mongods with the same data; each is killed on drop. A lost primary is replaced within
/// about three seconds.
pub struct MongoSet {
    nodes: Vec<Mongo>,
}

impl MongoSet {
    /// Starts the three. Returns once they have a primary, and all hold its data.
    #[track_caller]
    pub fn start() -> Self {
        let starting: Vec<_> = (0..3)
            .map(|_| std::thread::spawn(|| Mongo::builder().args(["--replSet", NAME]).start()))
            .collect();
        let nodes: Vec<_> = starting
            .into_iter()
            .map(|node| node.join().expect("a mongod"))
            .collect();
        let members: Vec<_> = (0..)
            .zip(&nodes)
            .map(|(id, node): (i32, _)| {
                let host = format!("127.0.0.1:{}", node.port());
                let member = document(&[number("_id", id), text("host", &host)]);
                element(0x03, &id.to_string(), &member)
            })
            .collect();
        let settings = document(&[
            number("electionTimeoutMillis", 2_000),
            number("heartbeatIntervalMillis", 500),
        ]);
        let config = document(&[
            text("_id", NAME),
            element(0x04, "members", &document(&members)),
            element(0x03, "settings", &settings),
        ]);
        let initiate = [element(0x03, "replSetInitiate", &config)];
        let reply = command::run(nodes[0].port(), "admin", &initiate).expect("a reply");
        assert!(is_ok(&reply), "{}", String::from_utf8_lossy(&reply));
        let set = Self { nodes };
        set.wait_until_whole();
        set
    }

    /// Waits for a primary and two secondaries: after a fault, what follows starts from a set that
    /// can stand another one.
    #[track_caller]
    pub fn wait_until_whole(&self) {
        let count = |what| self.nodes.iter().filter(|node| says(node, what)).count();
        wait::eventually(ELECTION_TIMEOUT, "a primary and two secondaries", || {
            count("secondary") == 2 && count("isWritablePrimary") == 1
        });
    }

    /// Returns its URL, which names all three.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("mongodb://{}/?replicaSet={NAME}", hosts.join(","))
    }

    /// Waits for a primary that answers, and returns which one it is.
    #[track_caller]
    pub fn primary(&self) -> usize {
        wait::eventually(ELECTION_TIMEOUT, "the set has a primary", || {
            self.nodes
                .iter()
                .position(|node| says(node, "isWritablePrimary"))
        })
    }

    /// Returns one of the three.
    pub fn node(&mut self, which: usize) -> &mut Mongo {
        &mut self.nodes[which]
    }

    /// Makes the primary step down; returns which one that was. Another one is elected.
    #[track_caller]
    pub fn step_down(&self) -> usize {
        let before = self.primary();
        let command = [
            number("replSetStepDown", 10),
            number("secondaryCatchUpPeriodSecs", 5),
        ];
        // Before 4.2 there was no reply.
        let reply = command::run(self.nodes[before].port(), "admin", &command).expect("a reply");
        assert!(is_ok(&reply), "{}", String::from_utf8_lossy(&reply));
        before
    }
}

fn is_ok(reply: &[u8]) -> bool {
    contains(reply, &element(0x01, "ok", &1_f64.to_le_bytes()))
}

/// Whether it reports this state.
fn says(node: &Mongo, what: &str) -> bool {
    // A short timeout, so that a frozen member does not delay the question to the others.
    command::ask(
        node.port(),
        Duration::from_millis(500),
        "admin",
        &[number("hello", 1)],
    )
    .is_ok_and(|reply| contains(&reply, &truth(what)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait::eventually;

    #[test]
    fn a_primary_that_is_gone_or_frozen_or_steps_down_has_a_successor() {
        let mut set = MongoSet::start();
        let other = |set: &MongoSet, before| {
            eventually(ELECTION_TIMEOUT, "another primary", || {
                set.primary() != before
            });
            set.primary()
        };
        let first = set.step_down();
        let second = other(&set, first);
        set.node(second).kill();
        let third = other(&set, second);
        set.node(second).start_again();
        set.node(third).freeze();
        let fourth = other(&set, third);
        set.node(third).thaw();
        set.wait_until_whole();
        assert_ne!(third, fourth);
    }
}
