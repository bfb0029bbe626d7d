//! `--explain`: how a message would be stored, and what `--decode known` makes of it.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use iot_cli::printable;
use iot_core::Message;
use iot_decode::{Decoder as FormatDecoder, Format, Settings};
use iot_store::{Entry, Extra, IdGenerator, Reading, SeriesUpdate};

use super::assemble::{self, Parts};
use super::decoder::Made;
use super::message_view::view;

/// Longest text of a value that is shown, in characters.
const LONGEST: usize = 200;

/// Explains messages.
#[derive(Debug)]
pub(crate) struct Explainer {
    known: FormatDecoder,
    ids: IdGenerator,
}

/// What is said about one decoding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The format and the number of readings, or why it is rejected.
    summary: String,
    /// A line for each reading and each series.
    details: Vec<String>,
}

impl Explainer {
    /// Returns an explainer.
    ///
    /// # Errors
    /// The known formats cannot be prepared.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self {
            known: FormatDecoder::new(Format::Known, settings)?,
            ids: IdGenerator::new(),
        })
    }

    /// Returns what `--decode known` makes of a message, received at `now`.
    pub(crate) fn known(&mut self, message: &Message, now: DateTime<Utc>) -> Verdict {
        let decoded = match self.known.decode(&view(message, now)) {
            Ok(decoded) => decoded,
            Err(reason) => return Verdict::rejected(&reason.to_string()),
        };
        if let Some(reason) = &decoded.rejection
            && decoded.readings.is_empty()
        {
            return Verdict::rejected(&reason.to_string());
        }
        let format = decoded.format;
        let parts = Parts {
            topic: message.topic.as_str().into(),
            payload: &message.payload,
            now,
            time: None,
            id: Vec::new(),
            extra: Extra::default(),
        };
        let entry = assemble::entry(decoded, parts, &mut self.ids);
        Verdict::of(entry.as_ref(), Some(format), message.topic.as_str(), now)
    }
}

impl Verdict {
    /// Returns what is said about a message of `topic` that was received at `now`.
    pub(crate) fn of_made(made: &Made, topic: &str, now: DateTime<Utc>) -> Self {
        Self::of(made.entry.as_ref(), made.format, topic, now)
    }

    fn of(
        entry: Option<&Entry>,
        format: Option<&'static str>,
        topic: &str,
        now: DateTime<Utc>,
    ) -> Self {
        if let Some(Entry::Rejection(rejection)) = entry {
            return Self::rejected(&rejection.reason);
        }
        let readings = entry.map_or(&[][..], Entry::readings);
        let series = match entry {
            Some(Entry::Readings(readings)) => &readings.series[..],
            _ => &[],
        };
        let count = match readings.len() {
            0 => "no reading: nothing is stored".to_owned(),
            1 => "1 reading".to_owned(),
            count => format!("{count} readings"),
        };
        let readings = readings.iter().map(|reading| line(reading, topic, now));
        let series = series.iter().map(|series| facts(series, topic));
        Self {
            summary: format!("{}, {count}", format.unwrap_or_default()),
            details: readings.chain(series).collect(),
        }
    }

    fn rejected(reason: &str) -> Self {
        Self {
            summary: format!("rejected: {}", printable(reason)),
            details: Vec::new(),
        }
    }
}

/// Appends the lines about a message: how it would be stored, and what is known of it.
pub(crate) fn explain(topic: &str, verdict: &Verdict, known: &Verdict, out: &mut Vec<u8>) {
    let mut text = format!("{}: {}\n", printable(topic), verdict.summary);
    // Writing to memory does not fail.
    for detail in &verdict.details {
        let _ = writeln!(text, "  {detail}");
    }
    if known == verdict {
        text += "  with --decode known: the same\n";
    } else {
        let _ = writeln!(text, "  with --decode known: {}", known.summary);
        for detail in &known.details {
            let _ = writeln!(text, "    {detail}");
        }
    }
    out.extend(text.into_bytes());
}

/// `TOPIC METRIC = VALUE UNIT, at TIME`; the topic only if it is another series' one.
fn line(reading: &Reading, topic: &str, now: DateTime<Utc>) -> String {
    let mut line = name(&reading.topic, reading.metric.as_ref(), topic);
    let value = reading.value.to_string();
    let shown: String = value.chars().take(LONGEST).collect();
    let cut = if shown.len() < value.len() { "…" } else { "" };
    let _ = write!(line, " = {}{cut}", printable(&shown));
    if let Some(unit) = &reading.unit {
        let _ = write!(line, " {}", printable(unit));
    }
    if reading.reg_date == now.trunc_subsecs(3) {
        line += ", at arrival";
    } else {
        let time = reading
            .reg_date
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        let _ = write!(line, ", at {time}");
    }
    line
}

/// What is known of a series beside its readings.
fn facts(series: &SeriesUpdate, topic: &str) -> String {
    let name = name(&series.topic, series.metric.as_ref(), topic);
    let facts = [
        ("name", &series.name),
        ("unit", &series.unit),
        ("device", &series.device),
        ("class", &series.class),
    ];
    let facts = facts.into_iter().filter_map(|(fact, text)| {
        let text = text.as_deref()?;
        Some(format!("{fact} {}", printable(text)))
    });
    format!("series {name}: {}", facts.collect::<Vec<_>>().join(", "))
}

fn name(series: &str, metric: Option<&Arc<str>>, topic: &str) -> String {
    let own = (series != topic).then(|| printable(series).to_string());
    let metric = metric.map(|metric| printable(metric).to_string());
    match (own, metric) {
        (None, None) => "value".to_owned(),
        (own, metric) => { own.into_iter().chain(metric) }
            .collect::<Vec<_>>()
            .join(" "),
    }
}
