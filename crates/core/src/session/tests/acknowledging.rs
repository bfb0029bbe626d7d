//! Reason codes and properties of PUBACK and PUBREC, both ways (MQTT 5 §3.4, §3.5).

use super::*;

#[test]
fn reason_and_properties_of_the_broker_s_answer_are_reported() {
    for qos in [1, 2] {
        let mut bench = Bench::online(v5());
        bench.publish(qos, "1");
        bench.publish(qos, "2");
        bench.sent();
        let refusal = Ack {
            properties: Some(Box::new(text("no"))),
            ..Ack::with_reason(id(1), ReasonCode(0x97))
        };
        let packet = match qos {
            1 => Incoming::PubAck(refusal),
            _ => Incoming::PubRec(refusal),
        };
        bench.handle(packet).unwrap();
        let Some(Event::Published {
            result: Err(error),
            properties,
            ..
        }) = bench.session.poll_event()
        else {
            panic!("not reported");
        };
        assert_eq!(
            error.to_string(),
            "the broker rejects the message: quota exceeded (no)"
        );
        assert_eq!(error.rc(), 0x97);
        assert_eq!(properties, Some(Box::new(text("no"))));
        let taken = Ack {
            properties: Some(Box::new(user())),
            ..Ack::with_reason(id(2), ReasonCode(if qos == 1 { 0x10 } else { 0 }))
        };
        let packet = if qos == 1 {
            Incoming::PubAck(taken)
        } else {
            bench.pubrec(2);
            Incoming::PubComp(taken)
        };
        bench.handle(packet).unwrap();
        let Some(Event::Published {
            result: Ok(reason),
            properties,
            ..
        }) = bench.session.poll_event()
        else {
            panic!("not reported");
        };
        assert_eq!(reason.0, if qos == 1 { 0x10 } else { 0 });
        assert_eq!(properties, Some(Box::new(user())));
    }
}

fn ack_of(bench: &mut Bench) -> Ack {
    match bench.session.poll_transmit(bench.now) {
        Some(Outgoing::PubAck(ack) | Outgoing::PubRec(ack)) => ack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn acknowledgements_with_reason_and_properties_keep_the_order() {
    let mut bench = Bench::online(manual(v5()));
    let first = bench.arrival(1, 1, "1");
    let second = bench.arrival(1, 2, "2");
    let reason = ReasonCode(0x99);
    let refusal = AckRequest::new(&second, reason, Some(text("not a number")));
    bench.session.ack(refusal.unwrap());
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&first);
    assert_eq!(ack_of(&mut bench), Ack::success(id(1)));
    assert_eq!(
        ack_of(&mut bench),
        Ack {
            properties: Some(Box::new(text("not a number"))),
            ..Ack::with_reason(id(2), reason)
        }
    );
}

#[test]
fn refusing_a_qos_2_message_frees_its_packet_identifier() {
    let mut bench = Bench::online(manual(ClientConfig {
        receive_maximum: 1,
        ..v5()
    }));
    for payload in ["1", "2"] {
        let token = bench.arrival(2, 7, payload);
        let reason = ReasonCode(0x97);
        bench
            .session
            .ack(AckRequest::new(&token, reason, None).unwrap());
        assert_eq!(bench.sent(), ["PUBREC #7 quota exceeded"]);
    }
    bench.pubrel(7);
    assert_eq!(bench.sent(), ["PUBCOMP #7 packet identifier not found"]);
}

#[test]
fn an_acknowledgement_that_is_too_large_is_sent_without_properties() {
    let mut bench = Bench::offline(manual(v5()));
    bench.connect_given(Properties {
        maximum_packet_size: Some(20),
        ..Properties::default()
    });
    let token = bench.arrival(1, 1, "1");
    let properties = text(&"x".repeat(20));
    let reason = ReasonCode(0x80);
    bench
        .session
        .ack(AckRequest::new(&token, reason, Some(properties)).unwrap());
    assert_eq!(ack_of(&mut bench), Ack::with_reason(id(1), reason));
}

#[test]
fn only_reason_codes_of_puback_are_accepted_and_mqtt_3_1_1_sends_none() {
    let mut bench = Bench::online(manual(v5()));
    let token = bench.arrival(1, 1, "1");
    config_error(
        AckRequest::new(&token, ReasonCode(0x8b), None),
        "a message is not acknowledged with `server shutting down`",
    );
    let mut bench = Bench::online(manual(v311()));
    let token = bench.arrival(2, 1, "1");
    let refusal = AckRequest::new(&token, ReasonCode(0x80), None);
    bench.session.ack(refusal.unwrap());
    assert_eq!(bench.sent(), ["PUBREC #1"]);
}

#[test]
fn manual_acknowledgement_can_be_switched() {
    let mut bench = Bench::online(v5());
    bench.session.set_manual_ack(true);
    let token = bench.arrival(1, 1, "1");
    bench.session.acknowledge_taken();
    assert_eq!(bench.sent(), NOTHING);
    bench.session.set_manual_ack(false);
    bench.receive(publish(1, 2, "2")).unwrap();
    assert_eq!(bench.events_acknowledged(), ["message q1 #2 t=2"]);
    // In the order of arrival.
    assert_eq!(bench.sent(), NOTHING);
    bench.session.ack(&token);
    assert_eq!(bench.sent(), ["PUBACK #1", "PUBACK #2"]);
}
