//! Each option of the connection by its effect, its variable included.

mod common;

use common::{bare, ends_well, ends_with, iot_pub};
use testkit::{Broker, DEADLINE};

/// Publishes once with these arguments, and returns the log.
#[track_caller]
fn log_of(args: &str) -> String {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), &format!("-m x {args}")).spawn());
    broker.log()
}

/// The broker logs this line.
#[track_caller]
fn case(args: &str, line: &str) {
    let log = log_of(args);
    assert!(log.contains(line), "no `{line}` in\n{log}");
}

#[test]
fn host() {
    let broker = Broker::start();
    let port = broker.port();
    ends_well(bare(&format!("-h localhost -p {port} -m x")).spawn());
    ends_well(bare(&format!("--host 127.0.0.1 --port {port} -m x")).spawn());
    let elsewhere = bare(&format!("-h 127.0.0.2 -p {port} --fail-fast")).spawn();
    let elsewhere = ends_with(elsewhere, 1);
    let stderr = elsewhere.stderr();
    let begin = format!("iot-pub: cannot connect to broker `127.0.0.2:{port}`: ");
    assert!(stderr.starts_with(&begin), "{stderr}");
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let publisher = ends_with(bare("-h no-such-host.invalid --fail-fast").spawn(), 1);
    let stderr = publisher.stderr();
    let begin = "iot-pub: cannot connect to broker `no-such-host.invalid:1883`: ";
    assert!(stderr.starts_with(begin), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn client_id() {
    case("-i greenhouse-1", " as greenhouse-1 (p2, c1, k60)");
    case("--id käse", " as käse (p2, c1, k60)");
    // The broker chooses one if it is empty.
    case("-i=", " as auto-");
}

#[test]
fn without_a_client_identifier_it_is_random() {
    let id = |log: &str| {
        let line = log.lines().find(|line| line.contains(" as iot-"));
        let id = line
            .expect(log)
            .split(" as ")
            .nth(1)
            .expect("a client identifier");
        id.to_owned()
    };
    assert_ne!(id(&log_of("")), id(&log_of("")));
}

#[test]
fn disable_clean_session() {
    case("-c -i a", " as a (p2, c0, k60)");
    case("--disable-clean-session --id a -V 5", " as a (p5, c0, k60)");
}

#[test]
fn keep_alive() {
    case("-i a -k 5", " as a (p2, c1, k5)");
    case("-i a --keepalive 65535", " as a (p2, c1, k65535)");
    case("-i a -k 0", " as a (p2, c1, k0)");
}

#[test]
fn protocol_version() {
    for version in ["311", "mqttv311"] {
        case(&format!("-i a -V {version}"), " as a (p2, ");
    }
    for version in ["5", "mqttv5"] {
        case(&format!("-i a --protocol-version {version}"), " as a (p5, ");
    }
}

#[test]
fn bind() {
    case("-A 127.0.0.2", "New connection from 127.0.0.2:");
    case("--bind 127.0.0.3", "New connection from 127.0.0.3:");
}

#[test]
fn an_address_that_is_not_ours_can_not_be_bound() {
    let broker = Broker::start();
    let args = "-A 203.0.113.1 --fail-fast";
    let publisher = ends_with(iot_pub(broker.port(), args).spawn(), 1);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: cannot connect to broker `127.0.0.1:{}`: cannot assign requested address\n",
            broker.port()
        )
    );
}

#[test]
fn user_name() {
    case("-i a -u ada", " as a (p2, c1, k60, u'ada')");
    case("-i a --username ada -V 5", " as a (p5, c1, k60, u'ada')");
}

#[test]
fn topic_qos_and_retain() {
    case("-t a/b -q 1 -r", "(d0, q1, r1, m1, 'a/b', ... (1 bytes))");
    case(
        "--topic a/b --qos 2 --retain",
        "(d0, q2, r1, m1, 'a/b', ... (1 bytes))",
    );
}

#[test]
fn each_has_a_variable() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    let publisher = bare("")
        .env("IOT_HOST", "127.0.0.1")
        .env("IOT_PORT", broker.port().to_string())
        .env("IOT_TOPIC", "iot/a")
        .env("IOT_QOS", "1")
        .env("IOT_RETAIN", "1")
        .env("IOT_MESSAGE", "-1")
        .env("IOT_INTERVAL", "1ms")
        .env("IOT_COUNT", "3")
        .env("IOT_MAX_QUEUED", "1")
        .env("IOT_ID", "x")
        .env("IOT_DISABLE_CLEAN_SESSION", "true")
        .env("IOT_KEEPALIVE", "7")
        .env("IOT_PROTOCOL_VERSION", "5")
        .env("IOT_BIND", "127.0.0.2")
        .env("IOT_USERNAME", "ada")
        .env("IOT_PASSWORD", "s3cret")
        .env("IOT_FAIL_FAST", "yes")
        .spawn();
    let publisher = ends_well(publisher);
    assert_eq!(publisher.stdout(), "iot/a -1\n".repeat(3));
    broker.wait_for_log("New connection from 127.0.0.2:", DEADLINE);
    broker.wait_for_log(" as x (p5, c0, k7, u'ada')", DEADLINE);
    broker.wait_for_log("(d0, q1, r1, m3, 'iot/a', ... (2 bytes))", DEADLINE);
}

#[test]
fn an_option_beats_its_variable() {
    let broker = Broker::start();
    let publisher = iot_pub(broker.port(), "-i typed -m typed")
        .env("IOT_HOST", "127.0.0.9")
        .env("IOT_PORT", "1")
        .env("IOT_ID", "set")
        .env("IOT_MESSAGE", "set")
        .env("IOT_RETAIN", "no")
        .spawn();
    let publisher = ends_well(publisher);
    assert_eq!(publisher.stdout(), "iot/home2/temp typed\n");
    let log = broker.log();
    assert!(log.contains(" as typed (p2, c1, k60)"), "{log}");
    assert!(log.contains("(d0, q0, r0, "), "{log}");
}

#[test]
fn the_last_of_a_repeated_option_wins() {
    let broker = Broker::start();
    let args = "-i a -i b -q 0 -q 1 -m x -m y -t u/v -t iot/w -r -r --count 9 --count 1";
    let publisher = ends_well(iot_pub(broker.port(), args).spawn());
    assert_eq!(publisher.stdout(), "iot/w y\n");
    let log = broker.log();
    assert!(log.contains(" as b (p2"), "{log}");
    assert!(log.contains("from b (d0, q1, r1, m1, 'iot/w'"), "{log}");
}
