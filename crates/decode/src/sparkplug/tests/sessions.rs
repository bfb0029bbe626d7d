use chrono::TimeDelta;
use iot_sparkplug::{DataType, Metric, Payload, bd_seq_metric};

use super::host::{Host, SENT, birth, by_alias, double, is_rebirth_requested, lines, payload};
use crate::decoded::Decoded;
use crate::reason::Reason;
use crate::sparkplug::Sparkplug;
use crate::sparkplug::names::NAME;
use crate::state::KeepsState as _;

#[test]
fn birth_and_data_are_one_series() {
    let mut host = Host::new();
    let decoded = host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    assert_eq!(
        lines(&decoded),
        ["g/n#online=true", "g/n#temp=20.0 °C", "g/n#level=-1.0"]
    );
    let facts = &decoded.series[0];
    assert_eq!(facts.metric.as_deref(), Some("temp"));
    assert_eq!(facts.unit.as_deref(), Some("°C"));
    let decoded = host.take("spBv1.0/g/DBIRTH/n/d", &birth(1, None));
    assert_eq!(
        lines(&decoded),
        [
            "g/n/d#online=true",
            "g/n/d#temp=20.0 °C",
            "g/n/d#level=-1.0"
        ]
    );

    let data = vec![
        by_alias(2, iot_sparkplug::MetricValue::Int(0x80)),
        by_alias(1, double(21.5)),
    ];
    let decoded = host.take("spBv1.0/g/DDATA/n/d", &payload(2, data));
    assert_eq!(
        lines(&decoded),
        ["g/n/d#level=-128.0", "g/n/d#temp=21.5 °C"]
    );
    assert_eq!(decoded.rejection, None);
    assert!(!is_rebirth_requested(&decoded));
    let time = decoded.readings[0].time.unwrap();
    assert_eq!(time.timestamp_millis(), 1_790_000_000_002);

    // By name, with a time of its own, from a node that was away.
    let mut late = Metric::new("temp", DataType::Double, double(19.0));
    late.timestamp = Some(SENT - 1000);
    late.is_historical = Some(true);
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(3, vec![late]));
    assert_eq!(lines(&decoded), ["g/n#temp=19.0 °C"]);
    assert_eq!(
        decoded.readings[0].time.unwrap().timestamp_millis(),
        1_789_999_999_000
    );
}

#[test]
fn a_lost_message_requests_a_rebirth_every_five_seconds() {
    let mut host = Host::new();
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    let data = |seq| payload(seq, vec![by_alias(1, double(1.0))]);
    assert!(!is_rebirth_requested(
        &host.take("spBv1.0/g/NDATA/n", &data(1))
    ));
    // 2 is lost. What arrives is stored all the same.
    let decoded = host.take("spBv1.0/g/NDATA/n", &data(3));
    assert!(is_rebirth_requested(&decoded));
    assert_eq!(lines(&decoded), ["g/n#temp=1.0 °C"]);
    assert!(!is_rebirth_requested(
        &host.take("spBv1.0/g/NDATA/n", &data(9))
    ));
    host.now += TimeDelta::seconds(5);
    assert!(is_rebirth_requested(
        &host.take("spBv1.0/g/NDATA/n", &data(20))
    ));
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    assert!(!is_rebirth_requested(
        &host.take("spBv1.0/g/NDATA/n", &data(1))
    ));
}

#[test]
fn without_a_birth_only_names_are_stored() {
    let mut host = Host::new();
    let decoded = host.take(
        "spBv1.0/g/NDATA/n",
        &payload(5, vec![by_alias(7, double(1.0))]),
    );
    assert_eq!(lines(&decoded), [""; 0]);
    let reason = decoded.rejection.clone().unwrap().to_string();
    assert_eq!(
        reason,
        "not sparkplug: alias 7 of g/n is unknown until its next BIRTH"
    );
    assert!(is_rebirth_requested(&decoded));

    let name = Metric::new("a", DataType::Double, double(2.0));
    let data = payload(6, vec![by_alias(7, double(1.0)), name]);
    let decoded = host.take("spBv1.0/g/DDATA/n/d", &data);
    assert_eq!(lines(&decoded), ["g/n/d#a=2.0"]);
    assert!(decoded.rejection.is_some());
    assert!(!is_rebirth_requested(&decoded));
}

#[test]
fn a_device_without_a_birth_requests_one_of_its_node() {
    let mut host = Host::new();
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    let name = Metric::new("a", DataType::Double, double(2.0));
    let decoded = host.take("spBv1.0/g/DDATA/n/d", &payload(1, vec![name]));
    assert_eq!(lines(&decoded), ["g/n/d#a=2.0"]);
    assert!(is_rebirth_requested(&decoded));
}

#[test]
fn death_says_offline_for_the_node_and_its_devices() {
    let mut host = Host::new();
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(3)));
    host.take("spBv1.0/g/DBIRTH/n/d", &birth(1, None));
    host.take("spBv1.0/g/DBIRTH/n/e", &birth(2, None));
    let decoded = host.take("spBv1.0/g/DDEATH/n/e", &payload(3, Vec::new()));
    assert_eq!(lines(&decoded), ["g/n/e#online=false"]);
    let death = |number| Payload {
        timestamp: Some(1),
        metrics: vec![bd_seq_metric(number)],
        ..Payload::default()
    };
    // The will of an earlier session comes late.
    assert_eq!(lines(&host.take("spBv1.0/g/NDEATH/n", &death(2))), [""; 0]);
    let decoded = host.take("spBv1.0/g/NDEATH/n", &death(3));
    assert_eq!(lines(&decoded), ["g/n#online=false", "g/n/d#online=false"]);
    // The will was written at the beginning of the session.
    assert_eq!(decoded.readings[0].time, None);
    assert_eq!(host.state, []);
    let decoded = host.take(
        "spBv1.0/g/NDATA/n",
        &payload(4, vec![by_alias(1, double(1.0))]),
    );
    assert!(is_rebirth_requested(&decoded));
}

