//! Unix sockets, SOCKS5 proxies, and what all transports share: reconnecting.

use std::thread;

use iot_core::ClientConfig;
use iot_core::transport::{Proxy, TlsOptions, Transport, WebSocket};
use testkit::{Authority, Broker, FaultyNet, ScriptedPeer, SocksProxy};

use super::*;

fn through(url: &str, config: ClientConfig) -> ClientConfig {
    ClientConfig {
        proxy: Some(url.parse().unwrap()),
        ..config
    }
}

fn unix(path: std::path::PathBuf) -> ClientConfig {
    ClientConfig {
        transport: Transport::Unix(path),
        ..config(0)
    }
}

#[test]
fn carries_each_version_of_mqtt_over_a_unix_socket() {
    let broker = Broker::builder().unix_socket().start();
    for protocol in VERSIONS {
        let config = ClientConfig {
            protocol,
            ..unix(broker.socket())
        };
        carries(config, &[b"25.5", &vec![b'x'; 300_000]]);
    }
}

#[test]
fn a_unix_socket_that_is_not_there_is_named_by_its_path() {
    let error = fails(unix("/no/such/socket".into()));
    assert_eq!(
        error.to_string(),
        "cannot connect to broker `/no/such/socket`: no such file or directory"
    );
    assert!(!error.is_permanent());
}

#[test]
fn a_unix_socket_excludes_what_belongs_to_networks() {
    let refused = |config: ClientConfig| config.checked().unwrap_err().to_string();
    let socket = || unix("/run/socket".into());
    let proxied = ClientConfig {
        proxy: Some(Proxy::new("proxy", 1080)),
        ..socket()
    };
    assert_eq!(refused(proxied), "a Unix socket is reached without a proxy");
    let bound = ClientConfig {
        bind_address: Some([127, 0, 0, 1].into()),
        ..socket()
    };
    assert_eq!(
        refused(bound),
        "a Unix socket is reached without a local address"
    );
    let authority = Authority::new();
    let tls = TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    };
    let secured = ClientConfig {
        tls: Some(tls.load().unwrap()),
        ..socket()
    };
    assert_eq!(
        refused(secured),
        "a Unix socket stays on this machine: it is used without TLS"
    );
}

#[test]
fn carries_each_version_of_mqtt_through_a_proxy() {
    let broker = Broker::builder().listener_on("six", "::1", "").start();
    let (port, six) = (broker.port(), broker.port_of("six"));
    for (proxy, user) in [
        (SocksProxy::start(), ""),
        (SocksProxy::with_password("ada", "p:w@"), "ada:p%3Aw%40@"),
        (SocksProxy::on_ipv6(None), ""),
        (SocksProxy::on_ipv6(Some(("ada", "pw"))), "ada:pw@"),
    ] {
        for protocol in VERSIONS {
            let config = ClientConfig {
                protocol,
                ..through(&proxy.url_as(user), config(port))
            };
            carries(config, &[b"25.5", &vec![b'x'; 300_000]]);
        }
        let to_six = ClientConfig {
            host: "::1".into(),
            ..through(&proxy.url_as(user), config(six))
        };
        carries(to_six, &[b"25.5"]);
        let by_name = ClientConfig {
            host: "localhost".into(),
            ..through(&proxy.url_as(user), config(port))
        };
        carries(by_name, &[b"25.5"]);
        // The proxy resolves the name.
        let four = format!("ipv4 127.0.0.1:{port}");
        let asked = proxy.asked();
        assert_eq!(asked[..3], [four.clone(), four.clone(), four]);
        assert_eq!(
            asked[3..],
            [format!("ipv6 ::1:{six}"), format!("name localhost:{port}")]
        );
    }
}

#[test]
fn a_proxy_that_refuses_its_client_is_named() {
    let broker = Broker::start();
    let proxy = SocksProxy::with_password("ada", "right");
    let address = proxy.url().replace("socks5h://", "");
    for (user, why) in [
        (
            "",
            "it wants a user name and a password (socks5h://USER:PASSWORD@HOST)",
        ),
        ("ada:wrong@", "it refuses user name and password"),
        ("eve:right@", "it refuses user name and password"),
    ] {
        let config = through(&proxy.url_as(user), config(broker.port()));
        fails_with(config, &format!("proxy `{address}`: {why}"), true);
    }
}

#[test]
fn a_proxy_that_cannot_reach_the_broker_is_named() {
    let broker = Broker::reserve();
    let proxy = SocksProxy::start();
    fails_with(
        through(&proxy.url(), config(broker.port())),
        "the broker refused its connection (is a broker running there?)",
        false,
    );
    let away = format!("socks5h://127.0.0.1:{}", broker.port());
    fails_with(
        through(&away, config(1883)),
        &format!(
            "proxy `127.0.0.1:{}`: connection refused (is the proxy running there?)",
            broker.port()
        ),
        false,
    );
}

