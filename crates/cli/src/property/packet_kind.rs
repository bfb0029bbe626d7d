//! The packets that properties belong to.

use std::fmt;

/// The packet that a property belongs to, as the command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketKind {
    /// CONNECT.
    Connect,
    /// PUBLISH.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// DISCONNECT.
    Disconnect,
    /// The will in CONNECT.
    Will,
}

pub(crate) const PACKETS: [(&str, PacketKind); 6] = [
    ("connect", PacketKind::Connect),
    ("publish", PacketKind::Publish),
    ("subscribe", PacketKind::Subscribe),
    ("unsubscribe", PacketKind::Unsubscribe),
    ("disconnect", PacketKind::Disconnect),
    ("will", PacketKind::Will),
];

impl fmt::Display for PacketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = PACKETS.iter().find(|(_, packet)| packet == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}
