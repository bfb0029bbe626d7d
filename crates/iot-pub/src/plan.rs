//! What a run is to do: the meaning of the options.

use std::time::Duration;

use clap::ValueEnum;
use iot_cli::PacketProperties;
use iot_core::ClientConfig;

use crate::device::Device;
use crate::edge_node::EdgeNode;
use crate::schedule::rate::Rate;

/// What a run is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: ClientConfig,
    /// Of the packets after CONNECT.
    pub(crate) properties: PacketProperties,
    /// At least one.
    pub(crate) devices: Vec<Device>,
    /// The Sparkplug edge nodes of the devices. Each has a connection of its own.
    pub(crate) edge_nodes: Vec<EdgeNode>,
    /// The connections of edge nodes come first, then those that the other devices share.
    pub(crate) connections: usize,
    /// The number of messages; `None` publishes until Ctrl-C.
    pub(crate) count: Option<u64>,
    /// The time from a delivery to the next message, if each message waits for the delivery of the
    /// one before.
    pub(crate) repeat_delay: Option<Duration>,
    /// The messages are worth a line on stdout each.
    pub(crate) is_shown: bool,
    /// The messages are lines of standard input.
    pub(crate) is_lines: bool,
    pub(crate) fail_fast: bool,
    /// How long to wait for the first connection; `None` waits for ever.
    pub(crate) gives_up_after: Option<Duration>,
    pub(crate) load: Load,
}

/// How many connections publish, how fast, for how long, and what is reported.
#[derive(Debug)]
pub(crate) struct Load {
    /// Those that devices share, which are not of an edge node.
    pub(crate) connections: usize,
    /// With many connections, the client identifiers are PREFIX1, PREFIX2 and so on.
    pub(crate) id_prefix: Option<String>,
    pub(crate) connect_rate: Rate,
    pub(crate) rate: Option<Rate>,
    pub(crate) duration: Option<Duration>,
    pub(crate) report: Option<ReportFormat>,
    pub(crate) verify: bool,
}

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines for people.
    Text,
    /// One JSON object.
    Json,
}

impl Plan {
    /// Returns whether a message waits for a connection that is away, also with QoS 0, because it
    /// cannot be made again.
    pub(crate) fn waits(&self) -> bool {
        self.is_lines || self.repeat_delay.is_some()
    }

    /// Returns whether each message is printed when it is published.
    pub(crate) fn prints_messages(&self) -> bool {
        self.is_shown && !self.load.is_load()
    }
}

impl Load {
    /// Returns whether this is a load test, which reports at its end, if at all, instead of
    /// printing each message.
    pub(crate) fn is_load(&self) -> bool {
        self.connections > 1 || self.rate.is_some() || self.report.is_some()
    }
}
