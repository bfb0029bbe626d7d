//! SUBSCRIBE and UNSUBSCRIBE.

use super::*;

fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

fn subscribe(bench: &mut Bench, text: &str) -> Result<PacketId, Error> {
    let subscription = Subscription::new(filter(text), QoS::AtLeastOnce);
    bench.session.subscribe(vec![subscription])
}

fn answer(number: u16) -> SubscribeAck {
    SubscribeAck {
        id: id(number),
        reasons: vec![ReasonCode(1)],
        properties: None,
    }
}

#[test]
fn each_has_its_id_and_its_answer() {
    let mut bench = Bench::online(v311());
    assert_eq!(subscribe(&mut bench, "a").unwrap(), id(1));
    assert_eq!(bench.session.unsubscribe(vec![filter("b")]).unwrap(), id(2));
    assert_eq!(bench.sent(), ["SUBSCRIBE #1 a", "UNSUBSCRIBE #2 b"]);
    bench.take(Incoming::UnsubAck(answer(2))).unwrap();
    bench.take(Incoming::SubAck(answer(1))).unwrap();
    assert_eq!(bench.told(), ["unsubscribed #2", "subscribed #1"]);
}

#[test]
fn an_answer_of_the_other_kind_or_to_nothing_is_not_told() {
    let mut bench = Bench::online(v311());
    subscribe(&mut bench, "a").unwrap();
    bench.publish(1, "1");
    bench.take(Incoming::UnsubAck(answer(1))).unwrap();
    bench.take(Incoming::SubAck(answer(2))).unwrap();
    bench.take(Incoming::SubAck(answer(3))).unwrap();
    assert_eq!(bench.told(), NOTHING);
    bench.take(Incoming::SubAck(answer(1))).unwrap();
    bench.take(Incoming::SubAck(answer(1))).unwrap();
    assert_eq!(bench.told(), ["subscribed #1"]);
}

#[test]
fn they_need_a_connection_and_a_filter() {
    let mut bench = Bench::offline(v311());
    assert!(matches!(
        subscribe(&mut bench, "a"),
        Err(Error::NotConnected)
    ));
    bench.connect(false);
    assert!(matches!(
        bench.session.subscribe(Vec::new()),
        Err(Error::NoFilter)
    ));
    assert!(matches!(
        bench.session.unsubscribe(Vec::new()),
        Err(Error::NoFilter)
    ));
    assert_eq!(bench.sent(), NOTHING);
}

#[test]
fn they_are_not_made_again_on_the_next_connection_and_their_ids_are_free() {
    let mut bench = Bench::online(v311());
    bench.publish(1, "1");
    subscribe(&mut bench, "a").unwrap();
    bench.sent();
    bench.reconnect(true);
    assert_eq!(bench.sent(), ["PUBLISH q1 #1 dup t=1"]);
    bench.take(Incoming::SubAck(answer(2))).unwrap();
    assert_eq!(bench.told(), NOTHING);
    for _ in 0..65_533 {
        let number = bench.publish(1, "x").unwrap();
        bench.puback(1);
        bench.puback(number);
    }
}
