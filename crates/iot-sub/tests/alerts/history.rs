//! What alerts reported is in the store, and their numbers are on the metrics page.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use testkit::{Broker, DEADLINE, Mongo, Program, eventually};

use super::common::{documents, sqlite, start};
use super::{interrupt, send, watch};

/// What `iot-view alerts --json` prints.
fn view(store: &str, args: &[&str]) -> String {
    let mut program = Program::new(testkit::program("iot-view"))
        .args(["alerts", "--json", "--store", store])
        .args(args)
        .spawn();
    assert!(program.wait().success(), "{}", program.stderr());
    program.stdout()
}

const RULES: [&str; 4] = [
    "--alert",
    "hot: iot/x > 30",
    "--alert",
    "iot/y > 30 for 10h",
];

#[test]
fn an_sqlite_store_has_states_and_history() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let program = watch(&broker, folder.path(), &RULES);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let store = format!("sqlite:{}", folder.path().join("iot.db").display());
    send(&broker, "iot/y", "31");
    send(&broker, "iot/x", "31");
    let lines = |count: usize, is_meant: fn(&str) -> bool| {
        eventually(DEADLINE, "iot-view prints it", || {
            let text = view(&store, &[]);
            (text.lines().count() == count && is_meant(&text)).then_some(text)
        })
    };
    let file = std::fs::metadata(folder.path().join("alerts")).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    let text = lines(3, |_| true);
    let pending = r#""name":"above","topic":"iot/y","state":"pending""#;
    assert!(text.contains(pending), "{text}");
    assert!(text.contains(r#""reason":"31 (> 30 for 10h)""#), "{text}");
    assert!(text.contains(r#""kind":"report""#), "{text}");
    send(&broker, "iot/y", "1");
    send(&broker, "iot/x", "1");
    // One of the states may be gone before the other.
    lines(2, |text| !text.contains("current"));
    let events = "select name, topic, state, value from sensors_alerts order by reg_date";
    assert_eq!(
        sqlite(&folder.path().join("iot.db"), events),
        "hot|iot/x|firing|31.0\nhot|iot/x|ok|1.0\n"
    );
    interrupt(program);
}

#[test]
fn mongodb_has_states_and_history_also_after_it_was_away() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let program = start(&broker, &mongo.url(), &RULES);
    send(&broker, "iot/y", "31");
    let count = |mongo: &Mongo, collection: &str| documents(mongo, collection).len();
    eventually(DEADLINE, "the state is stored", || {
        count(&mongo, "sensors_alert_states") == 1
    });
    let state = documents(&mongo, "sensors_alert_states").remove(0);
    assert_eq!(state.get_str("state").unwrap(), "pending");
    mongo.kill();
    send(&broker, "iot/x", "31");
    program.wait_for_stderr("cannot deliver alerts to the store: ");
    mongo.start_again();
    eventually(DEADLINE, "the report is stored", || {
        count(&mongo, "sensors_alerts") == 1
    });
    let report = documents(&mongo, "sensors_alerts").remove(0);
    assert_eq!(report.get_str("name").unwrap(), "hot");
    assert_eq!(report.get_f64("value").unwrap().to_string(), "31");
    assert!(report.get_datetime("reg_date").is_ok());
    eventually(DEADLINE, "the state is stored", || {
        count(&mongo, "sensors_alert_states") == 2
    });
    let text = view(&mongo.url(), &["iot/x"]);
    assert_eq!(text.lines().count(), 2, "{text}");
    interrupt(program);
}

#[test]
fn the_metrics_count_alerts_and_reports_by_destination() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = [
        &RULES[..],
        &["--metrics", "127.0.0.1:0", "--alert-exec", "/bin/false"],
    ]
    .concat();
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let stderr = program.wait_for_stderr("/metrics");
    let (_, rest) = stderr.split_once("http://").unwrap();
    let address = rest.split('/').next().unwrap();
    let scrape = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = b"GET /metrics HTTP/1.0\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    send(&broker, "iot/y", "31");
    send(&broker, "iot/x", "31");
    // The program fails: after three attempts the report is dropped.
    for line in [
        "iot_sub_alerts_firing 1",
        "iot_sub_alerts_pending 1",
        "iot_sub_alert_reports_delivered_total{destination=\"stderr\"} 1",
        "iot_sub_alert_reports_delivered_total{destination=\"store\"} 1",
        "iot_sub_alert_reports_waiting{destination=\"store\"} 0",
        "iot_sub_alert_reports_dropped_total{destination=\"exec\"} 1",
        "iot_sub_alert_reports_waiting{destination=\"exec\"} 0",
    ] {
        eventually(DEADLINE, line, || {
            scrape().lines().any(|found| found == line)
        });
    }
    interrupt(program);
}
