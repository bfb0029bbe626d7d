use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use iot_sparkplug::{
    Array, DataSet, DataSetValue, DataType, Metric, MetricValue, Parameter, ParameterValue,
    Payload, Row, Scalar, Template, asks_for_rebirth, bd_seq_metric, read_payload,
};
use iot_store::Value;
use serde_json::json;

use super::*;
use crate::decoded::Measured;
use crate::request::Request;
use crate::state::StateChange;

const SENT: u64 = 1_790_000_000_000;

/// A host that decodes, and keeps the state as a program does.
struct Host {
    decoder: Sparkplug,
    state: Vec<StateChange>,
    now: DateTime<Utc>,
}

impl Host {
    fn new() -> Self {
        Self {
            decoder: Sparkplug::default(),
            state: Vec::new(),
            now: DateTime::from_timestamp_millis(1_790_000_000_500).unwrap(),
        }
    }

    fn decode(&mut self, topic: &str, payload: &[u8]) -> Result<Decoded, Reason> {
        let payload = Bytes::copy_from_slice(payload);
        let decoded = self
            .decoder
            .decode(&Message::new(topic, &payload, self.now))?;
        for change in &decoded.state {
            self.state.retain(|it| it.key != change.key);
            self.state
                .extend(change.value.is_some().then(|| change.clone()));
        }
        Ok(decoded)
    }

    #[track_caller]
    fn take(&mut self, topic: &str, payload: &Payload) -> Decoded {
        self.decode(topic, &payload.to_bytes()).unwrap()
    }

    fn restart(&mut self) {
        self.decoder = Sparkplug::default();
        for StateChange { key, value } in &self.state {
            self.decoder.restore(key, value.as_ref().unwrap());
        }
    }
}

fn payload(seq: u64, metrics: Vec<Metric>) -> Payload {
    Payload {
        timestamp: Some(SENT + seq),
        metrics,
        seq: Some(seq),
        ..Payload::default()
    }
}

fn named(name: &str, alias: u64, data_type: DataType, value: MetricValue) -> Metric {
    Metric {
        alias: Some(alias),
        ..Metric::new(name, data_type, value)
    }
}

fn by_alias(alias: u64, value: MetricValue) -> Metric {
    Metric {
        alias: Some(alias),
        value: Some(value),
        ..Metric::default()
    }
}

fn double(number: f64) -> MetricValue {
    MetricValue::Double(number)
}

/// A BIRTH with the metric `temp` (alias 1, °C) and, as alias 2, the byte `level`.
fn birth(seq: u64, bd_seq: Option<u64>) -> Payload {
    let mut temp = named("temp", 1, DataType::Double, double(20.0));
    temp.set_text_property("engUnit", "°C");
    let level = named("level", 2, DataType::Int8, MetricValue::Int(0xFF));
    let control = Metric::new(
        "Node Control/Rebirth",
        DataType::Boolean,
        MetricValue::Boolean(false),
    );
    let metrics = bd_seq.map(bd_seq_metric).into_iter();
    payload(seq, metrics.chain([control, temp, level]).collect())
}

/// Each reading as `TOPIC#METRIC=VALUE UNIT`.
fn lines(decoded: &Decoded) -> Vec<String> {
    let line = |it: &Measured| {
        let unit = it
            .unit
            .as_deref()
            .map_or(String::new(), |unit| format!(" {unit}"));
        let topic = it.topic.as_deref().unwrap_or_default();
        let topic = topic.strip_prefix("spBv1.0/").unwrap_or(topic);
        format!(
            "{topic}#{}={}{unit}",
            it.metric.as_deref().unwrap_or_default(),
            it.value
        )
    };
    decoded.readings.iter().map(line).collect()
}

