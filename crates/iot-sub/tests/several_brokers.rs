//! `-h a,b` and several `-L`: the programs at several brokers.

mod common;

use common::{interrupt, sub};
use testkit::{Broker, DEADLINE, Program};

fn at(broker: &Broker) -> String {
    format!("127.0.0.1:{}", broker.port())
}

#[test]
fn iot_sub_goes_on_at_the_next_broker_and_says_so() {
    let (mut first, second) = (Broker::start(), Broker::start());
    let hosts = format!("{},{}", at(&first), at(&second));
    let args = ["-h", &hosts, "--host-order", "given", "--store", "none"];
    let program = sub(&args).spawn();
    first.wait_for_log("Sending SUBACK", DEADLINE);
    first.kill();
    second.wait_for_log("Sending SUBACK", DEADLINE);
    second.mosquitto_pub(["-t", "iot/a", "-m", "7"]);
    program.wait_for_stdout("7");
    assert_eq!(
        program.stderr(),
        format!(
            "Connected with result code 0\n\
             iot-sub: lost broker `{}`: the broker closed the connection; connecting again\n\
             iot-sub: connected to broker `{}`\n\
             Connected with result code 0\n",
            at(&first),
            at(&second)
        )
    );
    interrupt(program);
}

#[test]
fn with_fail_fast_it_gives_up_once_all_brokers_were_tried() {
    let (away, broker) = (Broker::reserve(), Broker::start());
    let urls = [&away, &broker].map(|broker| format!("mqtt://{}", at(broker)));
    let args = [
        "-L",
        &urls[0],
        "-L",
        &urls[1],
        "--host-order",
        "given",
        "--fail-fast",
    ];
    let program = sub(&args).args(["--store", "none"]).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    interrupt(program);
    let also_away = Broker::reserve();
    let hosts = format!("{},{}", at(&away), at(&also_away));
    let mut program = sub(&["-h", &hosts, "--fail-fast", "--store", "none"]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    assert!(
        stderr.contains("cannot connect to broker `127.0.0.1:"),
        "{stderr}"
    );
}

#[test]
fn iot_pub_publishes_at_the_broker_that_is_there() {
    let (away, broker) = (Broker::reserve(), Broker::start());
    let hosts = format!("{},{}", at(&away), at(&broker));
    let mut program = Program::new(testkit::program("iot-pub"))
        .args([
            "-h",
            &hosts,
            "--host-order",
            "given",
            "-t",
            "iot/a",
            "-q",
            "1",
            "-m",
            "7",
        ])
        .spawn();
    assert!(program.wait().success(), "{}", program.stderr());
    broker.wait_for_log("Received PUBLISH", DEADLINE);
    let stderr = program.stderr();
    let waiting = format!(
        "iot-pub: waiting for broker `{}`: connection refused",
        at(&away)
    );
    assert!(stderr.starts_with(&waiting), "{stderr}");
    let connected = format!("iot-pub: connected to broker `{}`\n", at(&broker));
    assert!(stderr.ends_with(&connected), "{stderr}");
}
