//! `rejected`: what was not stored, and why.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::{Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use iot_cli::{Origins, Timezone, make_printable, notify};
use iot_store::ReadingId;
use iot_store::read::{Reader, RejectionRow, TimeRange};
use serde_json::json;

use crate::args::RejectedArgs;
use crate::open::open;
use crate::stdout;
use crate::table::{Align, Table};

/// Lines that are written at once.
const PORTION: usize = 500;

/// Prints the reasons, the messages, or a payload.
pub(crate) fn run(args: &RejectedArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let period = args.period.period(iot_store::now(), None, origins)?;
    let range = TimeRange {
        since: period.since,
        until: period.until,
    };
    let mut reader = open(&args.store)?;
    match args.payload {
        Some(id) => payload(&mut *reader, id)?,
        None if args.list => list(&mut *reader, range, &period.zone, args.json)?,
        None => groups(&mut *reader, range, &period.zone, args.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn groups(reader: &mut dyn Reader, range: TimeRange, zone: &Timezone, as_json: bool) -> Result<()> {
    let groups = reader.rejection_groups(range)?;
    if groups.is_empty() {
        notify(
            "iot-view",
            &format!("no rejected messages in {}", reader.name()),
        );
        return Ok(());
    }
    if as_json {
        let line = |group: &iot_store::read::RejectionGroup| {
            let object = json!({
                "reason": group.reason,
                "messages": group.count,
                "topics": group.topics,
                "bytes": group.bytes,
                "first": rfc3339(group.first),
                "last": rfc3339(group.last.time),
                "last_topic": &*group.last.topic,
                "last_id": group.last.id.to_string(),
            });
            format!("{object}\n")
        };
        return stdout::print(&groups.iter().map(line).collect::<String>());
    }
    let mut table = Table::new(&[
        ("messages", Align::Right),
        ("topics", Align::Right),
        ("first", Align::Left),
        ("last", Align::Left),
        ("last topic", Align::Left),
        ("last id", Align::Left),
        ("reason", Align::Left),
    ]);
    for group in groups {
        table.push([
            group.count.to_string(),
            group.topics.to_string(),
            local(group.first, zone),
            local(group.last.time, zone),
            group.last.topic.to_string(),
            group.last.id.to_string(),
            group.reason,
        ]);
    }
    stdout::print_lines(&table.lines())
}

fn list(reader: &mut dyn Reader, range: TimeRange, zone: &Timezone, as_json: bool) -> Result<()> {
    let mut failed = None;
    let mut portion = Vec::new();
    let mut has_header = false;
    let mut print = |portion: &mut Vec<RejectionRow>| {
        let text: Vec<String> = if as_json {
            portion.iter().map(json_line).collect()
        } else {
            let mut lines = table(portion, zone).lines();
            if std::mem::replace(&mut has_header, true) {
                lines.remove(0);
            }
            lines
        };
        portion.clear();
        stdout::print_lines(&text)
    };
    reader.rejections(range, None, &mut |row| {
        portion.push(row);
        if portion.len() < PORTION {
            return ControlFlow::Continue(());
        }
        match print(&mut portion) {
            Ok(()) if !stdout::has_gone() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    if !portion.is_empty() {
        print(&mut portion)?;
    }
    failed.map_or(Ok(()), Err)
}

fn table(rows: &[RejectionRow], zone: &Timezone) -> Table {
    let mut table = Table::new(&[
        ("time", Align::Left),
        ("id", Align::Left),
        ("bytes", Align::Right),
        ("topic", Align::Left),
        ("reason", Align::Left),
    ]);
    for row in rows {
        table.push([
            local(row.time, zone),
            row.id.to_string(),
            row.length.to_string(),
            row.topic.to_string(),
            row.reason.clone(),
        ]);
    }
    table
}

fn json_line(row: &RejectionRow) -> String {
    json!({
        "id": row.id.to_string(),
        "topic": &*row.topic,
        "reason": row.reason,
        "bytes": row.length,
        "kept": row.kept,
        "sha256": row.sha256,
        "time": rfc3339(row.time),
    })
    .to_string()
}

fn payload(reader: &mut dyn Reader, id: ReadingId) -> Result<()> {
    let Some(rejection) = reader.rejection(id)? else {
        bail!("no rejected message has the id {id} (--list prints them)");
    };
    let mut bytes = rejection.payload.to_vec();
    let kept = bytes.len() as u64;
    if io::stdout().is_terminal() {
        make_printable(&mut bytes, 0, true);
        bytes.push(b'\n');
    }
    if kept < rejection.length {
        let line = format!("of {} bytes, the first {kept} are kept", rejection.length);
        notify("iot-view", &line);
    }
    let mut out = io::stdout().lock();
    let written = out.write_all(&bytes).and_then(|()| out.flush());
    stdout::checked(written)
}

fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn local(time: DateTime<Utc>, zone: &Timezone) -> String {
    zone.local_time(time).format("%F %T").to_string()
}