/// Whether a rebirth is requested.
#[track_caller]
fn is_rebirth_requested(decoded: &Decoded) -> bool {
    match &decoded.requests[..] {
        [] => false,
        [Request::Publish { topic, payload }] => {
            assert_eq!(topic, "spBv1.0/g/NCMD/n");
            assert!(asks_for_rebirth(&read_payload(payload).unwrap()));
            true
        }
        other => panic!("{other:?}"),
    }
}

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
        by_alias(2, MetricValue::Int(0x80)),
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
fn all_data_types() {
    #[track_caller]
    fn case(data_type: DataType, value: MetricValue, expected: Option<Value>) {
        let mut host = Host::new();
        let metric = Metric::new("m", data_type, value);
        let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, vec![metric]));
        let found = decoded.readings.first().map(|it| it.value.clone());
        assert_eq!(found, expected);
        assert_eq!(decoded.rejection, None);
    }
    use MetricValue::{
        Boolean, Bytes, DataSet as Table, Double, Float, Int, Long, String as Words,
    };
    let number = |number| Some(Value::Number(number));
    let text = |text: &str| Some(Value::Text(text.into()));
    let json = |json| Some(Value::Json(json));
    case(DataType::Int8, Int(0xE9), number(-23.0));
    // As the Java library of the specification's authors sends it.
    case(DataType::Int8, Int(0xFFFF_FFE9), number(-23.0));
    case(DataType::Int16, Int(0x8000), number(-32_768.0));
    case(DataType::Int32, Int(u32::MAX), number(-1.0));
    case(DataType::Int64, Long(u64::MAX - 4), number(-5.0));
    case(DataType::UInt8, Int(255), number(255.0));
    case(DataType::UInt16, Int(65_535), number(65_535.0));
    case(DataType::UInt32, Int(u32::MAX), number(4_294_967_295.0));
    case(DataType::UInt32, Long(7), number(7.0));
    case(
        DataType::UInt64,
        Long(1 << 53),
        number(9_007_199_254_740_992.0),
    );
    case(DataType::Float, Float(20.1), number(20.1));
    case(DataType::Double, Double(-0.5), number(-0.5));
    case(DataType::Double, Double(f64::NAN), None);
    case(DataType::Float, Float(f32::INFINITY), None);
    case(DataType::Boolean, Boolean(true), json(json!(true)));
    case(DataType::Boolean, Int(0), json(json!(false)));
    case(DataType::String, Words("on".into()), text("on"));
    case(DataType::Text, Words(String::new()), text(""));
    case(DataType::Uuid, Words("d3a1".into()), text("d3a1"));
    case(
        DataType::DateTime,
        Long(SENT),
        text("2026-09-21T14:13:20.000Z"),
    );
    case(
        DataType::DateTime,
        Long(u64::MAX),
        number(1.844_674_407_370_955_2e19),
    );
    case(DataType::Bytes, Bytes(vec![0, 0xFF]), text("AP8="));
    case(DataType::File, Bytes(Vec::new()), text(""));
    case(DataType::Unknown, Long(9), number(9.0));
    for (array, expected) in [
        (Array::Int16(vec![-1, 2]), json!([-1, 2])),
        (Array::UInt64(vec![u64::MAX]), json!([u64::MAX])),
        (Array::Float(vec![0.1, f32::NAN]), json!([0.1, null])),
        (Array::Boolean(vec![true, false]), json!([true, false])),
        (
            Array::String(vec!["a".into(), String::new()]),
            json!(["a", ""]),
        ),
        (
            Array::DateTime(vec![SENT]),
            json!(["2026-09-21T14:13:20.000Z"]),
        ),
    ] {
        let (data_type, bytes) = array.write();
        case(data_type, Bytes(bytes), json(expected));
    }
    let cell = |value| DataSetValue { value: Some(value) };
    let table = DataSet {
        num_of_columns: Some(2),
        columns: vec!["id".into(), "name".into()],
        types: vec![DataType::Int64.number(), DataType::String.number()],
        rows: vec![
            Row {
                elements: vec![
                    cell(Scalar::Long(u64::MAX)),
                    cell(Scalar::String("x".into())),
                ],
            },
            Row {
                elements: vec![DataSetValue { value: None }],
            },
        ],
    };
    case(
        DataType::DataSet,
        Table(Box::new(table)),
        json(json!([{"id": -1, "name": "x"}, {"id": null}])),
    );
    let mut template = Template {
        version: Some("v1".into()),
        metrics: vec![
            Metric::new("on", DataType::Boolean, Boolean(true)),
            Metric::default(),
        ],
        parameters: vec![Parameter {
            name: Some("size".into()),
            r#type: Some(DataType::Float.number()),
            value: Some(ParameterValue::Float(2.5)),
        }],
        template_ref: Some("Pump".into()),
        is_definition: None,
    };
    let value = MetricValue::Template(Box::new(template.clone()));
    case(
        DataType::Template,
        value,
        json(
            json!({"template": "Pump", "version": "v1", "parameters": {"size": 2.5}, "metrics": {"on": true}}),
        ),
    );
    template.is_definition = Some(true);
    case(
        DataType::Template,
        MetricValue::Template(Box::new(template)),
        None,
    );
}

#[test]
fn null_is_no_reading_and_of_two_the_last_counts() {
    let mut host = Host::new();
    let null = Metric {
        name: Some("a".into()),
        is_null: Some(true),
        ..Metric::default()
    };
    let twice = |number| Metric::new("b", DataType::Double, double(number));
    let data = vec![null, twice(1.0), twice(2.0)];
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, data));
    assert_eq!(lines(&decoded), ["g/n#b=2.0"]);
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
fn arrays_and_tables_take_limited_memory() {
    let mut host = Host::new();
    let array = Metric::new(
        "a",
        DataType::Int8Array,
        MetricValue::Bytes(vec![0; 8 << 20]),
    );
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(0, vec![array]));
    assert!(decoded.rejection.is_some());
    let table = DataSet {
        columns: vec!["c".repeat(1 << 20)],
        rows: vec![
            Row {
                elements: vec![DataSetValue { value: None }]
            };
            1000
        ],
        ..DataSet::default()
    };
    let table = Metric::new(
        "t",
        DataType::DataSet,
        MetricValue::DataSet(Box::new(table)),
    );
    let decoded = host.take("spBv1.0/g/NDATA/n", &payload(1, vec![table]));
    assert!(decoded.rejection.is_some() && decoded.readings.is_empty());
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
