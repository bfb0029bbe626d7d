//! Encoding and writing on the thread that publishes. While the one that drives the connection has nothing to write and
//! waits, waking it only to have one packet written would double the way to the broker. And where both are busy, each
//! has half of the work, and the memory of a message goes back to where it came from.

use std::io::Write;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use super::{WRITE_CHUNK, encode};
use crate::message::PacketId;
use crate::session::Session;
use crate::transport::Twin;

/// Who publishes more often than this leaves it to the driver, which gathers packets.
const SELDOM: Duration = Duration::from_millis(1);

/// The socket as the handles use it.
#[derive(Debug)]
pub(super) struct Direct {
    socket: Twin,
    /// All that the driver had encoded is written; what is encoded here is next in order.
    quiet: bool,
    /// What is encoded and the socket hasn't taken, or wasn't given: the driver writes it first.
    rest: BytesMut,
    /// Ids of the tracked QoS 0 messages in it.
    leaving: Vec<PacketId>,
    last: Option<Instant>,
    /// Messages whose acknowledgements were to come when driver or handle looked last.
    in_flight: usize,
    /// Something was written since the driver took over last.
    wrote: bool,
}

impl Direct {
    pub(super) fn new(socket: Twin) -> Self {
        Self {
            socket,
            quiet: false,
            rest: BytesMut::new(),
            leaving: Vec::new(),
            last: None,
            in_flight: 0,
            wrote: false,
        }
    }

    /// The driver takes over: what is left goes first, as soon as there is room for more in `output`. Until
    /// [`give`](Self::give) nothing is written here. Returns whether something was since it took over last.
    pub(super) fn take(&mut self, output: &mut BytesMut, leaving: &mut Vec<PacketId>) -> bool {
        self.quiet = false;
        let wrote = std::mem::take(&mut self.wrote);
        if self.rest.is_empty() || output.len() >= WRITE_CHUNK {
            return wrote;
        }
        let rest = std::mem::take(&mut self.rest);
        if output.is_empty() {
            *output = rest;
        } else {
            output.extend_from_slice(&rest);
        }
        leaving.append(&mut self.leaving);
        wrote
    }

    /// The driver has encoded what there was; nothing of it is unwritten if `quiet`.
    pub(super) fn give(&mut self, quiet: bool, in_flight: usize) {
        self.quiet = quiet;
        self.in_flight = in_flight;
    }

    pub(super) fn socket(&self) -> &Twin {
        &self.socket
    }

    pub(super) fn is_clear(&self) -> bool {
        self.rest.is_empty()
    }

    /// Encodes what the session has to say, as much as is written at a time, and writes it where the driver waits and
    /// is not to gather it. Returns whether nothing is left to do for the driver.
    pub(super) fn send(&mut self, session: &mut Session, driver_waits: bool) -> bool {
        if !session.is_connected() || session.backlog() == 0 {
            return false;
        }
        let now = Instant::now();
        encode(session, &mut self.rest, &mut self.leaving, now);
        // Who has waited for the answer to the message before has nothing to gather.
        let before = std::mem::replace(&mut self.in_flight, session.in_flight());
        let is_alone = (before, self.in_flight) == (0, 1);
        let is_seldom = || self.last.is_none_or(|last| now - last >= SELDOM);
        if !driver_waits || !self.quiet || !(is_alone || is_seldom()) {
            return false;
        }
        self.last = Some(now);
        // An error, too, is the driver's business: it meets it again.
        if let Ok(written) = (&*self.socket).write(&self.rest) {
            self.rest.advance(written);
            self.wrote = true;
        }
        if !self.rest.is_empty() {
            self.quiet = false;
            return false;
        }
        self.rest = BytesMut::new();
        for id in self.leaving.drain(..) {
            session.sent(id);
        }
        session.is_idle()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::time::{Duration, Instant};

    use super::WRITE_CHUNK;
    use crate::config::ClientConfig;
    use crate::connection::Connection;
    use crate::message::{Message, QoS};
    use crate::session::Event;
    use crate::topic::TopicName;

    /// A connection that has nothing to do and waits, and the broker's end of it.
    async fn waiting() -> (Connection, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let config = ClientConfig {
            host: "127.0.0.1".into(),
            port: listener.local_addr().unwrap().port(),
            ..ClientConfig::default()
        };
        let mut connection = Connection::new(config).unwrap();
        connection.set_direct();
        connection.connect().await.unwrap();
        let (mut broker, _) = listener.accept().unwrap();
        broker
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut head = [0; 2];
        broker.read_exact(&mut head).unwrap();
        broker
            .read_exact(&mut vec![0; usize::from(head[1])])
            .unwrap();
        broker.write_all(b"\x20\x02\x00\x00").unwrap();
        let event = connection.next().await;
        assert!(matches!(event, Some(Event::Connected(_))), "{event:?}");
        wait(&mut connection).await;
        (connection, broker)
    }

    /// Has the driver find nothing to do.
    async fn wait(connection: &mut Connection) {
        tokio::select! {
            biased;
            event = connection.next() => panic!("{event:?}"),
            () = std::future::ready(()) => {}
        }
    }

    fn message(payload: Vec<u8>) -> Message {
        Message::new(TopicName::new("t").unwrap(), payload).with_qos(QoS::AtLeastOnce)
    }

    #[tokio::test]
    async fn a_message_leaves_without_the_driver() {
        let (mut connection, mut broker) = waiting().await;
        let handle = connection.handle();
        handle.publish(message(b"x".into())).unwrap();
        let mut bytes = [0; 8];
        broker.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"\x32\x06\x00\x01t\x00\x01x");
        broker.write_all(b"\x40\x02\x00\x01").unwrap();
        let event = connection.next().await;
        assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
        // With QoS 0, that it has left is told.
        wait(&mut connection).await;
        let second = Duration::from_secs(1);
        connection.shared.lock().direct.as_mut().unwrap().last = None;
        let quick = message(b"y".into()).with_qos(QoS::AtMostOnce);
        handle.publish_tracked(quick).unwrap();
        broker.read_exact(&mut bytes[..6]).unwrap();
        assert_eq!(&bytes[..6], b"\x30\x04\x00\x01ty");
        let event = tokio::time::timeout(second, connection.next()).await;
        assert!(
            matches!(event, Ok(Some(Event::Published { .. }))),
            "{event:?}"
        );
    }

