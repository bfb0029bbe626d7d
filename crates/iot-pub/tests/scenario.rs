//! Scenarios: those in `examples/`, and the message about a wrong file.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{bare, ends_well, ends_with, iot_pub};
use testkit::Broker;

fn example(name: &str) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    examples.join(name)
}

/// Runs a day of the example, from midnight on. Returns the payloads of each topic, `count` in all.
#[track_caller]
fn day(name: &str, count: u64) -> BTreeMap<String, Vec<String>> {
    let broker = Broker::start();
    let args = format!("-q 1 --seed 1 --start 2026-06-21 --speed max --count {count}");
    let run = || {
        let program =
            iot_pub(broker.port(), &args).args(["--scenario".as_ref(), example(name).as_os_str()]);
        ends_well(program.spawn()).stdout()
    };
    let stdout = run();
    assert_eq!(stdout, run(), "with the same seed");
    let mut topics: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in stdout.lines() {
        let (topic, payload) = line.split_once(' ').expect(line);
        topics.entry(topic.into()).or_default().push(payload.into());
    }
    topics
}

#[track_caller]
fn numbers(payloads: &[String]) -> Vec<f64> {
    let number = |payload: &String| payload.parse().expect(payload);
    payloads.iter().map(number).collect()
}

#[test]
fn home() {
    let topics = day("home.toml", 5000);
    assert_eq!(topics.len(), 8);
    // Each has its own interval, and they come in the order of simulated time.
    let fridge = topics["home/fridge/temperature"].len();
    let outside = topics["home/outside/climate"].len();
    assert!(fridge.abs_diff(5 * outside) <= 5, "{fridge}, {outside}");
    let fridge = numbers(&topics["home/fridge/temperature"]);
    assert!(fridge.iter().all(|x| (2.5..8.0).contains(x)));
    assert!(topics["home/outside/climate"][0].contains(r#""at": "2026-06-21T00:00:0"#));
    let meter = numbers(&topics["home/meter/kwh"]);
    assert!(meter.is_sorted());
}

#[test]
fn greenhouse() {
    let topics = day("greenhouse.toml", 5000);
    assert_eq!(topics.len(), 10);
    let light = numbers(&topics["greenhouse/light"]);
    // Dark at midnight, bright at noon.
    assert!(light[0] < 1000.0, "{}", light[0]);
    assert!(light.iter().any(|x| *x > 40_000.0));
}

#[test]
fn factory() {
    let topics = day("factory.toml", 20_000);
    assert_eq!(topics.len(), 12);
    let count = numbers(&topics["factory/line1/conveyor/count"]);
    assert!(count.is_sorted() && count.len() > 800);
    for machine in 1..=8 {
        let states = &topics[&format!("factory/line1/machine-{machine}/state")];
        let first =
            format!(r#"{{"id": "machine-{machine}", "seq": 1, "at": "2026-06-21T00:00:00."#);
        assert!(states[0].starts_with(&first), "{}", states[0]);
    }
}

#[test]
fn known_devices() {
    let topics = day("known-devices.toml", 3000);
    assert_eq!(topics.len(), 8);
    let socket = &topics["tele/washing-machine/SENSOR"][0];
    assert!(
        socket.starts_with(r#"{"Time":"2026-06-21T00:00:00","ENERGY":{"Total":81.5,"Power":"#),
        "{socket}"
    );
    let room = &topics["zigbee2mqtt/room-1"][0];
    assert!(room.contains(r#""last_seen": "2026-06-2"#), "{room}");
    let station = &topics["weather/station"][0];
    assert!(
        station.starts_with(r#"[{"bn":"station/","bt":17"#),
        "{station}"
    );
    assert!(topics["heating/heat-pump"][0].starts_with(r#"{"flow": 3"#));
}

/// Each edge node has a connection of its own; what the broker has of them at the end says that all
/// were born and died.
#[test]
fn plant() {
    let broker = Broker::start();
    let host = broker.mosquitto_sub(["-t", "spBv1.0/#", "-F", "%t"]);
    broker.wait_for_log("Sending SUBACK", testkit::DEADLINE);
    let args = "--seed 1 --start 2026-06-21 --speed max --count 2000";
    let program = iot_pub(broker.port(), args)
        .args(["--scenario".as_ref(), example("plant.toml").as_os_str()]);
    let stdout = ends_well(program.spawn()).stdout();
    let line = |topic: &str| {
        stdout
            .lines()
            .filter(|line| line.starts_with(topic))
            .count()
    };
    assert_eq!(line("spBv1.0/plant/DBIRTH/"), 7);
    assert!(line("spBv1.0/plant/DDATA/line1/press-3 {\"force\": ") > 100);
    assert!(line("spBv1.0/plant/NDATA/line2 {\"power\": ") > 10);
    for node in ["line1", "line2", "building"] {
        host.wait_for_stdout(&format!("spBv1.0/plant/NDEATH/{node}"));
        assert!(
            host.stdout()
                .contains(&format!("spBv1.0/plant/NBIRTH/{node}\n"))
        );
    }
}

#[test]
fn a_wrong_file_is_reported_before_anything_connects() {
    let program = bare("--scenario nowhere.toml");
    let ended = ends_with(program.spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot read scenario `nowhere.toml`: no such file or directory\n"
    );
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("shed.toml"),
        "[[group]]\nname = \"shed\"\ntopic = \"shed/temp\"\nmodel = \"warm\"\n",
    )
    .unwrap();
    let program = bare("--scenario shed.toml").current_dir(folder.path());
    let ended = ends_with(program.spawn(), 2);
    assert_eq!(
        ended.stderr(),
        "iot-pub: shed.toml:4: model: `warm` is not a model (models: uniform, normal, walk, sine, daily, steps, \
         constant, counter; to add to a model: dropout, spike, stuck, drift, clamp)\n"
    );
}
