//! Messages of known devices with the readings that they become: each file in `devices/` is one
//! device, and one decoder reads it from top to bottom.
//!
//! A message is a line with its topic, lines with its payload, a line `=> FORMAT` or
//! `=> ! REASON`, and a line for each reading: `[TOPIC#]METRIC | VALUE | UNIT | TIME`. A line
//! `series TOPIC#METRIC | NAME | UNIT | DEVICE | CLASS` is what is known of a series. The devices
//! are in Berlin.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use iot_decode::{Decoded, Decoder, Format, Measured, Message, Reason, SeriesFacts, Settings};

/// How many documents of each device there are at least, of which so many are broken.
const DOCUMENTS: usize = 9;
const BROKEN: usize = 3;

/// Marks documents that a device should not send.
const BROKEN_MARK: &str = "# broken";

struct Document<'t> {
    topic: &'t str,
    payload: String,
    expected: String,
    is_broken: bool,
}

fn documents(text: &str) -> Vec<Document<'_>> {
    let blocks = text
        .split("\n\n")
        .map(str::trim)
        .filter(|block| !block.is_empty());
    let mut documents = Vec::new();
    for block in blocks {
        let is_broken = block.lines().any(|line| line.starts_with(BROKEN_MARK));
        let mut lines = block.lines().filter(|line| !line.starts_with("# "));
        let Some(topic) = lines.next() else { continue };
        let lines: Vec<&str> = lines.collect();
        let end = lines.iter().position(|line| line.starts_with("=> "));
        let (payload, expected) = lines.split_at(end.unwrap_or(lines.len()));
        documents.push(Document {
            topic,
            payload: payload.join("\n"),
            expected: expected.join("\n"),
            is_broken,
        });
    }
    documents
}

fn line(reading: &Measured) -> String {
    let mut line = String::new();
    if let Some(topic) = &reading.topic {
        write!(line, "{topic}#").unwrap();
    }
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let time = reading.time.map_or("-".to_owned(), |time| {
        time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    });
    let (metric, unit) = (text(&reading.metric), text(&reading.unit));
    write!(line, "{metric} | {} | {unit} | {time}", reading.value).unwrap();
    line
}

fn series_line(facts: &SeriesFacts) -> String {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let rest = [&facts.name, &facts.unit, &facts.device, &facts.device_class].map(text);
    format!(
        "series {}#{} | {}",
        text(&facts.topic),
        text(&facts.metric),
        rest.join(" | ")
    )
}

fn answer(found: Result<Decoded, Reason>) -> String {
    match found {
        Ok(decoded) => {
            let mut lines = vec![format!("=> {}", decoded.format)];
            lines.extend(decoded.readings.iter().map(line));
            lines.extend(decoded.series.iter().map(series_line));
            lines.join("\n")
        }
        Err(reason) => format!("=> ! {reason}"),
    }
}

/// Decodes all documents of a text in their order.
fn check_documents<'t>(name: &str, text: &'t str) -> Vec<Document<'t>> {
    let settings = Settings {
        timezone: Some("Europe/Berlin".parse().unwrap()),
        ..Settings::default()
    };
    let mut decoder = Decoder::new(Format::Known, settings).unwrap();
    let received = DateTime::from_timestamp(1_795_428_000, 0).unwrap();
    let documents = documents(text);
    for document in &documents {
        let payload = Bytes::from(document.payload.clone());
        let message = Message::new(document.topic, &payload, received);
        let found = answer(decoder.decode(&message));
        assert_eq!(
            found, document.expected,
            "{name}: {} {}",
            document.topic, document.payload
        );
    }
    documents
}

fn check(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let name = path.display().to_string();
    let documents = check_documents(&name, &text);
    let broken = documents
        .iter()
        .filter(|document| document.is_broken)
        .count();
    assert!(
        documents.len() >= DOCUMENTS,
        "{name} has {}",
        documents.len()
    );
    assert!(broken >= BROKEN, "{name} has {broken} broken documents");
}

/// The messages of `docs/devices.md` become what stands there.
#[test]
fn the_page_tells_the_truth() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/devices.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```text\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n```").next().unwrap());
    let text = blocks.collect::<Vec<_>>().join("\n\n");
    let documents = check_documents("docs/devices.md", &text);
    assert!(documents.len() >= 14, "{}", documents.len());
}

macro_rules! devices {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/devices/", stringify!($name), ".txt");
                check(Path::new(file));
            }
        )*

        #[test]
        fn each_file_is_a_test() {
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/devices");
            let mut found: Vec<String> = fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            found.sort();
            assert_eq!(found, [$(concat!(stringify!($name), ".txt")),*]);
        }
    };
}

devices! {
    chirpstack
    esphome
    home_assistant
    openmqttgateway
    other
    owntracks
    shelly
    shelly_gen1
    tasmota
    ttn
    victron
    zigbee2mqtt
}
