//! Machines of a network: each has a network namespace with an address of its own, and a cable to a
//! common bridge that can be pulled out. Needs the right to make namespaces; `scripts/cluster`
//! starts this program in one.

use std::net::Ipv4Addr;
use std::process::Command;

/// The network that all machines are in.
const PREFIX: [u8; 2] = [10, 77];
const BRIDGE: &str = "bridge";

/// The bridge, on which this program itself has an address.
pub(crate) struct Network {
    machines: u8,
}

/// A machine of the network.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
}

impl Network {
    /// Makes the bridge.
    pub(crate) fn new() -> Self {
        ip("link set lo up");
        ip(&format!("link add {BRIDGE} type bridge"));
        let [first, second] = PREFIX;
        ip(&format!("addr add {first}.{second}.0.1/16 dev {BRIDGE}"));
        ip(&format!("link set {BRIDGE} up"));
        Self { machines: 0 }
    }

    /// Adds a machine, connected.
    pub(crate) fn add(&mut self, name: &str) -> Machine {
        self.machines += 1;
        let address = Ipv4Addr::new(PREFIX[0], PREFIX[1], 1, self.machines);
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add {name} type veth peer name eth0 netns {name}"
        ));
        ip(&format!("link set {name} master {BRIDGE} up"));
        ip(&format!("-n {name} addr add {address}/16 dev eth0"));
        ip(&format!("-n {name} link set eth0 up"));
        ip(&format!("-n {name} link set lo up"));
        Machine {
            name: name.to_owned(),
            address,
        }
    }
}

impl Machine {
    /// Returns what runs a program on this machine.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name));
        command
    }

    /// Pulls the cable out: no packet passes, and connections stay open.
    pub(crate) fn cut(&self) {
        ip(&format!("link set {} down", self.name));
    }

    /// Puts the cable back.
    pub(crate) fn heal(&self) {
        ip(&format!("link set {} up", self.name));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let Ok(names) = std::fs::read_dir("/run/netns") else {
            return;
        };
        for name in names.flatten() {
            ip(&format!("netns delete {}", name.file_name().display()));
        }
        ip(&format!("link delete {BRIDGE}"));
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run ip: {error}"));
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
