//! Without options: simulated readings at regular times, until a signal.

mod common;

use std::time::{Duration, Instant};

use common::{bare, ends_well, iot_pub, lines, wait_for_lines};
use testkit::{Broker, DEADLINE, Running};

#[track_caller]
fn assert_readings(stdout: &str) {
    for line in stdout.lines() {
        let number = line.strip_prefix("iot/home2/temp ");
        let number = number.unwrap_or_else(|| panic!("{line}"));
        let number: f64 = number.parse().expect(line);
        assert!((25.0..26.0).contains(&number), "{line}");
    }
}

#[test]
fn without_options_a_reading_comes_every_two_seconds_until_ctrl_c() {
    let broker = Broker::start();
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-v"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let start = Instant::now();
    let mut publisher = bare(&format!("-p {}", broker.port())).spawn();
    wait_for_lines(&publisher, 2);
    assert!(start.elapsed() >= Duration::from_secs(2));
    publisher.interrupt();
    let publisher = ends_well(publisher);

    assert_eq!(publisher.stdout().lines().count(), 2);
    assert_readings(&publisher.stdout());
    wait_for_lines(&subscriber, 2);
    assert_eq!(subscriber.stdout(), publisher.stdout());
    let log = broker.log();
    assert!(log.contains("(d0, q0, r0, m0, 'iot/home2/temp'"), "{log}");
}

#[test]
fn readings_differ() {
    let broker = Broker::start();
    let publisher = ends_well(iot_pub(broker.port(), "--interval 1ms --count 20").spawn());
    let mut readings = lines(&publisher.stdout());
    readings.sort();
    readings.dedup();
    assert_eq!(readings.len(), 20);
}

#[test]
fn ctrl_c_and_sigterm_end_it_with_a_disconnect() {
    for end in [Running::interrupt, Running::terminate] {
        let broker = Broker::start();
        for (id, args) in [("a", ""), ("b", "-q 1"), ("c", "-q 2 -V 5 --count 1000")] {
            let mut publisher = iot_pub(broker.port(), &format!("-i {id} {args}")).spawn();
            wait_for_lines(&publisher, 1);
            end(&mut publisher);
            ends_well(publisher);
            broker.wait_for_log(&format!("Received DISCONNECT from {id}"), DEADLINE);
            broker.wait_for_log(&format!("Client {id} disconnected."), DEADLINE);
        }
    }
}

#[test]
fn each_form_of_an_interval_is_accepted() {
    let broker = Broker::start();
    for interval in ["500ms", "1m", "1.5h", "2", "0.01ms", "5000000000000000h"] {
        let args = format!("--interval {interval} --count 1");
        ends_well(iot_pub(broker.port(), &args).spawn());
    }
}

#[test]
fn an_interval_is_kept() {
    let broker = Broker::start();
    let start = Instant::now();
    let publisher = ends_well(iot_pub(broker.port(), "--interval 50ms --count 5").spawn());
    assert!(start.elapsed() >= Duration::from_millis(4 * 50));
    assert_eq!(publisher.stdout().lines().count(), 5);
}

#[test]
fn an_interval_beyond_the_clock_s_end_is_waited_out_quietly() {
    let broker = Broker::start();
    let mut publisher = iot_pub(broker.port(), "--interval 5000000000000000h").spawn();
    wait_for_lines(&publisher, 1);
    publisher.interrupt();
    ends_well(publisher);
}
