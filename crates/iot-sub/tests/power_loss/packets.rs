//! The MQTT packets in what one side of a connection has sent.

/// As much of a packet as matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Publish { topic: String, id: u16 },
    Puback,
    Pubrec(u16),
    Pubrel(u16),
    Pubcomp(u16),
    Other,
}

/// Takes bytes as they come.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    bytes: Vec<u8>,
}

impl Packets {
    /// Takes what comes next; returns the packets that are complete by that.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Packet> {
        self.bytes.extend(bytes);
        let mut packets = Vec::new();
        while let Some((body, end)) = self.body() {
            packets.push(packet(self.bytes[0], &self.bytes[body..end]));
            self.bytes.drain(..end);
        }
        packets
    }

    /// Where the first packet's body begins and ends, if it is complete.
    fn body(&self) -> Option<(usize, usize)> {
        let mut length = 0;
        for (index, byte) in self.bytes.iter().skip(1).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let body = index + 2;
                let end = body + length;
                return (self.bytes.len() >= end).then_some((body, end));
            }
        }
        None
    }
}

fn packet(first: u8, body: &[u8]) -> Packet {
    let number = |at: usize| u16::from_be_bytes([body[at], body[at + 1]]);
    match first >> 4 {
        3 => {
            let end = 2 + usize::from(number(0));
            Packet::Publish {
                topic: String::from_utf8_lossy(&body[2..end]).into_owned(),
                // Messages with QoS 0 have none, and are not sent here.
                id: number(end),
            }
        }
        4 => Packet::Puback,
        5 => Packet::Pubrec(number(0)),
        6 => Packet::Pubrel(number(0)),
        7 => Packet::Pubcomp(number(0)),
        _ => Packet::Other,
    }
}