#[test]
fn a_restart_forgets_nothing() {
    let mut host = Host::new();
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    host.take("spBv1.0/g/DBIRTH/n/d", &birth(1, None));
    let data = |seq| payload(seq, vec![by_alias(1, double(1.0))]);
    host.take("spBv1.0/g/DDATA/n/d", &data(2));
    host.restart();
    let decoded = host.take("spBv1.0/g/DDATA/n/d", &data(3));
    assert_eq!(lines(&decoded), ["g/n/d#temp=1.0 °C"]);
    assert!(!is_rebirth_requested(&decoded));
    host.restart();
    // A message was lost while the program was away.
    assert!(is_rebirth_requested(
        &host.take("spBv1.0/g/DDATA/n/d", &data(5))
    ));
    host.decoder.restore("other:node:g/n", b"");
    host.decoder.restore("sparkplug:table:g/n", b"\xff");
    host.decoder.restore("sparkplug:node:g", b"");
}

#[test]
fn a_session_whose_birth_was_missed_uses_no_old_alias() {
    let mut host = Host::new();
    host.take("spBv1.0/g/NBIRTH/n", &birth(0, Some(0)));
    for seq in 1..100 {
        host.take(
            "spBv1.0/g/NDATA/n",
            &payload(seq, vec![by_alias(1, double(1.0))]),
        );
    }
    let mut data = payload(3, vec![by_alias(1, double(1.0))]);
    data.timestamp = Some(SENT + 1000);
    let decoded = host.take("spBv1.0/g/NDATA/n", &data);
    assert_eq!(lines(&decoded), [""; 0]);
    assert!(decoded.rejection.is_some() && is_rebirth_requested(&decoded));
}

#[test]
fn what_is_remembered_is_limited() {
    const LIMIT: usize = 64 << 10;
    let mut host = Host::new();
    host.decoder = Sparkplug::with_limit(LIMIT);
    for node in 0..2000 {
        let births = host.take(&format!("spBv1.0/g/NBIRTH/n{node}"), &birth(0, None));
        assert!(births.rejection.is_none());
    }
    let kept = host.decoder.nodes.len();
    assert!((20..400).contains(&kept), "{kept}");
    // The state is that of the nodes that are remembered.
    assert_eq!(host.state.len(), 2 * kept);
    for device in 0..2000 {
        let topic = format!("spBv1.0/g/DBIRTH/n1999/d{device}");
        host.take(&topic, &birth(device % 256, None));
    }
    assert!(host.state.len() < 1000, "{}", host.state.len());
}

#[test]
fn state_of_hosts() {
    let mut host = Host::new();
    for (topic, payload, expected) in [
        (
            "spBv1.0/STATE/scada",
            r#"{"online": true, "timestamp": 1790000000000}"#,
            "#online=true",
        ),
        (
            "spBv1.0/STATE/scada",
            r#"{"online":false}"#,
            "#online=false",
        ),
        ("STATE/scada", "ONLINE", "#online=true"),
        ("spBv1.0/g/STATE/scada", "OFFLINE", "#online=false"),
    ] {
        let decoded = host.decode(topic, payload.as_bytes()).unwrap();
        assert_eq!(lines(&decoded), [expected]);
    }
    let decoded = host.decode(
        "spBv1.0/STATE/a",
        br#"{"online":true,"timestamp":1790000000000}"#,
    );
    let time = decoded.unwrap().readings[0].time.unwrap();
    assert_eq!(time.timestamp_millis(), 1_790_000_000_000);
    for payload in ["", "up", "{}", "[1", "{\"online\":1}", "\u{0}"] {
        assert!(
            host.decode("STATE/scada", payload.as_bytes()).is_err(),
            "{payload}"
        );
    }
}

#[test]
fn commands_are_no_readings_and_other_things_are_refused() {
    let mut host = Host::new();
    let command = iot_sparkplug::rebirth_request(1);
    for topic in ["spBv1.0/g/NCMD/n", "spBv1.0/g/DCMD/n/d"] {
        let decoded = host.take(topic, &command);
        assert_eq!(decoded, Decoded::new(NAME));
    }
    assert!(host.decode("iot/a", b"1").is_err());
    assert!(host.decode("spBv1.0/g/NDATA/n", b"hello").is_err());
    assert!(Sparkplug::knows("spBv1.0/g/NDATA/n") && !Sparkplug::knows("STATE/a"));
    let long = Metric::new(&"n".repeat(1025), DataType::Double, double(1.0));
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, vec![long]));
    assert_eq!(decoded.rejection, Some(Reason::LongMetric));
}

#[test]
fn no_bytes_are_a_panic() {
    // Changed copies of messages that have everything, some thousand of them.
    let mut host = Host::new();
    let bytes = birth(0, Some(1)).to_bytes();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for _ in 0..20_000 {
        let mut changed = bytes.clone();
        for _ in 0..=random(4) {
            let at = random(changed.len());
            changed[at] = u8::try_from(random(256)).unwrap();
        }
        changed.truncate(random(bytes.len() + 1));
        let topic = [
            "NBIRTH/n",
            "NDATA/n",
            "DBIRTH/n/d",
            "DDATA/n/d",
            "NDEATH/n",
            "DDEATH/n/d",
        ];
        let topic = format!("spBv1.0/g/{}", topic[random(topic.len())]);
        let _ = host.decode(&topic, &changed);
    }
    assert!(host.decoder.nodes.len() <= 1);
}
