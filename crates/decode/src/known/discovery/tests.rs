use bytes::Bytes;
use chrono::DateTime;

use super::*;

fn learn(discovery: &mut Discovery, payload: &str) -> Vec<String> {
    let payload = Bytes::copy_from_slice(payload.as_bytes());
    let message = Message::new(
        "homeassistant/sensor/a/config",
        &payload,
        DateTime::from_timestamp(1_795_428_000, 0).unwrap(),
    );
    let decoded = discovery.learn(&message, &mut Names::default()).unwrap();
    assert!(decoded.readings.is_empty());
    let text = |text: &Option<Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let line = |facts: &SeriesFacts| {
        [
            &facts.topic,
            &facts.metric,
            &facts.name,
            &facts.unit,
            &facts.device,
            &facts.device_class,
        ]
        .map(text)
        .join(" | ")
    };
    decoded.series.iter().map(line).collect()
}

#[test]
fn long_and_short_keys_say_the_same() {
    let long = r#"{"name":"Temperature","state_topic":"hall/state","unit_of_measurement":"°C",
        "device_class":"temperature","value_template":"{{ value_json.temp }}",
        "unique_id":"hall_t","device":{"identifiers":["hall"],"name":"Hall"}}"#;
    let short = r#"{"~":"hall","name":"Temperature","stat_t":"~/state","unit_of_meas":"°C",
        "dev_cla":"temperature","val_tpl":"{{ value_json.temp }}",
        "uniq_id":"hall_t","dev":{"ids":["hall"],"name":"Hall"}}"#;
    for payload in [long, short] {
        let mut discovery = Discovery::default();
        assert_eq!(
            learn(&mut discovery, payload),
            ["hall/state | temp | Temperature | °C | Hall | temperature"]
        );
        let mut names = Names::default();
        let mut decoded = Decoded::new("leaves");
        decoded.readings =
            crate::leaves::leaves(br#"{"temp":1,"other":2}"#, &mut names, false).unwrap();
        discovery.add_units("hall/state", &mut decoded);
        let units: Vec<_> = decoded
            .readings
            .iter()
            .map(|reading| reading.unit.as_deref())
            .collect();
        assert_eq!(units, [Some("°C"), None]);
    }
}

#[test]
fn a_device_has_components() {
    let mut discovery = Discovery::default();
    let payload = r#"{"dev":{"ids":"x","name":"Boiler"},"o":{"name":"own"},"stat_t":"boiler/state",
        "cmps":{"t":{"p":"sensor","dev_cla":"temperature","unit_of_meas":"°C",
                     "val_tpl":"{{ value_json.t }}","uniq_id":"t","name":null},
                "pump":{"p":"binary_sensor","stat_t":"boiler/pump","pl_on":"running",
                        "pl_off":"stopped","uniq_id":"p","name":"Pump"},
                "gone":{"p":"sensor"}}}"#;
    let found = learn(&mut discovery, payload);
    assert_eq!(
        found,
        [
            "boiler/state | t | Boiler | °C | Boiler | temperature",
            "boiler/pump | - | Pump | - | Boiler | -",
            "boiler/state | - | Boiler | - | Boiler | -",
        ]
    );
    assert_eq!(discovery.state("boiler/pump", b"running\n"), Some(true));
    assert_eq!(discovery.state("boiler/pump", b"stopped"), Some(false));
    assert_eq!(discovery.state("boiler/pump", b"broken"), None);
    assert_eq!(discovery.state("boiler/state", b"running"), None);
}

#[test]
fn what_is_discovered_again_replaces_and_is_bounded() {
    let mut discovery = Discovery::default();
    let config = |unit: &str, id: usize| {
        format!(r#"{{"stat_t":"a","unit_of_meas":"{unit}","uniq_id":"{id}"}}"#)
    };
    learn(&mut discovery, &config("V", 0));
    learn(&mut discovery, &config("mV", 0));
    assert_eq!(discovery.entities.get("a").unwrap().len(), 1);
    for id in 0..1_000 {
        learn(&mut discovery, &config("V", id));
    }
    assert_eq!(
        discovery.entities.get("a").unwrap().len(),
        ENTITIES_PER_TOPIC
    );
    // A topic with wildcards cannot be one of readings.
    assert!(learn(&mut discovery, r#"{"stat_t":"+/+/BTtoMQTT/1"}"#).is_empty());
    assert!(learn(&mut discovery, "{}").is_empty());
    assert!(learn(&mut discovery, "").is_empty());
}

#[test]
fn configurations_are_below_the_prefix() {
    let mut settings = Settings::default();
    for topic in [
        "homeassistant/sensor/a/config",
        "homeassistant/sensor/a/b/config",
        "homeassistant/device/a/config",
    ] {
        assert!(is_config(topic, &settings), "{topic}");
    }
    for topic in [
        "homeassistant/status",
        "homeassistant/config",
        "homeassistant/sensor/a/state",
        "x/sensor/a/config",
    ] {
        assert!(!is_config(topic, &settings), "{topic}");
    }
    settings.discovery_prefix = "ha/disc".into();
    assert!(is_config("ha/disc/sensor/a/config", &settings));
}
