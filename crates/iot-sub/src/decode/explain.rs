//! `--explain`: how a message would be stored, and what `--decode known` makes of it.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use iot_cli::printable;
use iot_core::Message;
use iot_decode::{Decoded, Decoder as FormatDecoder, Format, PlainFormat, Settings, Tree};
use iot_store::{Entry, Extra, IdGenerator, Reading, SeriesUpdate};

use super::assemble::{self, Parts};
use super::decoder::Made;
use super::message_view::view;

/// Longest text of a value that is shown, in characters.
const LONGEST: usize = 200;

/// Said of a local time without a time zone.
const NO_TIMEZONE: &str = "its time has no time zone and is not used (give --device-timezone, such as Europe/Berlin or local)";

/// Explains messages.
#[derive(Debug)]
pub(crate) struct Explainer {
    known: FormatDecoder,
    /// What `known` never guesses, and what a person may have forgotten to name.
    others: Vec<FormatDecoder>,
    ids: IdGenerator,
}

/// The formats of `others`. In the order of how seldom another payload looks like one.
const OTHERS: [Format; 3] = [
    Format::Senml,
    Format::Cbor(Tree::Leaves),
    Format::MsgPack(Tree::Leaves),
];

/// What is said about one decoding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The format and the number of readings, or why it is rejected.
    summary: String,
    /// A line for each reading and each series.
    details: Vec<String>,
    /// The format that takes whatever no other one takes, or none at all.
    is_guess: bool,
}

impl Explainer {
    /// Returns an explainer.
    ///
    /// # Errors
    /// The known formats cannot be prepared.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let others = { OTHERS.into_iter() }
            .map(|format| FormatDecoder::new(format, settings.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            others,
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
        Self::verdict(decoded, message, now, &mut self.ids)
    }

    /// Returns what another format makes of a message that nothing else divides into readings, and
    /// the name of that format.
    pub(crate) fn other(
        &mut self,
        message: &Message,
        now: DateTime<Utc>,
    ) -> Option<(String, Verdict)> {
        let is_text = std::str::from_utf8(&message.payload).is_ok();
        self.others.iter_mut().find_map(|other| {
            // Neither a map of CBOR nor one of MessagePack is text.
            if is_text && *other.format() != Format::Senml {
                return None;
            }
            let decoded = other.decode(&view(message, now)).ok()?;
            decoded.readings.first()?.metric.as_ref()?;
            let name = other.format().to_string();
            let verdict = Self::verdict(decoded, message, now, &mut self.ids);
            Some((name, verdict))
        })
    }

    fn verdict(
        decoded: Decoded,
        message: &Message,
        now: DateTime<Utc>,
        ids: &mut IdGenerator,
    ) -> Verdict {
        if let Some(reason) = &decoded.rejection
            && decoded.readings.is_empty()
        {
            return Verdict::rejected(&reason.to_string());
        }
        let (format, lacks_timezone) = (decoded.format, decoded.lacks_timezone);
        let parts = Parts {
            topic: message.topic.as_str().into(),
            payload: &message.payload,
            now,
            time: None,
            id: Vec::new(),
            extra: Extra::default(),
        };
        let entry = assemble::entry(decoded, parts, ids);
        Verdict::of(entry.as_ref(), Some(format), message.topic.as_str(), now)
            .with_hint(lacks_timezone)
    }
}

impl Verdict {
    /// Returns what is said about a message of `topic` that was received at `now`.
    pub(crate) fn of_made(made: &Made, topic: &str, now: DateTime<Utc>) -> Self {
        Self::of(made.entry.as_ref(), made.format, topic, now).with_hint(made.lacks_timezone)
    }

    /// Adds what would give the readings the device's own time.
    fn with_hint(mut self, lacks_timezone: bool) -> Self {
        if lacks_timezone {
            self.details.push(NO_TIMEZONE.to_owned());
        }
        self
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
        let format = format.unwrap_or_default();
        Self {
            summary: format!("{format}, {count}"),
            details: readings.chain(series).collect(),
            is_guess: format == PlainFormat::Auto.name(),
        }
    }

    fn rejected(reason: &str) -> Self {
        Self {
            summary: format!("rejected: {}", printable(reason)),
            details: Vec::new(),
            is_guess: true,
        }
    }

    /// Whether another format may fit better.
    pub(crate) fn is_guess(&self) -> bool {
        self.is_guess
    }
}

/// Appends the lines about a message: how it would be stored, what is known of it, and what another
/// format makes of it.
pub(crate) fn explain(
    topic: &str,
    verdict: &Verdict,
    known: &Verdict,
    other: Option<&(String, Verdict)>,
    out: &mut Vec<u8>,
) {
    let mut text = format!("{}: {}\n", printable(topic), verdict.summary);
    // Writing to memory does not fail.
    for detail in &verdict.details {
        let _ = writeln!(text, "  {detail}");
    }
    if known == verdict {
        text += "  with --decode known: the same\n";
    } else {
        append(&mut text, "known", known);
    }
    if let Some((format, other)) = other {
        append(&mut text, format, other);
    }
    out.extend(text.into_bytes());
}

fn append(text: &mut String, format: &str, verdict: &Verdict) {
    let _ = writeln!(text, "  with --decode {format}: {}", verdict.summary);
    for detail in &verdict.details {
        let _ = writeln!(text, "    {detail}");
    }
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
