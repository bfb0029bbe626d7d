//! The other end of a connection, scripted by the test, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use crate::wait::{DEADLINE, eventually};

/// A listener for a test that reads and writes the packets itself.
#[derive(Debug)]
pub struct ScriptedPeer {
    listener: TcpListener,
}

impl ScriptedPeer {
    /// Listens on a free port of 127.0.0.1.
    #[track_caller]
    pub fn listen() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        // `accept` of a blocking listener has no deadline.
        listener
            .set_nonblocking(true)
            .expect("a listener need not block");
        Self { listener }
    }

    /// Returns its port.
    pub fn port(&self) -> u16 {
        self.listener
            .local_addr()
            .expect("a listener has an address")
            .port()
    }

    /// Waits for the next connection.
    #[track_caller]
    pub fn accept(&self) -> Conversation {
        let stream = eventually(DEADLINE, "a connection comes in", || {
            self.listener.accept().ok()
        });
        Conversation::on(stream.0)
    }
}

/// One connection to the program under test. Every read has a deadline.
#[derive(Debug)]
pub struct Conversation {
    stream: TcpStream,
}

impl Conversation {
    /// Connects to a port of 127.0.0.1, to play a client against a broker.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => Self::on(stream),
            Err(error) => panic!("cannot connect to port {port}: {error}"),
        }
    }

    fn on(stream: TcpStream) -> Self {
        // A connection may inherit this from its listener (it does on macOS).
        stream.set_nonblocking(false).expect("a stream may block");
        stream.set_nodelay(true).expect("a stream need not wait");
        Self { stream }
    }

    /// Returns another end of the same connection, for a thread that sends by itself.
    #[must_use]
    #[track_caller]
    pub fn second(&self) -> Self {
        let stream = self.stream.try_clone().expect("a stream has a second end");
        Self { stream }
    }

    /// Reads one whole MQTT packet: type and flags, remaining length, and as many bytes as that
    /// says.
    #[track_caller]
    pub fn read_packet(&mut self) -> Vec<u8> {
        let mut packet = self.read(1);
        let mut remaining = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.read(1)[0];
            packet.push(byte);
            remaining |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                packet.extend(self.read(remaining));
                return packet;
            }
        }
        panic!("a remaining length of more than four bytes: {packet:02x?}");
    }

    /// Reads as many bytes as `expected` has, which must be these.
    #[track_caller]
    pub fn expect(&mut self, expected: &[u8]) {
        let read = self.read(expected.len());
        assert_eq!(read, expected, "read {read:02x?}, expected {expected:02x?}");
    }

    /// Reads to the end of the stream, or to its reset; no further byte may come before.
    #[track_caller]
    pub fn expect_end(&mut self) {
        match self.read_one(DEADLINE) {
            Ok(None) | Err(ErrorKind::ConnectionReset) => {}
            Ok(Some(byte)) => panic!("read {byte:#04x}, expected the end of the stream"),
            Err(error) => panic!("expected the end of the stream: {error}"),
        }
    }

    /// Checks that nothing arrives for a while, not even the end of the stream.
    #[track_caller]
    pub fn expect_silence(&mut self, duration: Duration) {
        match self.read_one(duration) {
            Err(ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("expected nothing for {duration:?}, but: {other:02x?}"),
        }
    }

    /// Waits until so many bytes have arrived, and does not read them.
    #[track_caller]
    pub fn wait_for_bytes(&self, count: usize) {
        let mut bytes = vec![0; count];
        crate::eventually(crate::DEADLINE, "bytes", || {
            self.stream
                .peek(&mut bytes)
                .is_ok_and(|arrived| arrived >= count)
        });
    }

    /// Sends these bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("cannot send {bytes:02x?}: {error}");
        }
    }

    /// Sends these bytes, or as many as the other side takes before it hangs up.
    pub fn try_send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Closes the connection.
    pub fn close(self) {
        self.hang_up();
    }

    /// Ends the connection both ways; the conversation may then be replaced by another one.
    pub fn hang_up(&self) {
        // Fails only where the other side has closed it already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Reads exactly so many bytes.
    #[track_caller]
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        self.set_timeout(DEADLINE);
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.stream.read(&mut bytes[filled..]) {
                Ok(0) => panic!(
                    "the stream ended after {:02x?} of {length} bytes",
                    &bytes[..filled]
                ),
                Ok(more) => filled += more,
                Err(error) => panic!("{error} after {:02x?} of {length} bytes", &bytes[..filled]),
            }
        }
        bytes
    }

    /// Returns the next byte, or `None` at the end of the stream.
    fn read_one(&mut self, timeout: Duration) -> Result<Option<u8>, ErrorKind> {
        self.set_timeout(timeout);
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(byte[0])),
            Err(error) => Err(error.kind()),
        }
    }

    fn set_timeout(&self, timeout: Duration) {
        self.stream
            .set_read_timeout(Some(timeout))
            .expect("a timeout above zero");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Broker;

    /// A CONNECT of MQTT 3.1.1: clean session, keep alive 60 s, client identifier `a`.
    const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
    const CONNACK: &[u8] = b"\x20\x02\x00\x00";

    fn pair() -> (Conversation, Conversation) {
        let peer = ScriptedPeer::listen();
        let client = Conversation::connect(peer.port());
        (peer.accept(), client)
    }

    #[test]
    fn plays_a_client_against_a_real_broker() {
        let broker = Broker::start();
        let mut client = Conversation::connect(broker.port());
        client.send(CONNECT);
        client.expect(CONNACK);
        client.send(b"\xc0\x00");
        assert_eq!(client.read_packet(), b"\xd0\x00");
        client.send(b"\xe0\x00");
        client.expect_end();
    }

    #[test]
    fn plays_a_broker_against_a_real_client() {
        let peer = ScriptedPeer::listen();
        let port = peer.port().to_string();
        let mut client = crate::Program::new("mosquitto_pub")
            .args(["-p", &port, "-i", "a", "-q", "1", "-t", "iot", "-m", "25.5"])
            .spawn();
        let mut broker = peer.accept();
        assert_eq!(broker.read_packet(), CONNECT);
        broker.send(CONNACK);
        broker.expect(b"\x32\x0b\x00\x03iot\x00\x0125.5");
        broker.expect_silence(Duration::from_millis(20));
        broker.send(b"\x40\x02\x00\x01");
        assert_eq!(broker.read_packet(), b"\xe0\x00");
        broker.close();
        assert!(client.wait().success());
    }

    #[test]
    fn reads_a_packet_of_any_length() {
        for (length, remaining) in [
            (0, &b"\x00"[..]),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (16_384, b"\x80\x80\x01"),
            (2_097_152, b"\x80\x80\x80\x01"),
        ] {
            let (mut here, mut there) = pair();
            let packet = [b"\x30", remaining, &vec![7; length]].concat();
            std::thread::scope(|scope| {
                scope.spawn(|| there.send(&[&packet, CONNACK].concat()));
                assert!(here.read_packet() == packet, "{length}");
                here.expect(CONNACK);
            });
        }
    }

    #[test]
    #[should_panic(expected = "a remaining length of more than four bytes: [30, ff, ff, ff, ff]")]
    fn refuses_an_endless_length() {
        let (mut here, mut there) = pair();
        there.send(b"\x30\xff\xff\xff\xff\x7f");
        here.read_packet();
    }

    #[test]
    #[should_panic(expected = "the stream ended after [30] of 4 bytes")]
    fn tells_how_far_a_packet_came() {
        let (mut here, mut there) = pair();
        there.send(b"\x30");
        there.close();
        here.expect(CONNACK);
    }

    #[test]
    #[should_panic(expected = "read [20, 02, 00, 05], expected [20, 02, 00, 00]")]
    fn shows_both_in_hexadecimal() {
        let (mut here, mut there) = pair();
        there.send(b"\x20\x02\x00\x05");
        here.expect(CONNACK);
    }

    #[test]
    #[should_panic(expected = "expected nothing for 90s, but: Ok(None)")]
    fn an_end_is_not_silence() {
        let (mut here, there) = pair();
        there.close();
        here.expect_silence(DEADLINE);
    }
}
