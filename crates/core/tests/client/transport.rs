//! Paho's calls for TLS, WebSocket and proxies.

use iot_core::transport::{TlsOptions, WebSocket};
use testkit::{Authority, SocksProxy};

use super::*;

#[test]
fn tls_is_set_and_the_name_left_unchecked_on_request() {
    let authority = Authority::new();
    let broker = Broker::builder()
        .tls("tls", &authority.server(&["elsewhere"]), "")
        .start();
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    assert_eq!(
        client.tls_insecure_set(true).unwrap_err().to_string(),
        "tls_insecure_set changes what tls_set has set up: call that first"
    );
    let missing = TlsOptions {
        cafile: Some("no-such-file".into()),
        ..TlsOptions::default()
    };
    assert_eq!(client.tls_set(&missing).unwrap_err().rc(), 8);
    client
        .tls_set(&TlsOptions {
            cafile: Some(authority.path()),
            ..TlsOptions::default()
        })
        .unwrap();
    let port = broker.port_of("tls");
    let connect = || client.connect("127.0.0.1", port, Duration::from_secs(60), None);
    let error = connect().unwrap_err();
    assert!(error.is_permanent(), "{error}");
    client.tls_insecure_set(true).unwrap();
    connect().unwrap();
    client.loop_start().unwrap();
    watched.connect_seen();
    client.disconnect().unwrap();
}

#[test]
fn websocket_and_proxy_are_set() {
    let broker = Broker::builder()
        .listener("ws", "protocol websockets")
        .start();
    let proxy = SocksProxy::with_password("ada", "pw");
    let watched = Watched::new(config("a"));
    let client = &watched.client;
    let wrong = WebSocket {
        path: "no slash".into(),
        ..WebSocket::default()
    };
    assert!(matches!(
        client.ws_set_options(wrong),
        Err(Error::Config(_))
    ));
    client.ws_set_options(WebSocket::default()).unwrap();
    let url = proxy.url_as("ada:pw@");
    client.proxy_set(Some(url.parse().unwrap())).unwrap();
    watched.connect(broker.port_of("ws"));
    client.loop_start().unwrap();
    watched.connect_seen();
    assert_eq!(proxy.asked().len(), 1);
    client.disconnect().unwrap();
}
