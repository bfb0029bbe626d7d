//! Where reports arrive: MQTT, a program, a URL.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use testkit::{Broker, DEADLINE, eventually};

use super::webhook::Webhook;
use super::{interrupt, reports, send, watch};

#[test]
fn mqtt_gets_retained_json_and_home_assistant_a_binary_sensor() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "-t",
        "#",
        "--alert",
        "hot: iot/x > 30",
        "--alert-topic",
        "alerts/{name}/{topic}",
        "--alert-discovery",
    ];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    send(&broker, "iot/x", "20");
    program.wait_for_stderr("ok hot");
    let last = || {
        let topics = [
            "-t",
            "alerts/#",
            "-t",
            "homeassistant/#",
            "-C",
            "2",
            "-F",
            "%r %t %p",
        ];
        let mut late = broker.mosquitto_sub(topics);
        assert!(late.wait().success());
        late.stdout()
    };
    eventually(DEADLINE, "the broker keeps the end", || {
        last().contains(r#""state":"ok""#)
    });
    let lines = last();
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    let payload = lines[0].strip_prefix("1 alerts/hot/iot/x ").unwrap();
    let event: Json = serde_json::from_str(payload).unwrap();
    assert_eq!(
        (&event["name"], &event["value"]),
        (&"hot".into(), &20.0.into())
    );
    let (topic, config) = lines[1].split_at(lines[1].find('{').unwrap());
    assert!(
        topic.starts_with("1 homeassistant/binary_sensor/iot_sub_alert_"),
        "{topic}"
    );
    let config: Json = serde_json::from_str(config).unwrap();
    assert_eq!(config["state_topic"], "alerts/hot/iot/x");
    // The program receives its own alerts and skips them; the discovery message is one of `#`.
    assert!(
        !program.stdout().contains("alerts/hot"),
        "{}",
        program.stdout()
    );
    interrupt(program);
}

#[test]
fn an_alert_that_can_never_be_published_is_dropped_and_the_rest_arrives() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "-t",
        "iot/#",
        "--alert",
        "hot: # > 30",
        "--alert-topic",
        "alerts/{name}/{topic}",
    ];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, &format!("iot/{}", "x".repeat(65_530)), "31");
    program.wait_for_stderr("is dropped: a topic has at most 65,535 bytes, this one has 65545");
    send(&broker, "iot/x", "31");
    let topics = ["-t", "alerts/#", "-C", "1", "-F", "%t"];
    let mut subscriber = broker.mosquitto_sub(topics);
    assert!(subscriber.wait().success());
    assert_eq!(subscriber.stdout(), "alerts/hot/iot/x\n");
    interrupt(program);
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("alarm.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_program_gets_variables_and_json_and_no_shell_sees_them() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let text = format!(
        "{{ echo \"$IOT_ALERT_STATE $IOT_ALERT_TOPIC $IOT_ALERT_VALUE\"; cat; }} >> {}",
        out.display()
    );
    let program = script(folder.path(), &text);
    let args = ["-t", "#", "--alert", "a$(id)/# > 30", "--alert-exec"];
    let mut args: Vec<_> = args.to_vec();
    args.push(program.to_str().unwrap());
    let running = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "a$(id)/x", "31");
    eventually(DEADLINE, "the program has run", || {
        std::fs::read_to_string(&out).is_ok_and(|text| text.ends_with("}\n"))
    });
    let text = std::fs::read_to_string(&out).unwrap();
    let (variables, json) = text.split_once('\n').unwrap();
    assert_eq!(variables, "firing a$(id)/x 31.0");
    let event: Json = serde_json::from_str(json).unwrap();
    assert_eq!(event["topic"], "a$(id)/x");
    interrupt(running);
}

#[test]
fn a_program_that_hangs_is_killed_and_a_report_is_given_up_after_three_runs() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    let program = script(
        folder.path(),
        &format!("echo run >> {}; exec sleep 1000", runs.display()),
    );
    let program = program.to_str().unwrap();
    let args = [
        "--alert",
        "iot/x > 30",
        "--alert-exec-timeout",
        "2s",
        "--alert-exec",
        program,
    ];
    let running = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    running.wait_for_stderr("is dropped: it had not ended after");
    assert_eq!(std::fs::read_to_string(&runs).unwrap(), "run\nrun\nrun\n");
    interrupt(running);
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let children = folder.path().join("children");
    let program = script(
        folder.path(),
        &format!("sleep 1000 & echo $! >> {}; wait", children.display()),
    );
    let program = program.to_str().unwrap();
    let args = ["--alert", "iot/x > 30", "--alert-exec", program];
    let args = [&args[..], &["--alert-exec-timeout", "2s"]].concat();
    let running = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    running.wait_for_stderr("it had not ended after 2 s, and was killed");
    let children = std::fs::read_to_string(&children).unwrap();
    let first = children.lines().next().unwrap().to_owned();
    eventually(DEADLINE, "the child has ended", || {
        let status = std::fs::read_to_string(format!("/proc/{first}/status"));
        status.map_or(true, |status| status.contains("State:\tZ"))
    });
    interrupt(running);
}

#[test]
fn a_url_that_fails_gets_the_same_report_again() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let hook = Webhook::start(&[503]);
    let args = ["--alert", "iot/x > 30", "--alert-url", &hook.url];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    let (first, second) = (hook.next(), hook.next());
    assert!(first.head.starts_with("POST /hook "), "{}", first.head);
    assert_eq!(first.body, second.body);
    program.wait_for_stderr("answers with status 503 (kept, and tried again)");
    program.wait_for_stderr("alerts reach ");
    interrupt(program);
}

#[test]
fn a_report_that_waits_is_delivered_after_a_restart() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let address = listener.local_addr().unwrap();
    drop(listener);
    let args = ["--alert", "iot/x > 30", "--alert-url", &url];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    program.wait_for_stderr("cannot deliver alerts to");
    // Its end is an orderly one, so that the line on stderr is known to be printed.
    interrupt(program);
    let hook = Webhook::on(TcpListener::bind(address).unwrap(), &[]);
    let program = watch(&broker, folder.path(), &args);
    let event: Json = serde_json::from_str(&hook.next().body).unwrap();
    assert_eq!(event["state"], "firing");
    assert_eq!(reports(&program), Vec::<String>::new());
    interrupt(program);
}
