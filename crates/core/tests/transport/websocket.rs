//! MQTT over WebSocket, and peers that break its rules.

use std::thread::{self, JoinHandle};

use iot_core::ClientConfig;
use iot_core::transport::{TlsOptions, Transport, WebSocket};
use testkit::{Authority, Broker, Conversation, ScriptedPeer};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::*;

fn over(options: WebSocket, port: u16) -> ClientConfig {
    ClientConfig {
        transport: Transport::WebSocket(options),
        ..config(port)
    }
}

fn plain(port: u16) -> ClientConfig {
    over(WebSocket::default(), port)
}

/// Larger than a frame's length in two bytes can say, and than many a broker's buffer.
fn large() -> Vec<u8> {
    (0..65_556_u32).map(|n| n.to_le_bytes()[0]).collect()
}

#[test]
fn carries_each_version_of_mqtt_with_and_without_tls() {
    let authority = Authority::new();
    let broker = Broker::builder()
        .listener("ws", "protocol websockets")
        .tls(
            "wss",
            &authority.server(&["127.0.0.1"]),
            "protocol websockets",
        )
        .start();
    let tls = TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    };
    let tls = tls.load().unwrap();
    for protocol in VERSIONS {
        let ws = ClientConfig {
            protocol,
            ..plain(broker.port_of("ws"))
        };
        carries(ws.clone(), &[b"25.5", b"", &[b'x'; 125], &[b'x'; 126]]);
        let wss = ClientConfig {
            protocol,
            tls: Some(tls.clone()),
            ..plain(broker.port_of("wss"))
        };
        carries(wss.clone(), &[b"25.5", b""]);
        // Once: mosquitto 2.0 takes 1.5 s to take and to send so much, 4 KiB for each 0.1 s.
        let config = if protocol == Protocol::V5 { wss } else { ws };
        carries_at(&[QoS::AtLeastOnce], config, &[&large()]);
    }
}

/// What a server's side of a handshake has been asked, and the rest of its conversation.
struct Server {
    conversation: Conversation,
    request: String,
}

impl Server {
    fn accept(peer: &ScriptedPeer) -> Self {
        let mut conversation = peer.accept();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.extend(conversation.read(1));
        }
        Self {
            conversation,
            request: String::from_utf8(request).unwrap(),
        }
    }

    /// Accepts the WebSocket.
    fn open(&mut self) {
        self.switch(YES);
    }

    /// Switches protocols with these headers; `ACCEPT` in them is the answer to the request's key.
    fn switch(&mut self, headers: &str) {
        let key = self
            .request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
            .unwrap();
        let headers = headers.replace("ACCEPT", &derive_accept_key(key.as_bytes()));
        let answer = format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n");
        self.conversation.send(answer.as_bytes());
    }

    /// Reads one frame of a client: its first byte, and its payload unmasked.
    fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.conversation.read(2);
        assert_eq!(head[1] & 0x80, 0x80, "a client's frames are masked");
        let length = match head[1] & 0x7f {
            126 => {
                let bytes = self.conversation.read(2);
                usize::from(u16::from_be_bytes([bytes[0], bytes[1]]))
            }
            127 => {
                let bytes = self.conversation.read(8);
                usize::try_from(u64::from_be_bytes(bytes.try_into().unwrap())).unwrap()
            }
            short => short.into(),
        };
        let mask = self.conversation.read(4);
        let mut payload = self.conversation.read(length);
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= mask[index % 4];
        }
        (head[0], payload)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.conversation.send(bytes);
    }
}

/// The headers that accept the WebSocket.
const YES: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n\
                   Sec-WebSocket-Protocol: mqtt\r\n";
/// What is held of one message.
const LARGEST_MESSAGE: u64 = 64 * 1024;
const CONNACK: &[u8] = b"\x82\x04\x20\x02\x00\x00";

/// A server on a thread of its own, which says yes and reads CONNECT before `play`.
fn server(play: impl FnOnce(Server) + Send + 'static) -> (u16, JoinHandle<()>) {
    let peer = ScriptedPeer::listen();
    let port = peer.port();
    let played = thread::spawn(move || {
        let mut server = Server::accept(&peer);
        server.open();
        let (first, connect) = server.read_frame();
        assert_eq!((first, connect[0]), (0x82, 0x10));
        play(server);
    });
    (port, played)
}

#[test]
fn path_and_headers_are_as_asked_for() {
    let peer = ScriptedPeer::listen();
    let options = WebSocket {
        path: "/broker?x=1".into(),
        headers: vec![
            ("Authorization".into(), "Bearer abc".into()),
            ("Host".into(), "front.example".into()),
        ],
    };
    let config = over(options, peer.port());
    let asked = thread::spawn(move || {
        let mut server = Server::accept(&peer);
        server.send(b"HTTP/1.1 403 Forbidden\r\n\r\n");
        server.request
    });
    fails_with(
        config,
        "the WebSocket request is answered with 403 Forbidden (--ws-header 'Authorization: …' sends credentials)",
        true,
    );
    let request = asked.join().unwrap();
    assert!(
        request.starts_with("GET /broker?x=1 HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "authorization: Bearer abc",
        "Host: front.example",
        "Sec-WebSocket-Protocol: mqtt",
        "Sec-WebSocket-Version: 13",
        "Upgrade: websocket",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}\r\n")),
            "{line}: {request}"
        );
    }
    assert!(!request.contains("127.0.0.1"), "{request}");
}

