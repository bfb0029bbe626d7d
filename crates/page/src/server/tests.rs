//! Tests of the server, over real connections.

use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Value};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use super::*;
use crate::health::NoStatus;
use crate::testing::MemoryReader;

const HOSTILE: &str = "<img src=x onerror=alert(1)>\n</script>";
const DEADLINE: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    live: Live,
}

async fn serve(config: PageConfig, reader: Option<MemoryReader>) -> Server {
    let live = Live::new();
    let sources = Sources {
        live: Some(live.clone()),
        store: reader.map(MemoryReader::opener),
        status: Arc::new(NoStatus::default()),
    };
    let page = Page::bind(config, sources).await.unwrap();
    let address = page.address();
    tokio::spawn(page.serve());
    Server { address, live }
}

fn config() -> PageConfig {
    PageConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        password: None,
        hosts: Vec::new(),
    }
}

fn reading(topic: &str, value: Value) -> Entry {
    let now = chrono::Utc::now();
    Entry::Reading(Reading {
        id: IdGenerator::new().next(now),
        topic: topic.into(),
        metric: None,
        value,
        unit: None,
        reg_date: now,
        extra: None,
        payload: ReceivedPayload::default(),
    })
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Server {
    /// Sends a request, and returns the whole answer.
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = Vec::new();
        timeout(DEADLINE, stream.read_to_end(&mut text))
            .await
            .unwrap()
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "host: localhost\r\n").await
    }

    async fn get_json(&self, path: &str) -> Json {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Opens the stream of events.
    async fn events(&self) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = "GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }
}

/// Returns the data of the next event with this name.
async fn event(stream: &mut BufReader<TcpStream>, name: &str) -> Json {
    let mut line = String::new();
    let mut is_next = false;
    loop {
        line.clear();
        let read = timeout(DEADLINE, stream.read_line(&mut line))
            .await
            .unwrap();
        assert_ne!(read.unwrap(), 0, "no event `{name}`");
        if is_next && let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
        if let Some(this) = line.strip_prefix("event: ") {
            is_next = this.trim() == name;
        }
    }
}

