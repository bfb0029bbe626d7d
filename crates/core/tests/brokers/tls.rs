//! TLS checks each broker's certificate for that broker's own name.

use iot_core::transport::TlsOptions;
use testkit::Authority;

use super::*;

#[tokio::test]
async fn each_broker_s_certificate_is_checked_for_its_own_name() {
    let authority = Authority::new();
    let pair = authority.server(&["localhost"]);
    let broker = Broker::builder().tls("tls", &pair, "").start();
    let options = TlsOptions {
        cafile: Some(authority.path()),
        ..TlsOptions::default()
    };
    let tls = Some(options.load().unwrap());
    let port = broker.port_of("tls");
    let named = BrokerAddress {
        tls: tls.clone(),
        ..BrokerAddress::new("localhost", port)
    };
    let config = ClientConfig {
        tls,
        brokers: vec![named],
        ..config(&[port])
    };
    let mut connection = Connection::new(config).unwrap();
    let event = next(&mut connection).await;
    let Event::ConnectFailed(error) = event else {
        panic!("{event:?}");
    };
    assert!(error.to_string().contains("127.0.0.1"), "{error}");
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Connected(_)), "{event:?}");
}