#[test]
fn packets_and_frames_need_not_meet() {
    let (port, played) = server(|mut server| {
        // CONNACK one byte a frame, in fragments of one message, with a ping and an empty frame
        // between.
        server.send(b"\x02\x01\x20\x00\x01\x02\x89\x03abc\x00\x00\x00\x01\x00\x80\x01\x00");
        assert_eq!(server.read_frame(), (0x8a, b"abc".to_vec()));
        let (_, subscribe) = server.read_frame();
        assert_eq!(subscribe[0], 0x82);
        // SUBACK, one PUBLISH and a half in one frame; the rest in another one.
        server.send(b"\x82\x0e\x90\x03\x00\x01\x02\x30\x04\x00\x01ta\x30\x04\x00");
        server.send(b"\x82\x03\x01tb");
        let (_, disconnect) = server.read_frame();
        assert_eq!(disconnect, b"\xe0\x00");
        assert_eq!(server.read_frame(), (0x88, vec![0x03, 0xe8]));
        server.send(b"\x88\x02\x03\xe8");
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (mut connection, handle) = subscribed(plain(port)).await;
        for expected in [&b"a"[..], b"b"] {
            match next(&mut connection).await {
                Event::Received { message, .. } => assert_eq!(&message.payload[..], expected),
                other => panic!("{other:?}"),
            }
        }
        handle.disconnect(ReasonCode::SUCCESS).unwrap();
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::Disconnected(Ok(()))), "{event:?}");
    });
    played.join().unwrap();
}

#[test]
fn several_packets_leave_in_one_frame() {
    let (port, played) = server(|mut server| {
        server.send(CONNACK);
        let (_, payload) = server.read_frame();
        // Ten PUBLISH packets of five bytes each.
        assert_eq!(payload, b"\x30\x03\x00\x01t".repeat(10));
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = Connection::new(plain(port)).unwrap();
        let handle = connection.handle();
        next(&mut connection).await;
        for _ in 0..10 {
            handle.publish(message(b"", QoS::AtMostOnce)).unwrap();
        }
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::Disconnected(Err(_))), "{event:?}");
    });
    played.join().unwrap();
}

#[test]
fn what_a_server_may_not_send_ends_the_connection_and_is_named() {
    let not_allowed = |what: &str| format!("the broker sent what WebSocket does not allow: {what}");
    let larger = |size: u64| not_allowed(&format!("message too long: {size} > {LARGEST_MESSAGE}"));
    let ping_of_126_bytes = [&b"\x89\x7e\x00\x7e"[..], &[0; 126]].concat();
    for (frame, close, expected) in [
        (
            &b"\x81\x04\x20\x02\x00\x00"[..],
            1003,
            not_allowed("a text message, and MQTT's are binary"),
        ),
        (
            b"\x80\x01x",
            1002,
            not_allowed("continue frame but nothing to continue"),
        ),
        (
            b"\x02\x00\x82\x00",
            1002,
            not_allowed("while waiting for more fragments received: BINARY"),
        ),
        (
            b"\x82\x84\0\0\0\0\x20\x02\0\0",
            1002,
            not_allowed("received a masked frame from server"),
        ),
        (b"\x92\x00", 1002, not_allowed("reserved bits are non-zero")),
        (
            b"\x8b\x00",
            1002,
            not_allowed("encountered invalid opcode: 11"),
        ),
        (b"\x09\x00", 1002, not_allowed("fragmented control frame")),
        (
            &ping_of_126_bytes,
            1002,
            not_allowed("control frame too big (payload must be 125 bytes or less)"),
        ),
        // Lengths with the highest bit are not allowed, and a text is never held.
        (b"\x82\x7f\xff\0\0\0\0\0\0\0", 1009, larger(0xff << 56)),
        (b"\x81\x7f\0\0\0\0\0\x01\0\x01", 1009, larger(65_537)),
        (
            b"\x88\x09\x03\xf0go\x1baway",
            1008,
            "the broker closed the WebSocket with code 1008: go\u{fffd}away".into(),
        ),
        (
            b"\x88\x06\x03\xf0go\xff\xff",
            1007,
            not_allowed("text that is not UTF-8"),
        ),
        (
            b"\x88\x02\x03\xe9",
            1001,
            "the broker closed the connection".into(),
        ),
        (b"\x82", 0, "the broker closed the connection".into()),
        // A frame that ends before its payload has come.
        (
            b"\x82\x05\x20",
            0,
            "the broker closed the connection".into(),
        ),
    ] {
        let bytes = frame.to_vec();
        let (port, played) = server(move |mut server| {
            server.send(&bytes);
            if close > 0 {
                let (first, payload) = server.read_frame();
                assert_eq!(first, 0x88);
                assert_eq!(u16::from_be_bytes([payload[0], payload[1]]), close);
            }
        });
        fails_with(plain(port), &expected, false);
        played.join().unwrap();
    }
}