#[tokio::test]
async fn only_names_of_this_machine_are_answered() {
    let server = serve(config(), None).await;
    assert_eq!(server.get("/").await.status, 200);
    for headers in ["host: evil.example\r\n", ""] {
        let answer = server.ask("GET", "/api/series", headers).await;
        assert!(matches!(answer.status, 400 | 421), "{}", answer.head);
        assert!(!answer.body.contains("series"));
    }
    let named = PageConfig {
        hosts: vec!["iot.example".into()],
        ..config()
    };
    let server = serve(named, None).await;
    let answer = server.ask("GET", "/", "host: iot.example:8188\r\n").await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn every_answer_has_the_policy() {
    let server = serve(config(), None).await;
    for path in ["/", "/app.js", "/nothing", "/api/series"] {
        let head = server.get(path).await.head;
        assert!(
            head.contains("content-security-policy: default-src 'none'"),
            "{head}"
        );
        assert!(!head.contains("unsafe"), "{head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    }
}

#[tokio::test]
async fn nothing_can_be_changed_and_no_other_site_can_ask() {
    let server = serve(config(), None).await;
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = server.ask(method, "/", "host: localhost\r\n").await;
        assert_eq!(answer.status, 405, "{method}");
    }
    let body = "host: localhost\r\ncontent-length: 1000000000\r\n";
    assert_eq!(server.ask("GET", "/", body).await.status, 413);
    let other = "host: localhost\r\nsec-fetch-site: cross-site\r\n";
    assert_eq!(server.ask("GET", "/api/series", other).await.status, 403);
    assert_eq!(server.ask("GET", "/", other).await.status, 200);
    let long = format!("host: localhost\r\nx: {}\r\n", "x".repeat(100_000));
    assert_eq!(server.ask("GET", "/", &long).await.status, 431);
}

#[tokio::test]
async fn the_password_is_asked_for_on_each_path() {
    let with_password = PageConfig {
        password: Some("geheim".into()),
        ..config()
    };
    let server = serve(with_password, None).await;
    for path in ["/", "/app.js", "/api/events", "/api/series"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 401, "{path}");
        assert!(
            answer.head.contains("www-authenticate: Basic"),
            "{}",
            answer.head
        );
    }
    let right = "host: localhost\r\nauthorization: Basic YWRhOmdlaGVpbQ==\r\n";
    assert_eq!(server.ask("GET", "/", right).await.status, 200);
    let wrong = "host: localhost\r\nauthorization: Basic YWRhOm90aGVy\r\n";
    assert_eq!(server.ask("GET", "/", wrong).await.status, 401);
}

#[tokio::test]
async fn hostile_text_stays_data() {
    let server = serve(config(), None).await;
    server
        .live
        .record(&[reading(HOSTILE, Value::Text(HOSTILE.into()))]);
    let mut events = server.events().await;
    let start = event(&mut events, "start").await;
    assert_eq!(start[0][1], HOSTILE);
    assert_eq!(start[0][4], HOSTILE);
}

#[tokio::test]
async fn readings_arrive_live() {
    let server = serve(config(), None).await;
    let mut events = server.events().await;
    let health = event(&mut events, "health").await;
    assert!(health["now"].as_i64().unwrap() > 0);
    assert_eq!(event(&mut events, "start").await, json!([]));
    server.live.record(&[reading("a", Value::Number(1.0))]);
    let series = event(&mut events, "series").await;
    assert_eq!(series[0][1], "a");
    let readings = event(&mut events, "readings").await;
    assert_eq!((&readings[0][0], &readings[0][1]), (&json!(0), &json!(1.0)));
    let values = [1.0, 4.0].map(|value| reading("a", Value::Number(value)));
    server.live.record(&values);
    let readings = event(&mut events, "readings").await;
    let shown = readings[0].as_array().unwrap();
    assert_eq!(
        (&shown[1], &shown[3..]),
        (
            &json!(4.0),
            &[json!(2), json!(2.5), json!(1.0), json!(4.0)][..]
        )
    );
}

#[tokio::test]
async fn a_browser_that_does_not_read_delays_nothing_and_gets_the_latest_values_later() {
    let server = serve(config(), None).await;
    let mut stalled = server.events().await;
    event(&mut stalled, "start").await;
    let mut other = server.events().await;
    event(&mut other, "start").await;
    // More than the buffers of a connection hold, while the other browser reads all of it.
    for round in 0..60 {
        let value = Value::Text(format!("{round:0190}"));
        let entry = |topic: u32| reading(&topic.to_string(), value.clone());
        let entries: Vec<_> = (0..2_000).map(entry).collect();
        server.live.record(&entries);
        event(&mut other, "readings").await;
    }
    server.live.record(&[reading("last", Value::Number(7.0))]);
    loop {
        let start = event(&mut stalled, "start").await;
        let series = start.as_array().unwrap();
        if series
            .iter()
            .any(|series| series[1] == "last" && series[4] == 7.0)
        {
            break;
        }
    }
}

#[tokio::test]
async fn few_readings_come_as_they_are_and_many_as_buckets() {
    let mut reader = MemoryReader::default();
    for second in 0..2_000_u16 {
        reader.add(
            "a/b",
            Value::Number(f64::from(second % 10)),
            i64::from(second) * 1_000,
        );
    }
    reader.add("on", Value::Json(true.into()), 5_000);
    let server = serve(config(), Some(reader)).await;
    let all = server
        .get_json("/api/buckets?s=a/b&from=0&to=2000000&n=200")
        .await;
    let points = &all["series"][0];
    assert_eq!(
        (&points["width"], &points["through"]),
        (&json!(10_000), &json!(1_999_000))
    );
    assert_eq!(points["count"].as_array().unwrap().len(), 200);
    let first = ["mean", "min", "max", "count"].map(|name| points[name][0].clone());
    assert_eq!(first, [json!(4.5), json!(0.0), json!(9.0), json!(10)]);
    let few = server
        .get_json("/api/buckets?s=a/b&s=on&from=1000&to=6000&n=200")
        .await;
    let points = &few["series"][0];
    assert_eq!(points["time"], json!([1_000, 2_000, 3_000, 4_000, 5_000]));
    assert_eq!((&points["width"], &points["min"]), (&json!(0), &Json::Null));
    assert_eq!(few["series"][1]["mean"], json!([1.0]));
    assert_eq!(server.get("/api/buckets?s=a&from=2&to=1").await.status, 400);
}

#[tokio::test]
async fn series_and_csv_come_from_the_store() {
    let mut reader = MemoryReader::default();
    reader.add("a,b", Value::Number(2.5), 1_000);
    reader.add("=1+1", Value::Text("=2".into()), 2_000);
    let server = serve(config(), Some(reader)).await;
    let series = server.get_json("/api/series").await;
    let item = &series["series"][1];
    assert_eq!(
        (&item["topic"], &item["value"], &item["last"]),
        (&json!("a,b"), &json!(2.5), &json!(1_000))
    );
    let path = "/api/export.csv?s=a,b&s=%3D1%2B1&from=0&to=5000";
    let answer = server.get(path).await;
    let lines: Vec<_> = answer
        .body
        .lines()
        .filter(|line| line.contains(','))
        .collect();
    assert_eq!(
        lines,
        [
            "topic,metric,value,unit,time",
            "\"a,b\",,2.5,°C,1970-01-01T00:00:01.000Z",
            "'=1+1,,\"\"\"=2\"\"\",°C,1970-01-01T00:00:02.000Z",
        ]
    );
}

#[tokio::test]
async fn a_store_that_is_away_is_named() {
    let server = serve(config(), Some(MemoryReader::default())).await;
    let answer = server.get("/api/rejections").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body, r#"{"error":"store `memory` is away"}"#);
    let without = serve(config(), None).await;
    assert_eq!(without.get("/api/series").await.status, 404);
}

#[tokio::test]
async fn a_request_that_never_ends_is_closed() {
    let server = serve(config(), None).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: loc")
        .await
        .unwrap();
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn more_connections_than_the_limit_wait() {
    let server = serve(config(), None).await;
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let ask = async || {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream
    };
    let mut open = Vec::new();
    let mut byte = [0];
    for _ in 0..MAX_CONNECTIONS {
        let mut stream = ask().await;
        stream.read_exact(&mut byte).await.unwrap();
        open.push(stream);
    }
    let mut one_more = ask().await;
    let early = timeout(Duration::from_millis(300), one_more.read_exact(&mut byte)).await;
    assert!(early.is_err(), "it is answered");
    open.pop();
    let answered = timeout(DEADLINE, one_more.read_exact(&mut byte)).await;
    answered.unwrap().unwrap();
}

#[tokio::test]
async fn connections_without_a_request_and_many_streams_leave_room_for_a_browser() {
    let server = serve(config(), None).await;
    let mut streams = Vec::new();
    for _ in 0..300 {
        let mut stream = server.events().await;
        event(&mut stream, "start").await;
        streams.push(stream);
    }
    let mut heads = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        heads.push(stream);
    }
    // Before the heads have timed out.
    let answer = timeout(HEAD_TIMEOUT / 2, server.get("/")).await;
    assert_eq!(answer.expect("an answer in time").status, 200);
    let mut rest = Vec::new();
    let ended = timeout(DEADLINE, streams[0].read_to_end(&mut rest)).await;
    ended.expect("the oldest stream ends").unwrap();
    event(&mut streams[299], "health").await;
}
