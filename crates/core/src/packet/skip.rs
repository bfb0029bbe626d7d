//! A PUBLISH whose payload is too long: the payload is measured while it arrives, and not held.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use super::incoming::LongPublish;
use crate::message::Fingerprint;

/// Computes a hash of a payload that is not held, such as SHA-256.
pub trait PayloadHasher: Send {
    /// Adds the next bytes.
    fn update(&mut self, bytes: &[u8]);

    /// Returns the hash of all bytes.
    fn finish(self: Box<Self>) -> Vec<u8>;
}

/// The payload of a [`LongPublish`], on its way.
pub struct Skip {
    publish: LongPublish,
    kept: Vec<u8>,
    /// How many bytes of the payload are kept.
    kept_limit: usize,
    fingerprint: Fingerprint,
    hasher: Option<Box<dyn PayloadHasher>>,
}

impl Skip {
    /// Begins with the packet that [`Codec::decode`](super::Codec::decode) has returned.
    pub fn new(
        publish: LongPublish,
        kept_limit: usize,
        hasher: Option<Box<dyn PayloadHasher>>,
    ) -> Self {
        let topic = publish.publish.topic.as_ref();
        Self {
            fingerprint: Fingerprint::new(topic.map_or("", |topic| topic.as_str())),
            publish,
            kept: Vec::new(),
            kept_limit,
            hasher,
        }
    }

    /// Takes bytes of the payload from `buffer`. Returns whether it is complete.
    pub fn take(&mut self, buffer: &mut BytesMut) -> bool {
        let taken = buffer.len().min(self.publish.left);
        let bytes = &buffer[..taken];
        self.fingerprint.update(bytes);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        let kept = (self.kept_limit - self.kept.len()).min(taken);
        self.kept.extend_from_slice(&bytes[..kept]);
        buffer.advance(taken);
        self.publish.left -= taken;
        self.publish.left == 0
    }

    /// Returns the packet with what is known of its payload.
    pub fn finish(self) -> LongPublish {
        let mut publish = self.publish;
        publish.publish.payload = Bytes::from(self.kept);
        publish.fingerprint = self.fingerprint.finish();
        publish.hash = self.hasher.map(PayloadHasher::finish);
        publish
    }
}

impl fmt::Debug for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skip")
            .field("publish", &self.publish)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::packet::{Codec, Incoming};
    use crate::protocol::Protocol;
    use crate::topic::TopicName;

    /// The sum of all bytes.
    struct Sum(u64);

    impl PayloadHasher for Sum {
        fn update(&mut self, bytes: &[u8]) {
            self.0 += bytes.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }

        fn finish(self: Box<Self>) -> Vec<u8> {
            self.0.to_le_bytes().into()
        }
    }

    /// A PUBLISH with QoS 1 and 5,000 bytes, and a PINGRESP behind it.
    fn stream(protocol: Protocol) -> Vec<u8> {
        let mut body = b"\x00\x01t\x00\x07".to_vec();
        if protocol == Protocol::V5 {
            body.extend(b"\x02\x01\x01");
        }
        body.resize(body.len() + 5_000, b'x');
        let length = u8::try_from(body.len() % 128).unwrap() | 0x80;
        let mut stream = vec![0x32, length, u8::try_from(body.len() / 128).unwrap()];
        stream.extend(body);
        stream.extend([0xd0, 0]);
        stream
    }

    #[test]
    fn a_long_payload_is_measured_however_it_arrives() {
        for protocol in [Protocol::V311, Protocol::V5] {
            let codec = Codec::new(protocol, 268_435_460).with_payload_limit(4_999);
            for piece in [1, 3, 100, 10_000] {
                let mut buffer = BytesMut::new();
                let mut skip: Option<Skip> = None;
                let mut found = Vec::new();
                for piece in stream(protocol).chunks(piece) {
                    buffer.extend_from_slice(piece);
                    loop {
                        if let Some(mut running) = skip.take() {
                            if !running.take(&mut buffer) {
                                skip = Some(running);
                                break;
                            }
                            found.push(Incoming::LongPublish(Box::new(running.finish())));
                        }
                        match codec.decode(&mut buffer).unwrap() {
                            Some(Incoming::LongPublish(long)) => {
                                skip = Some(Skip::new(*long, 10, Some(Box::new(Sum(0)))));
                            }
                            Some(packet) => found.push(packet),
                            None => break,
                        }
                    }
                    assert!(buffer.len() < 20);
                }
                let [Incoming::LongPublish(long), Incoming::PingResp] = &found[..] else {
                    panic!("{found:?}");
                };
                let whole = Message::new(TopicName::new("t").unwrap(), "x".repeat(5_000));
                assert_eq!(long.publish.payload, "x".repeat(10));
                assert_eq!((long.length, long.left, long.limit), (5_000, 0, 4_999));
                assert_eq!(long.fingerprint, whole.fingerprint());
                assert_eq!(long.hash, Some((5_000 * 120_u64).to_le_bytes().into()));
            }
        }
    }

    #[test]
    fn a_payload_of_the_limit_is_held() {
        let codec = Codec::new(Protocol::V311, 268_435_460).with_payload_limit(5_000);
        let mut buffer = BytesMut::from(&stream(Protocol::V311)[..]);
        let packet = codec.decode(&mut buffer).unwrap();
        assert!(matches!(packet, Some(Incoming::Publish(_))), "{packet:?}");
    }
}
