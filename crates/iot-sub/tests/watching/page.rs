//! Reads the pages of `--metrics`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use testkit::{DEADLINE, Running};

/// Where a program serves its metrics.
#[track_caller]
pub(crate) fn address(program: &Running) -> SocketAddr {
    let line = program.wait_for_stderr("metrics are at http://");
    let (_, address) = line.split_once("http://").unwrap();
    address.strip_suffix("/metrics").unwrap().parse().unwrap()
}

/// The status code and the body of the answer to GET.
#[track_caller]
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = ask(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").parse();
    (status.expect("a number"), body.to_owned())
}

pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // It may answer and close before everything is written.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("no end of the answer: {error}"),
        }
    }
    String::from_utf8(answer).expect("UTF-8")
}

/// The samples of a page by their names, labels included. Checks that the page is what Prometheus
/// wants.
#[track_caller]
pub(crate) fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut family: Option<(&str, &str)> = None;
    let mut help: Option<&str> = None;
    let mut seen = Vec::new();
    assert!(page.ends_with('\n'), "the last line has no end");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').expect("a help text");
            assert!(text.ends_with('.') && !text.contains('\\'), "{line}");
            assert!(help.replace(name).is_none(), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(help.take(), Some(name), "{line}");
            assert!(!seen.contains(&name), "{name} comes twice");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(name.starts_with("iot_sub_"), "{line}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{line}"
            );
            seen.push(name);
            family = Some((name, kind));
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            let (of, kind) = family.expect("a type before it");
            let (bare, labels) = name.split_once('{').unwrap_or((name, "}"));
            match kind {
                "histogram" => {
                    let end = bare.strip_prefix(of).expect("one of the family");
                    assert!(["_bucket", "_sum", "_count"].contains(&end), "{line}");
                    assert_eq!(labels.starts_with("le=\""), end == "_bucket", "{line}");
                }
                _ => assert_eq!(bare, of, "{line}"),
            }
            assert!(!labels.contains("topic"), "{line}");
            assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
        }
    }
    check_histograms(&samples);
    samples
}

#[track_caller]
fn check_histograms(samples: &BTreeMap<String, f64>) {
    for (name, count) in samples.iter().filter(|(name, _)| name.ends_with("_count")) {
        let name = name.strip_suffix("_count").unwrap();
        let prefix = format!("{name}_bucket{{le=\"");
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(bucket, count)| {
                let bound = bucket.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                Some((bound.parse().expect("a bound"), *count))
            })
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.len() > 5, "{name}");
        assert!(
            buckets.is_sorted_by(|one, other| one.1 <= other.1),
            "{name}"
        );
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name}");
        assert!(samples.contains_key(&format!("{name}_sum")), "{name}");
    }
}

pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    #[track_caller]
    pub(crate) fn of(address: SocketAddr) -> Self {
        let (status, page) = get(address, "/metrics");
        assert_eq!(status, 200);
        let scrape = Self(samples(&page));
        scrape.assert_sum();
        scrape
    }

    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> f64 {
        let name = format!("iot_sub_{name}");
        *self.0.get(&name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The equation, in each scrape.
    #[track_caller]
    #[expect(clippy::float_cmp, reason = "they are whole")]
    pub(crate) fn assert_sum(&self) {
        let came = self.value("received_total") + self.value("found_total");
        let went = [
            "stored_total",
            "duplicates_total",
            "rejected_total",
            "skipped_total",
        ]
        .map(|name| self.value(name));
        let went = went.iter().sum::<f64>() + self.value("spooled") + self.value("in_flight");
        assert_eq!(came, went, "{:?}", self.0);
    }
}

/// Waits until a metric has a value.
#[track_caller]
pub(crate) fn becomes(address: SocketAddr, name: &str, expected: f64) -> Scrape {
    let mut last = f64::NAN;
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        let scrape = Scrape::of(address);
        last = scrape.value(name);
        if (last - expected).abs() < 0.5 {
            return scrape;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{name} is {last}, and not {expected}");
}
