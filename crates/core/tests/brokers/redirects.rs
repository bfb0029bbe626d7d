//! MQTT 5's server references.

use iot_core::Protocol;

use super::*;

/// A packet whose only property is a server reference.
fn with_reference(first: &[u8], reference: &str) -> Vec<u8> {
    let length = u8::try_from(reference.len()).unwrap();
    let properties = [&[0x1c, 0, length][..], reference.as_bytes()].concat();
    let property_length = u8::try_from(properties.len()).unwrap();
    let rest = [&first[1..], &[property_length], &properties[..]].concat();
    [&[first[0], u8::try_from(rest.len()).unwrap()][..], &rest].concat()
}

fn following(port: u16) -> ClientConfig {
    ClientConfig {
        protocol: Protocol::V5,
        follow_redirects: true,
        ..config(&[port])
    }
}

const ACCEPTED: &[u8] = b"\x20\x03\x00\x00\x00";

#[tokio::test]
async fn connack_and_disconnect_lead_to_another_broker() {
    let [a, b, c] = [(); 3].map(|()| ScriptedPeer::listen());
    let mut connection = Connection::new(following(a.port())).unwrap();
    let (_, events) = beside(&mut connection, move || {
        let refusal = with_reference(b"\x20\x00\x9c", &format!("{HOST}:{}", b.port()));
        connack(&a, &refusal).expect_end();
        let mut broker = connack(&b, ACCEPTED);
        broker.send(&with_reference(
            b"\xe0\x9d",
            &format!("{HOST}:{}", c.port()),
        ));
        broker.expect_end();
        connack(&c, ACCEPTED)
    })
    .await;
    let connected = { events.iter() }.filter(|it| matches!(it, Event::Connected(_)));
    assert!(connected.count() >= 1, "{events:?}");
}

#[tokio::test]
async fn a_reference_is_not_followed_unless_that_is_on() {
    let (a, b) = (ScriptedPeer::listen(), ScriptedPeer::listen());
    let config = ClientConfig {
        follow_redirects: false,
        ..following(a.port())
    };
    let mut connection = Connection::new(config).unwrap();
    let refusal = with_reference(b"\x20\x00\x9c", &format!("{HOST}:{}", b.port()));
    let handle = connection.handle();
    let ((), mut events) =
        beside(&mut connection, move || connack(&a, &refusal).expect_end()).await;
    while !events
        .iter()
        .any(|event| matches!(event, Event::Disconnected(_)))
    {
        events.push(next(&mut connection).await);
    }
    assert!(!handle.tries_another_broker());
}
