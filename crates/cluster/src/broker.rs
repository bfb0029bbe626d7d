//! The broker nodes, each on a machine of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::network::Network;
use crate::service::Service;

/// Their port for clients.
const PORT: u16 = 1883;

/// What rmqtt logs when it cannot write to a client.
const BROKEN_WRITE: &str = "close io error, Encoding error";

/// Which brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Three nodes that agree on clients and subscriptions.
    Raft,
    /// The same, and they store messages.
    RaftWithMessages,
    /// One mosquitto.
    Mosquitto,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "raft" => Self::Raft,
            "mosquitto" => Self::Mosquitto,
            _ => Self::RaftWithMessages,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::RaftWithMessages => "raft+msg",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// Whether the broker's witness names the messages that members acknowledge.
    pub(crate) fn names_acknowledged(self) -> bool {
        self != Self::Mosquitto
    }

    fn nodes(self) -> usize {
        match self {
            Self::Mosquitto => 1,
            Self::Raft | Self::RaftWithMessages => 3,
        }
    }

    /// Publishers on each node. A node that stores messages copies each to another node before it
    /// takes the publisher's next one, so that one publisher alone does not reach the rate.
    pub(crate) fn publishers(self) -> usize {
        match self {
            Self::RaftWithMessages => 4,
            Self::Raft | Self::Mosquitto => 1,
        }
    }

    fn ready(self) -> &'static str {
        match self {
            Self::Mosquitto => "running",
            // Its RPC server says that it is listening long before.
            Self::Raft | Self::RaftWithMessages => "broker_node: listening on",
        }
    }
}

fn mosquitto_settings(address: Ipv4Addr, with_witness: bool) -> String {
    let log_file = if with_witness {
        "log_type debug\nlog_dest file witness\n"
    } else {
        ""
    };
    format!(
        "user root\n\
         listener {PORT} {address}\n\
         allow_anonymous true\n\
         persistence true\n\
         persistence_location ./\n\
         max_queued_messages 0\n\
         log_type notice\n\
         log_type information\n\
         log_dest stderr\n{log_file}"
    )
}

/// The cluster of brokers.
pub(crate) struct Brokers {
    nodes: Vec<Service>,
    ready: &'static str,
}

impl Brokers {
    /// Starts the nodes. Returns once all accept clients. With a witness they write down each
    /// message, which takes time.
    pub(crate) fn start(
        network: &mut Network,
        program: &Path,
        (mode, with_witness): (Mode, bool),
        folder: &Path,
    ) -> Self {
        let machines: Vec<_> = (1..=mode.nodes())
            .map(|number| network.add(&format!("node{number}")))
            .collect();
        let addresses: Vec<_> = machines.iter().map(|it| it.address.to_string()).collect();
        let addresses = addresses.join(",");
        let nodes = (1..).zip(machines).map(|(number, machine): (usize, _)| {
            let folder = folder.join(&machine.name);
            if mode == Mode::Mosquitto {
                let settings = mosquitto_settings(machine.address, with_witness);
                let node = Service::new(machine, &testkit::mosquitto(), &folder);
                fs::write(folder.join("settings"), settings).expect("room for a file");
                return node.args(["-c", "settings"]);
            }
            let node = Service::new(machine, program, &folder);
            let node = node.args([
                number.to_string(),
                addresses.clone(),
                mode.name().to_owned(),
            ]);
            node.args(with_witness.then_some("witness"))
        });
        let mut brokers = Self {
            nodes: nodes.collect(),
            ready: mode.ready(),
        };
        // A node that finds no leader leads a cluster of its own: the others wait for the first.
        for which in 0..brokers.nodes.len() {
            brokers.nodes[which].start();
            brokers.wait_until_ready(which);
        }
        brokers
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&mut self, which: usize) -> &mut Service {
        &mut self.nodes[which]
    }

    pub(crate) fn nodes(&mut self) -> &mut [Service] {
        &mut self.nodes
    }

    /// Waits until a node that was started accepts clients.
    pub(crate) fn wait_until_ready(&mut self, which: usize) {
        self.nodes[which].wait_for_log(self.ready);
    }

    /// The addresses and ports of all nodes.
    pub(crate) fn addresses(&self) -> Vec<(String, u16)> {
        let machines = self.nodes.iter().map(|node| &node.machine);
        machines.map(|it| (it.address.to_string(), PORT)).collect()
    }

    /// How many connections broke while a node wrote to them. In mode `raft`, the message that it
    /// was writing then is lost.
    pub(crate) fn broken_writes(&self) -> u64 {
        let broken = self.nodes.iter().map(|node| {
            let log = node.log();
            let lines = log.lines().filter(|line| line.contains(BROKEN_WRITE));
            lines.count() as u64
        });
        broken.sum()
    }

    /// What the nodes write down about messages.
    pub(crate) fn witness_files(&self) -> Vec<PathBuf> {
        let folders = self.nodes.iter().map(Service::folder);
        folders.map(|folder| folder.join("witness")).collect()
    }
}
