//! A client of MQTT 3.1.1 or 5, packet by packet.

use std::time::Duration;

use testkit::Conversation;

/// How long nothing has to come to show that nothing comes.
const SILENCE: Duration = Duration::from_millis(400);

pub(crate) struct Client {
    pub(crate) peer: Conversation,
    is_v5: bool,
}

/// What a CONNECT says beside the client identifier.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options<'a> {
    pub(crate) keeps_session: bool,
    pub(crate) is_v5: bool,
    /// Topic, payload, and on MQTT 5 the delay.
    pub(crate) will: Option<(&'a str, &'a str, u32)>,
    pub(crate) keep_alive: u16,
}

impl Client {
    /// Connects; returns the client and whether the broker had its session.
    #[track_caller]
    pub(crate) fn connect(port: u16, id: &str, options: Options<'_>) -> (Self, bool) {
        let mut body = vec![
            0,
            4,
            b'M',
            b'Q',
            b'T',
            b'T',
            if options.is_v5 { 5 } else { 4 },
        ];
        let will = options.will;
        body.push(u8::from(!options.keeps_session) << 1 | u8::from(will.is_some()) << 2);
        body.extend(options.keep_alive.to_be_bytes());
        if options.is_v5 {
            let expiry: u32 = if options.keeps_session { 600 } else { 0 };
            body.extend([5, 0x11]);
            body.extend(expiry.to_be_bytes());
        }
        put(&mut body, id);
        if let Some((topic, payload, delay)) = will {
            if options.is_v5 {
                body.extend([5, 0x18]);
                body.extend(delay.to_be_bytes());
            }
            put(&mut body, topic);
            put(&mut body, payload);
        }
        let mut peer = Conversation::connect(port);
        peer.send(&packet(0x10, &body));
        let connack = peer.read_packet();
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:02x?}");
        let client = Self {
            peer,
            is_v5: options.is_v5,
        };
        (client, connack[2] == 1)
    }

    /// Publishes; the flags are QoS and DUP as in the first byte.
    pub(crate) fn publish(&mut self, flags: u8, topic: &str, id: u16, payload: &str) {
        let mut body = Vec::new();
        put(&mut body, topic);
        if flags & 0x06 != 0 {
            body.extend(id.to_be_bytes());
        }
        if self.is_v5 {
            body.push(0);
        }
        body.extend(payload.as_bytes());
        self.peer.send(&packet(0x30 | flags, &body));
    }

    pub(crate) fn pubrel(&mut self, id: u16) {
        let id = id.to_be_bytes();
        self.peer.send(&[0x62, 2, id[0], id[1]]);
    }

    /// Reads an acknowledgement of this kind.
    #[track_caller]
    pub(crate) fn expect_ack(&mut self, kind: u8, id: u16) {
        let read = self.peer.read_packet();
        let id = id.to_be_bytes();
        assert_eq!((read[0], &read[2..4]), (kind, &id[..]), "{read:02x?}");
        if !self.is_v5 {
            assert_eq!(read.len(), 4, "{read:02x?}");
        }
    }

    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        self.peer.expect_silence(SILENCE);
    }

    pub(crate) fn disconnect(mut self) {
        self.peer.send(&[0xe0, 0]);
        self.peer.expect_end();
    }
}

fn put(body: &mut Vec<u8>, text: &str) {
    body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    body.extend(text.as_bytes());
}

/// A packet with its length.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut length = body.len();
    loop {
        let byte = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        packet.push(byte | u8::from(length > 0) << 7);
        if length == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