#[test]
fn replies_that_are_no_socks_are_bounded_and_named() {
    for (replies, expected, permanent) in [
        (
            &[&b"HTTP/1.1 400\r\n"[..]][..],
            "it does not speak SOCKS5",
            true,
        ),
        (&[b"\x04\x5b"], "it does not speak SOCKS5", true),
        (&[b"\x05\x01"], "its answer is not one of SOCKS5", true),
        (
            &[b"\x05\x02"],
            "it asks for a password without having been offered one",
            true,
        ),
        (
            &[b"\x05"],
            "it closed the connection (does it speak SOCKS5 there?)",
            false,
        ),
        (
            &[b"\x05\x00", b"\x05\x02\x00\x01"],
            "its rules forbid the connection to the broker",
            true,
        ),
        (
            &[b"\x05\x00", b"\x05\x63\x00\x01"],
            "its answer is not one of SOCKS5",
            true,
        ),
        (
            &[b"\x05\x00", b"\x05\x00\x00\x09"],
            "its answer is not one of SOCKS5",
            true,
        ),
        (
            &[b"\x05\x00", b"\x05\x01\x00\x01"],
            "it failed to connect to the broker",
            false,
        ),
        (
            &[b"\x05\x00", b"\x05\x00\x00\x03\xffshort"],
            "it closed the connection (does it speak SOCKS5 there?)",
            false,
        ),
    ] {
        let peer = ScriptedPeer::listen();
        let url = format!("socks5h://127.0.0.1:{}", peer.port());
        let replies: Vec<_> = replies.iter().map(|reply| reply.to_vec()).collect();
        let played = thread::spawn(move || {
            let mut proxy = peer.accept();
            proxy.expect(b"\x05\x01\x00");
            for (number, reply) in replies.iter().enumerate() {
                if number > 0 {
                    proxy.expect(b"\x05\x01\x00\x01\x7f\x00\x00\x01\x07\x5b");
                }
                proxy.send(reply);
            }
        });
        fails_with(through(&url, config(1883)), expected, permanent);
        played.join().unwrap();
    }
}

#[test]
fn tls_and_websocket_go_through_a_proxy() {
    let authority = Authority::new();
    let broker = Broker::builder()
        .tls(
            "wss",
            &authority.server(&["localhost"]),
            "protocol websockets",
        )
        .start();
    let proxy = SocksProxy::start();
    let tls = TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    };
    let config = ClientConfig {
        host: "localhost".into(),
        transport: Transport::WebSocket(WebSocket::default()),
        tls: Some(tls.load().unwrap()),
        ..through(&proxy.url(), config(broker.port_of("wss")))
    };
    carries(config, &[b"25.5"]);
    assert_eq!(
        proxy.asked(),
        [format!("name localhost:{}", broker.port_of("wss"))]
    );
}

/// What was accepted for QoS 1 arrives however often the connection is cut in between.
#[test]
fn each_transport_connects_again() {
    let authority = Authority::new();
    let pair = authority.server(&["127.0.0.1"]);
    let broker = Broker::builder()
        .listener("ws", "protocol websockets")
        .tls("tls", &pair, "")
        .tls("wss", &pair, "protocol websockets")
        .start();
    let tls = TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    };
    let tls = tls.load().unwrap();
    let socks = SocksProxy::start();
    for (name, is_tls, is_ws, is_proxied) in [
        ("ws", false, true, false),
        ("tls", true, false, false),
        ("wss", true, true, false),
        ("tls", true, false, true),
    ] {
        let net = FaultyNet::to(broker.port_of(name));
        let mut config = ClientConfig {
            clean_session: false,
            client_id: format!("{name}-{is_proxied}"),
            ..config(net.port())
        };
        if is_tls {
            config.tls = Some(tls.clone());
        }
        if is_ws {
            config.transport = Transport::WebSocket(WebSocket::default());
        }
        if is_proxied {
            config = through(&socks.url(), config);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (mut connection, handle) = subscribed(config).await;
            let mut received = 0;
            let mut connected = 1;
            for number in 0..3_u8 {
                handle
                    .publish(message(&[number; 5_000], QoS::AtLeastOnce))
                    .unwrap();
            }
            net.cut();
            while received < 3 || connected < 2 {
                match next(&mut connection).await {
                    Event::Received { .. } => received += 1,
                    Event::Connected(_) => connected += 1,
                    _ => {}
                }
            }
        });
        assert!(net.connections() >= 2);
    }
}
