//! No broker makes the program hold much of a WebSocket message, however it is cut into frames.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::thread;

use common::{interrupt, sub};
use testkit::{Conversation, Running, ScriptedPeer};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const MIB: usize = 1 << 20;
/// The most memory that the program may have had at once. A program that holds one of the messages
/// takes more.
const LIMIT: usize = 128 * MIB;

/// The first byte of a frame.
const BINARY: u8 = 0x02;
const CONTINUATION: u8 = 0x00;
const LAST: u8 = 0x80;

/// A broker of MQTT 3.1.1 whose WebSocket frames are the test's own.
struct Server {
    conversation: Conversation,
}

impl Server {
    /// Accepts the program, and its subscription.
    #[track_caller]
    fn accept(peer: &ScriptedPeer) -> Self {
        let mut conversation = peer.accept();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.extend(conversation.read(1));
        }
        let request = String::from_utf8(request).unwrap();
        let mut lines = request.lines();
        let key = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.unwrap().as_bytes())
        );
        conversation.send(answer.as_bytes());
        let mut server = Self { conversation };
        assert_eq!(server.read_frame()[0], 0x10);
        server.send(LAST | BINARY, b"\x20\x02\x00\x00");
        let subscribe = server.read_frame();
        assert_eq!(subscribe[0], 0x82);
        server.send(LAST | BINARY, &[0x90, 3, subscribe[2], subscribe[3], 0]);
        server
    }

    /// The payload of a short frame.
    #[track_caller]
    fn read_frame(&mut self) -> Vec<u8> {
        let head = self.conversation.read(2);
        let length = usize::from(head[1] & 0x7f);
        assert!(head[1] & 0x80 != 0 && length < 126, "{head:02x?}");
        let mask = self.conversation.read(4);
        let masked = self.conversation.read(length).into_iter();
        masked
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect()
    }

    fn send(&mut self, first: u8, payload: &[u8]) {
        self.conversation
            .try_send(&[&header(first, payload.len()), payload].concat());
    }

    /// The stream in frames of this length: one message of its own each, or all of them one message
    /// that does not end.
    fn send_in_frames(&mut self, stream: &[u8], length: usize, is_one_message: bool) {
        let frame = |(number, payload): (usize, &[u8])| {
            let first = match (is_one_message, number) {
                (false, _) => LAST | BINARY,
                (true, 0) => BINARY,
                (true, _) => CONTINUATION,
            };
            [&header(first, payload.len()), payload].concat()
        };
        let frames = stream.chunks(length).enumerate().map(frame);
        let frames: Vec<_> = frames.collect();
        for some in frames.chunks(MIB / length + 1) {
            self.conversation.try_send(&some.concat());
        }
    }
}

/// The header of a frame, with its length in eight bytes.
fn header(first: u8, length: usize) -> Vec<u8> {
    [&[first, 127], &(length as u64).to_be_bytes()[..]].concat()
}

/// A PUBLISH with a payload of this size, and one with a reading.
fn stream(size: usize) -> Vec<u8> {
    // The remaining length, in four bytes.
    let length = [0, 7, 14, 21].map(|shift| {
        let bits = u8::try_from((size + 7) >> shift & 0x7f).unwrap();
        if shift < 21 { bits | 0x80 } else { bits }
    });
    let mut stream = [&b"\x30"[..], &length, b"\x00\x05iot/a"].concat();
    stream.resize(stream.len() + size, b'x');
    stream.extend(b"\x30\x0a\x00\x05iot/z1.5");
    stream
}

/// The most memory that the program has had at once.
fn peak(program: &Running) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().strip_suffix(" kB").unwrap();
    peak.trim().parse::<usize>().unwrap() * 1024
}

/// Lets a broker send, until the program has received the reading behind it.
#[track_caller]
fn case(send: impl FnOnce(&mut Server) + Send + 'static) {
    let peer = ScriptedPeer::listen();
    let url = format!("ws://127.0.0.1:{}", peer.port());
    let options = ["--max-payload", "64K", "-k", "3600", "-t", "iot/#"];
    let program = sub(&["-L", &url, "--store", "sqlite:iot.db"])
        .args(options)
        .spawn();
    let mut server = Server::accept(&peer);
    let sender = thread::spawn(move || {
        send(&mut server);
        server
    });
    program.wait_for_stdout("iot/z");
    let peak = peak(&program);
    assert!(peak < LIMIT, "{} MiB", peak / MIB);
    let server = sender.join().unwrap();
    let totals = interrupt(program);
    assert!(
        totals.contains("received 2, stored 1, rejected 1"),
        "{totals}"
    );
    drop(server);
}

#[test]
fn one_frame_that_is_longer_than_the_memory() {
    case(|server| {
        let stream = stream(150 * MIB);
        // Its end never comes.
        server
            .conversation
            .try_send(&header(LAST | BINARY, 1 << 40));
        server.conversation.try_send(&stream);
    });
}

#[test]
fn a_message_for_each_byte() {
    case(|server| server.send_in_frames(&stream(MIB), 1, false));
}

#[test]
fn a_message_of_continuation_frames_without_an_end() {
    case(|server| server.send_in_frames(&stream(150 * MIB), 16 * 1024, true));
    case(|server| server.send_in_frames(&stream(MIB), 1, true));
}

#[test]
fn empty_continuation_frames() {
    case(|server| {
        server.send(BINARY, b"");
        let empty = header(CONTINUATION, 0).repeat(100_000);
        for _ in 0..20 {
            server.conversation.try_send(&empty);
        }
        server.send(CONTINUATION, &stream(MIB));
    });
}
