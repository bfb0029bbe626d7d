//! Devices that announce themselves or have to be asked, and recordings of what they measure.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use common::{documents, interrupt, publish, sqlite, start};
use testkit::{Broker, DEADLINE, Mongo, eventually};

/// A discovery message of Home Assistant, with short keys.
fn config(name: &str, unit: &str) -> String {
    format!(
        r#"{{"name":"{name}","stat_t":"hall/state","unit_of_meas":"{unit}","dev_cla":"temperature",
            "val_tpl":"{{{{ value_json.t }}}}","uniq_id":"hall_t","dev":{{"ids":["hall"],"name":"Hall"}}}}"#
    )
}

fn send(broker: &Broker, topic: &str, payload: &str) {
    broker.mosquitto_pub(["-q", "1", "-t", topic, "-m", payload]);
}

#[test]
fn discovery_gives_names_and_units_which_are_kept_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let options = ["-q", "1", "-t", "hall/#", "--discover", "ha"];
    let program = start(&broker, &store, &options);
    let topic = "ha/sensor/hall/t/config";
    send(&broker, topic, &config("Temperature", "°C"));
    send(&broker, "hall/state", r#"{"t":21.5,"x":1}"#);
    program.wait_for_stdout(" hall/state t 21.5 °C");
    // From another text of the same entity on, its unit counts.
    send(&broker, topic, &config("Warmth", "K"));
    send(&broker, "hall/state", r#"{"t":294}"#);
    program.wait_for_stdout(" hall/state t 294.0 K");
    let last = interrupt(program);
    assert!(last.contains("readings 3, rejected 0"), "{last}");
    assert_eq!(
        sqlite(
            &file,
            "SELECT metric, value, unit FROM sensors ORDER BY value"
        ),
        "x|1.0|\nt|21.5|°C\nt|294.0|K\n"
    );
    assert_eq!(
        sqlite(
            &file,
            "SELECT topic, metric, unit, name, device, class FROM series ORDER BY metric"
        ),
        "hall/state|t|K|Warmth|Hall|temperature\nhall/state|x||||\n"
    );
}

#[test]
fn discovery_is_below_homeassistant_without_a_prefix_and_describes_series_in_mongodb() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let options = ["-q", "1", "-t", "hall/#", "--discover", "--decode", "known"];
    let program = start(&broker, &mongo.url(), &options);
    let topic = "homeassistant/sensor/hall/t/config";
    send(&broker, topic, &config("Temperature", "°C"));
    send(&broker, "hall/state", r#"{"t":21.5}"#);
    program.wait_for_stdout(" hall/state t 21.5 °C");
    interrupt(program);
    assert_eq!(documents(&mongo, "sensors").len(), 1);
    let series = documents(&mongo, "sensors_series");
    let [series] = &series[..] else {
        panic!("{series:?}");
    };
    for (key, expected) in [
        ("_id", "hall/state#t"),
        ("topic", "hall/state"),
        ("metric", "t"),
        ("unit", "°C"),
        ("name", "Temperature"),
        ("device", "Hall"),
        ("class", "temperature"),
    ] {
        assert_eq!(series.get_str(key).ok(), Some(expected), "{series}");
    }
}

#[test]
fn a_victron_device_is_asked_to_publish() {
    let broker = Broker::start();
    let asked = broker.mosquitto_sub(["-t", "R/#", "-F", "%t"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let options = "-t N/# --decode known --victron-keepalive c0619ab12cd3 --victron-keepalive d1";
    let program = start(&broker, "none", &options.split(' ').collect::<Vec<_>>());
    asked.wait_for_stdout("R/c0619ab12cd3/keepalive");
    asked.wait_for_stdout("R/d1/keepalive");
    send(
        &broker,
        "N/c0619ab12cd3/system/0/Dc/Battery/Soc",
        r#"{"value":87.5}"#,
    );
    program.wait_for_stdout(" N/c0619ab12cd3/system/0/Dc/Battery/Soc 87.5");
    interrupt(program);
}

/// Everything of the readings but their times.
fn rows(file: &Path) -> String {
    let query = "SELECT topic, metric, value, unit, typeof(value) FROM sensors ORDER BY 1, 2, 3";
    sqlite(file, query)
}

#[test]
fn what_is_recorded_with_metric_and_unit_is_stored_as_the_same_after_a_replay() {
    for form in ["--json", "--csv"] {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first.db", "second.db"].map(|name| folder.path().join(name));
        let store = |file: &Path| format!("sqlite:{}", file.display());
        let broker = Broker::start();
        let options = "-q 1 --decode iot/m=measure --decode iot/door=state --decode iot/five=leaves --leaves-text";
        let mut options: Vec<&str> = options.split(' ').collect();
        options.push(form);
        let program = start(&broker, &store(&first), &options);
        for (topic, payload) in [
            ("iot/plain", "25.5"),
            ("iot/m", "20.5 °C"),
            ("iot/door", "open"),
            ("iot/list", r#"[1,{"a":"b"}]"#),
            (
                "iot/five",
                r#"{"t":-1.25,"on":false,"a.b":{"c":[1e-7]},"text":"a, \"b\"","last":5}"#,
            ),
        ] {
            send(&broker, topic, payload);
        }
        let recording = folder.path().join("recording");
        program.wait_for_stdout("last");
        std::fs::write(&recording, program.stdout()).unwrap();
        interrupt(program);

        let broker = Broker::start();
        let options = ["-q", "1", "--map", ".payload"];
        let program = start(&broker, &store(&second), &options);
        let recording = recording.display().to_string();
        let replay = ["--replay", &recording, "--speed", "max", "-q", "1"];
        publish(broker.port(), &replay);
        eventually(DEADLINE, "all have arrived", || {
            program.stdout().lines().count() == 9
        });
        let last = interrupt(program);
        assert_eq!(last, "iot-sub: received 9, stored 9, rejected 0", "{form}");
        assert_eq!(rows(&second), rows(&first), "{form}");
        assert_eq!(rows(&first).lines().count(), 9);
    }
}

#[test]
fn what_iot_pub_simulates_is_stored_with_its_units() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let options = "-q 1 -t # --device-timezone UTC --decode j=leaves --decode c=cbor+leaves \
                   --decode m=msgpack+leaves --decode s=senml --decode b=senml --decode known";
    let options: Vec<&str> = options.split_whitespace().collect();
    let program = start(&broker, &store, &options);
    let known = ["tele/sensor1/SENSOR", "zigbee2mqtt/sensor1"];
    for (format, topic) in [
        ("json", "j"),
        ("cbor", "c"),
        ("msgpack", "m"),
        ("senml", "s"),
        ("senml-cbor", "b"),
        ("tasmota", known[0]),
        ("zigbee2mqtt", known[1]),
    ] {
        let models = "--model temperature=constant(21.5) --model humidity=constant(48)";
        let unit = match format {
            "senml" | "senml-cbor" | "tasmota" => " --unit temperature=°C",
            _ => "",
        };
        let options = format!("-q 1 --count 1 --format {format} {models}{unit}");
        let mut options: Vec<&str> = options.split(' ').collect();
        if !known.contains(&topic) {
            options.extend(["-t", topic]);
        }
        publish(broker.port(), &options);
    }
    eventually(DEADLINE, "all are printed", || {
        program.stdout().lines().count() == 14
    });
    assert_eq!(
        interrupt(program),
        "iot-sub: received 7, stored 7, readings 14, rejected 0"
    );
    let warm = "SELECT topic, value, unit FROM sensors WHERE metric LIKE '%emperature' ORDER BY 1";
    assert_eq!(
        sqlite(&file, warm),
        "b|21.5|Cel\nc|21.5|\nj|21.5|\nm|21.5|\ns|21.5|Cel\n\
         tele/sensor1/SENSOR|21.5|°C\nzigbee2mqtt/sensor1|21.5|°C\n"
    );
}

#[test]
fn settings_of_decoding_hold_for_known_devices() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let options =
        "-q 1 -t # --decode known --decimal-comma --leaves-text --device-timezone Europe/Berlin";
    let program = start(&broker, &store, &options.split(' ').collect::<Vec<_>>());
    let sensor = r#"{"Time":"2026-11-23T11:00:00","DS18B20":{"Id":"01131B9F5C1E","Temperature":21.4},"TempUnit":"C"}"#;
    send(&broker, "tele/cellar/SENSOR", sensor);
    send(&broker, "heating/flow", "23,5 °C");
    send(&broker, "a", r#"{"mode":"eco"}"#);
    program.wait_for_stdout(" a mode eco");
    interrupt(program);
    let query = "SELECT topic, metric, value, unit FROM sensors ORDER BY 1";
    assert_eq!(
        sqlite(&file, query),
        "a|mode|eco|\nheating/flow||23.5|°C\ntele/cellar/SENSOR|DS18B20.Temperature|21.4|°C\n"
    );
    let time = "SELECT reg_date FROM sensors WHERE topic LIKE 'tele/%'";
    assert_eq!(sqlite(&file, time), "2026-11-23T10:00:00.000Z\n");
}

#[test]
fn the_format_is_reported_once_for_each_topic_and_counted() {
    let broker = Broker::start();
    let options = "-t # -d --decode known --metrics 127.0.0.1:0";
    let program = start(&broker, "none", &options.split(' ').collect::<Vec<_>>());
    let sensor = r#"{"Time":"2026-11-23T11:00:00","AM2301":{"Temperature":21.4},"TempUnit":"C"}"#;
    for topic in ["tele/a/SENSOR", "tele/a/SENSOR", "tele/b/SENSOR"] {
        send(&broker, topic, sensor);
    }
    send(&broker, "last", "20 %");
    program.wait_for_stderr("iot-sub: `last`: format measure");
    let stderr = program.stderr();
    for topic in ["tele/a/SENSOR", "tele/b/SENSOR"] {
        let line = format!("iot-sub: `{topic}`: format tasmota");
        assert_eq!(stderr.matches(&line).count(), 1, "{stderr}");
    }
    let (_, address) = stderr.split_once("http://").unwrap();
    let address = address.split('/').next().unwrap();
    eventually(DEADLINE, "the formats are counted", || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        ["{format=\"tasmota\"} 3\n", "{format=\"measure\"} 1\n"]
            .iter()
            .all(|count| page.contains(&format!("iot_sub_decoded_total{count}")))
    });
    interrupt(program);
}
