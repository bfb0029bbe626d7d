//! Will messages are stored when the broker publishes them.

use testkit::{DEADLINE, eventually};

use crate::client::{Client, Options};
use crate::{Files, ended};

#[test]
fn a_will_is_stored_unless_the_client_disconnects() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let with = |topic| Options {
        will: Some((topic, "1", 0)),
        ..Options::default()
    };
    let (client, _) = Client::connect(port, "a", with("iot/lost"));
    client.peer.close();
    eventually(DEADLINE, "the will", || files.count("iot/lost") == 1);
    let (client, _) = Client::connect(port, "b", with("iot/said"));
    client.disconnect();
    // Taken over by another connection.
    let (_first, _) = Client::connect(port, "c", with("iot/taken"));
    let (second, _) = Client::connect(port, "c", Options::default());
    eventually(DEADLINE, "the will", || files.count("iot/taken") == 1);
    second.disconnect();
    // MQTT 5: DISCONNECT with will.
    let options = Options {
        is_v5: true,
        ..with("iot/wanted")
    };
    let (mut client, _) = Client::connect(port, "d", options);
    client.peer.send(&[0xe0, 1, 4]);
    eventually(DEADLINE, "the will", || files.count("iot/wanted") == 1);
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.count("iot/said"), 0);
}

#[test]
fn a_delayed_will_is_stored_later_and_not_if_the_client_comes_back() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let options = |topic| Options {
        is_v5: true,
        keeps_session: true,
        will: Some((topic, "1", 1)),
        ..Options::default()
    };
    let (client, _) = Client::connect(port, "a", options("iot/back"));
    client.peer.close();
    let (client, _) = Client::connect(port, "a", options("iot/back"));
    let (other, _) = Client::connect(port, "b", options("iot/gone"));
    other.peer.close();
    eventually(DEADLINE, "the will", || files.count("iot/gone") == 1);
    client.disconnect();
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.count("iot/back"), 0);
}
