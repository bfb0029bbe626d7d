//! Readings as metrics: `--export-readings`, scraped by a real Prometheus.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use common::{interrupt, publish, sub};
use testkit::{Broker, DEADLINE, Program, Running, eventually};

/// `iot-sub` that exports readings, and the port of its metrics.
fn start(broker: &Broker, args: &[&str]) -> (Running, u16) {
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "--metrics", "127.0.0.1:0"])
        .args(args)
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let stderr = program.wait_for_stderr("/metrics");
    let (_, rest) = stderr.split_once("http://127.0.0.1:").unwrap();
    let port = rest.split('/').next().unwrap().parse().unwrap();
    (program, port)
}

fn scrape(port: u16, accept: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Waits until the metrics contain `text`, and returns them.
fn wait_for(port: u16, text: &str) -> String {
    let mut metrics = String::new();
    eventually(DEADLINE, "the metrics have it", || {
        metrics = scrape(port, "*/*");
        metrics.contains(text)
    });
    metrics
}

fn send(broker: &Broker, topic: &str, value: &str) {
    publish(broker.port(), &["-q", "1", "-t", topic, "-m", value]);
}

/// The lines about readings.
fn readings(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| line.starts_with("iot_reading"));
    let mut lines: Vec<_> = lines.filter(|line| !line.contains("_timestamp_")).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_series_is_a_metric_with_the_levels_of_its_topic_as_labels() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("iot.db").display());
    let pattern = "iot/{home}/{sensor}";
    let args = [
        "--store",
        &store,
        "--export-readings",
        "--topic-pattern",
        pattern,
    ];
    let (program, port) = start(&broker, &args);
    send(&broker, "iot/a\"b/temp", "20.5");
    send(&broker, "iot/a\"b/temp", "21.5");
    send(&broker, "iot/x/door", "true");
    let text = wait_for(port, "iot_readings_total{topic=\"iot/x/door\"");
    assert_eq!(
        readings(&text),
        [
            r#"iot_readings_total{topic="iot/a\"b/temp",home="a\"b",sensor="temp"} 2"#,
            r#"iot_readings_total{topic="iot/x/door",home="x",sensor="door"} 1"#,
            r#"iot_reading{topic="iot/a\"b/temp",home="a\"b",sensor="temp"} 21.5"#,
            r#"iot_reading{topic="iot/x/door",home="x",sensor="door"} 1"#,
        ]
    );
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("promtool (scripts/install-test-servers installs it)");
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    assert!(promtool.wait().unwrap().success());
    let text = scrape(
        port,
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    );
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("# TYPE iot_readings counter\n"));
    interrupt(program);
}

#[test]
fn a_silent_series_loses_its_value_and_keeps_its_timestamp() {
    let broker = Broker::start();
    let args = ["--export-readings", "iot/#", "--reading-expiry", "1s"];
    let (program, port) = start(&broker, &args);
    send(&broker, "iot/x", "1");
    wait_for(port, "iot_reading_timestamp_seconds{topic=\"iot/x\"}");
    eventually(DEADLINE, "the value has expired", || {
        !scrape(port, "*/*").contains("iot_reading{")
    });
    assert!(scrape(port, "*/*").contains("iot_reading_timestamp_seconds{topic=\"iot/x\"}"));
    send(&broker, "iot/x", "2");
    wait_for(port, "iot_reading{topic=\"iot/x\"} 2\n");
    interrupt(program);
}

#[test]
fn series_beyond_the_limit_are_counted_and_reported_once() {
    let broker = Broker::start();
    let args = ["--export-readings", "--export-limit", "2"];
    let (program, port) = start(&broker, &args);
    for topic in ["iot/1", "iot/2", "iot/3", "iot/4"] {
        send(&broker, topic, "1");
    }
    let text = wait_for(port, "iot_sub_unexported_readings_total 2\n");
    assert_eq!(readings(&text).len(), 4);
    assert_eq!(program.stderr().matches("--export-limit").count(), 1);
    interrupt(program);
}

#[test]
fn messages_that_are_only_printed_are_exported_too() {
    let broker = Broker::start();
    let (program, port) = start(&broker, &["--export-readings", "-v"]);
    send(&broker, "iot/x", "1.5");
    wait_for(port, "iot_reading{topic=\"iot/x\"} 1.5\n");
    assert_eq!(program.wait_for_stdout("iot/x"), "iot/x 1.5");
    interrupt(program);
}

#[test]
fn a_real_prometheus_scrapes_them() {
    let broker = Broker::start();
    let (program, port) = start(&broker, &["--export-readings"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let prometheus = listener.local_addr().unwrap().port();
    drop(listener);
    send(&broker, "iot/x", "21.5");
    program.wait_for_stdout("iot/x");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("prometheus.yml");
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: iot\n    static_configs:\n      - targets: ['127.0.0.1:{port}']\n"
    );
    std::fs::write(&config, text).unwrap();
    let server = Program::new("prometheus")
        .args([format!("--config.file={}", config.display())])
        .args([format!(
            "--storage.tsdb.path={}",
            folder.path().join("data").display()
        )])
        .args([format!("--web.listen-address=127.0.0.1:{prometheus}")])
        .spawn();
    server.wait_for_stderr("Server is ready to receive web requests");
    eventually(DEADLINE, "Prometheus has the reading", || {
        query(prometheus, "/api/v1/query?query=iot_reading").contains(r#""topic":"iot/x""#)
    });
    let answer = query(prometheus, "/api/v1/query?query=iot_reading");
    assert!(answer.contains("\"21.5\""), "{answer}");
    drop(server);
    interrupt(program);
}

fn query(port: u16, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return String::new();
    };
    let request = format!("GET {path} HTTP/1.0\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}
