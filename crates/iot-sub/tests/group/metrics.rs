//! `--instance`: the metrics of the members of a group.

use std::io::{Read, Write};
use std::net::TcpStream;

use testkit::{Broker, DEADLINE, eventually};

use crate::common::{interrupt, sub};

fn scrape(port: &str) -> String {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn each_metric_names_its_member_and_sums_add_up() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let members = ["m1", "m\"2"].map(|name| {
        let store = format!("sqlite:{}/{}.db", folder.path().display(), name.len());
        let args = [
            "-p", &port, "-q", "1", "-i", name, "--share", "g", "--store", &store,
        ];
        let watch = [
            "--metrics",
            "127.0.0.1:0",
            "--instance",
            name,
            "--export-readings",
        ];
        let program = sub(&args).args(watch).spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {name}"), DEADLINE);
        let line = program.wait_for_stderr("/metrics");
        let (_, rest) = line.split_once("http://127.0.0.1:").unwrap();
        let metrics = rest.split('/').next().unwrap().to_owned();
        (program, metrics)
    });
    for number in 1..=10 {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", &number.to_string()]);
    }
    let stored = |page: &str| {
        let mut lines = page
            .lines()
            .filter_map(|it| it.strip_prefix("iot_sub_stored_total{"));
        let count = lines.next().unwrap().rsplit(' ').next();
        count.unwrap().parse::<u32>().unwrap()
    };
    eventually(DEADLINE, "the sum is what was published", || {
        let pages = members.each_ref().map(|(_, port)| scrape(port));
        pages.iter().map(|page| stored(page)).sum::<u32>() == 10
    });
    for ((program, port), label) in members.into_iter().zip(["m1", "m\\\"2"]) {
        let page = scrape(&port);
        let label = format!("instance=\"{label}\"}} ");
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains(&label), "{line}");
        }
        assert!(
            page.contains("iot_reading{topic=\"iot/a\",instance="),
            "{page}"
        );
        interrupt(program);
    }
}