/// The frame is longer than any packet, and only the packet in it is judged.
#[test]
fn a_packet_beyond_the_limit_of_mqtt_5_is_refused_before_its_frame_has_arrived() {
    let (port, played) = server(|mut server| {
        // CONNACK, and a PUBLISH of 17 MiB in a frame of 1 GiB.
        server.send(b"\x82\x05\x20\x03\x00\x00\x00");
        server.send(b"\x82\x7f\0\0\0\0\x40\0\0\0\x30\x80\x80\xc0\x08\0\x01t\0");
        let (_, payload) = server.read_frame();
        assert_eq!((payload[0], payload[2]), (0xe0, 0x95), "{payload:02x?}");
    });
    let config = ClientConfig {
        protocol: Protocol::V5,
        maximum_packet_size: 1_000,
        ..plain(port)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = Connection::new(config).unwrap();
        next(&mut connection).await;
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::Disconnected(Err(_))), "{event:?}");
    });
    played.join().unwrap();
}

#[test]
fn a_server_that_does_not_accept_as_it_should_is_left() {
    let extension = format!("{YES}Sec-WebSocket-Extensions: permessage-deflate\r\n");
    for (headers, expected) in [
        (
            &YES.replace(": mqtt", ": chat"),
            "chooses another protocol than `mqtt`",
        ),
        (
            &YES.replace("Sec-WebSocket-Protocol: mqtt\r\n", ""),
            "does not choose the protocol `mqtt`: nobody speaks MQTT at the path `/mqtt` (--ws-path)",
        ),
        (
            &YES.replace("websocket\r", "h2c\r"),
            "does not switch to WebSocket",
        ),
        (
            &YES.replace(": Upgrade", ": close"),
            "does not switch to WebSocket",
        ),
        (
            &YES.replace("ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "has a wrong Sec-WebSocket-Accept",
        ),
        (&extension, "uses an extension that was not offered"),
    ] {
        let peer = ScriptedPeer::listen();
        let port = peer.port();
        let headers = headers.clone();
        let answered = thread::spawn(move || {
            let mut server = Server::accept(&peer);
            server.switch(&headers);
            server.conversation.expect_end();
        });
        let expected = format!("the answer to the WebSocket request {expected}");
        fails_with(plain(port), &expected, true);
        answered.join().unwrap();
    }
}

#[test]
fn answers_that_are_no_websocket_are_bounded_and_named() {
    let endless = format!("HTTP/1.1 101 x\r\na: {}", "b".repeat(1_000_000));
    let many_headers = format!("HTTP/1.1 101 x\r\n{}\r\n", "a: b\r\n".repeat(125));
    let too_many = "the answer to the WebSocket request has too many headers";
    let no_http = "the answer to the WebSocket request is not HTTP (does the broker speak WebSocket on this port?)";
    for (answer, expected, permanent) in [
        (&b"\x20\x02\x00\x00"[..], no_http, true),
        (b"\x00\xff\xfe\x80garbage\r\n\r\n", no_http, true),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!",
            "the WebSocket request is answered with 404 Not Found (is the path `/mqtt` right? --ws-path says another)",
            true,
        ),
        (
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "the WebSocket request is answered with 503 Service Unavailable",
            false,
        ),
        (
            b"HTTP/1.1 429 Slow\r\n\r\n",
            "the WebSocket request is answered with 429 Too Many Requests",
            false,
        ),
        (
            b"HTTP/1.1 401\r\n\r\n",
            "the WebSocket request is answered with 401 Unauthorized (--ws-header 'Authorization: …' sends credentials)",
            true,
        ),
        (
            b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
            "the WebSocket request is answered with 302 Found (it wants to be asked elsewhere)",
            true,
        ),
        (
            b"HTTP/1.1 200 OK\r\n\r\n",
            "the WebSocket request is answered with 200 OK",
            true,
        ),
        (many_headers.as_bytes(), too_many, true),
        (endless.as_bytes(), too_many, true),
        (
            b"HTTP/1.1 101 ",
            "the broker closed the connection during the WebSocket handshake (does it speak WebSocket on this port?)",
            false,
        ),
    ] {
        let peer = ScriptedPeer::listen();
        let port = peer.port();
        let answer = answer.to_vec();
        let answered = thread::spawn(move || {
            let mut server = Server::accept(&peer);
            // The client may hang up before it has read everything.
            server.conversation.try_send(&answer);
        });
        fails_with(plain(port), expected, permanent);
        answered.join().unwrap();
    }
}

#[test]
fn a_broker_without_websocket_is_named() {
    let broker = Broker::start();
    fails_with(
        plain(broker.port()),
        "the broker closed the connection during the WebSocket handshake (does it speak WebSocket on this port?)",
        false,
    );
}