    #[tokio::test]
    async fn who_has_waited_for_the_answer_to_the_message_before_has_the_next_one_sent_at_once() {
        let (mut connection, mut broker) = waiting().await;
        let handle = connection.handle();
        for mid in 1..=2 {
            // However soon that is.
            connection.shared.lock().direct.as_mut().unwrap().last =
                Some(Instant::now() + Duration::from_mins(1));
            handle.publish(message(b"x".into())).unwrap();
            let mut bytes = [0; 8];
            broker.read_exact(&mut bytes).unwrap();
            assert_eq!(bytes, [b'\x32', 6, 0, 1, b't', 0, mid, b'x']);
            broker.write_all(&[0x40, 2, 0, mid]).unwrap();
            let event = connection.next().await;
            assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
            wait(&mut connection).await;
        }
        // What follows before the answer is left to the driver, which gathers.
        handle.publish(message(b"x".into())).unwrap();
        let quick = message(b"x".into()).with_qos(QoS::AtMostOnce);
        handle.publish(quick).unwrap();
        let state = connection.shared.lock();
        assert_eq!(
            state.direct.as_ref().unwrap().rest[..],
            *b"\x30\x04\x00\x01tx"
        );
    }

    #[tokio::test]
    async fn what_the_socket_does_not_take_keeps_its_place() {
        const LARGE: usize = 16 * 1024 * 1024;
        let (mut connection, mut broker) = waiting().await;
        let handle = connection.handle();
        handle.publish(message(vec![b'a'; LARGE])).unwrap();
        handle.publish(message(b"b".into())).unwrap();
        {
            let state = connection.shared.lock();
            let direct = state.direct.as_ref().unwrap();
            assert!(!direct.rest.is_empty() && direct.rest.len() < LARGE);
        }
        let read = std::thread::spawn(move || {
            let mut bytes = vec![0; LARGE + 5 + 5 + 8];
            broker.read_exact(&mut bytes).unwrap();
            broker
                .write_all(b"\x40\x02\x00\x01\x40\x02\x00\x02")
                .unwrap();
            bytes
        });
        for _ in 0..2 {
            let event = connection.next().await;
            assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
        }
        let bytes = read.join().unwrap();
        assert_eq!(bytes[..10], *b"\x32\x85\x80\x80\x08\x00\x01t\x00\x01");
        assert!(bytes[10..10 + LARGE].iter().all(|byte| *byte == b'a'));
        assert_eq!(bytes[10 + LARGE..], *b"\x32\x06\x00\x01t\x00\x02b");
    }

    #[tokio::test]
    async fn what_is_encoded_while_the_driver_is_busy_is_bounded_and_keeps_its_place() {
        const COUNT: usize = 3_000;
        let (mut connection, mut broker) = waiting().await;
        let handle = connection.handle();
        connection.shared.lock().waker = None;
        let mut expected = Vec::new();
        for number in 0..COUNT {
            let payload = format!("{number:0100}");
            expected.extend_from_slice(b"\x30\x67\x00\x01t");
            expected.extend_from_slice(payload.as_bytes());
            let quick = message(payload.into()).with_qos(QoS::AtMostOnce);
            handle.publish(quick).unwrap();
        }
        {
            let state = connection.shared.lock();
            let ahead = state.direct.as_ref().unwrap().rest.len();
            assert!((WRITE_CHUNK..WRITE_CHUNK + 105).contains(&ahead), "{ahead}");
            assert!(state.session.backlog() > COUNT / 2);
        }
        let bytes = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; COUNT * 105];
            broker.read_exact(&mut bytes).unwrap();
            // Its end would be an event.
            (bytes, broker)
        });
        tokio::select! {
            event = connection.next() => panic!("{event:?}"),
            bytes = bytes => assert!(bytes.unwrap().0 == expected),
        }
    }
}
