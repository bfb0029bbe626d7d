//! The broker nodes, each on a machine of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::network::Network;
use crate::service::Service;

/// Their port for clients.
const PORT: u16 = 1883;

/// Which brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Three nodes that agree on clients and subscriptions.
    Raft,
    /// The same, and they store messages.
    RaftWithMessages,
    /// One mosquitto. It writes down what members acknowledge if `logs`, which takes time.
    Mosquitto { logs: bool },
}

impl Mode {
    pub(crate) fn named(name: &str, logs: bool) -> Self {
        match name {
            "raft" => Self::Raft,
            "mosquitto" => Self::Mosquitto { logs },
            _ => Self::RaftWithMessages,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raft => "raft",
            Self::RaftWithMessages => "raft+msg",
            Self::Mosquitto { .. } => "mosquitto",
        }
    }

    /// Whether the broker writes down which messages a member acknowledges.
    pub(crate) fn names_acknowledged(self) -> bool {
        !matches!(self, Self::Mosquitto { .. })
    }

    fn nodes(self) -> usize {
        match self {
            Self::Mosquitto { .. } => 1,
            Self::Raft | Self::RaftWithMessages => 3,
        }
    }

    fn ready(self) -> &'static str {
        match self {
            Self::Mosquitto { .. } => "running",
            Self::Raft | Self::RaftWithMessages => "listening on",
        }
    }
}

fn mosquitto_settings(address: Ipv4Addr, logs: bool) -> String {
    let log_file = if logs {
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
    /// Starts the nodes. Returns once all accept clients.
    pub(crate) fn start(network: &mut Network, program: &Path, mode: Mode, folder: &Path) -> Self {
        let machines: Vec<_> = (1..=mode.nodes())
            .map(|number| network.add(&format!("node{number}")))
            .collect();
        let addresses: Vec<_> = machines.iter().map(|it| it.address.to_string()).collect();
        let addresses = addresses.join(",");
        let nodes = (1..).zip(machines).map(|(number, machine): (usize, _)| {
            let folder = folder.join(&machine.name);
            if let Mode::Mosquitto { logs } = mode {
                let settings = mosquitto_settings(machine.address, logs);
                let node = Service::new(machine, &testkit::mosquitto(), &folder);
                fs::write(folder.join("settings"), settings).expect("room for a file");
                return node.args(["-c", "settings"]);
            }
            Service::new(machine, program, &folder).args([
                number.to_string(),
                addresses.clone(),
                mode.name().to_owned(),
                "witness".to_owned(),
            ])
        });
        let mut brokers = Self {
            nodes: nodes.collect(),
            ready: mode.ready(),
        };
        brokers.nodes.iter_mut().for_each(Service::start);
        for which in 0..brokers.nodes.len() {
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

    /// What the nodes write down about messages.
    pub(crate) fn witness_files(&self) -> Vec<PathBuf> {
        let folders = self.nodes.iter().map(Service::folder);
        folders.map(|folder| folder.join("witness")).collect()
    }
}
