//! A fleet of devices, described in a TOML file: groups that have what they publish in common.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use std::{fmt, fs};

use anyhow::{Context, Result, anyhow};
use iot_cli::UsageError;
use iot_cli::{io_reason, parse_duration};
use iot_core::{QoS, TopicName};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use crate::payload::sensor::{Kind, NamedModel};
use crate::topic_template::Template;

/// More than anybody describes on purpose.
const MAX_DEVICES: usize = 1_000_000;

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    group: Vec<Spanned<Group>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Group {
    name: Spanned<String>,
    count: Option<Spanned<i64>>,
    topic: Spanned<String>,
    qos: Option<Spanned<i64>>,
    retain: Option<bool>,
    model: Option<Spanned<Models>>,
    payload_template: Option<Spanned<String>>,
    precision: Option<Spanned<i64>>,
    interval: Option<Spanned<String>>,
    jitter: Option<Spanned<String>>,
}

/// One model, or several with names, in the order of the file.
#[derive(Debug)]
enum Models {
    One(String),
    Named(Vec<(Spanned<String>, Spanned<String>)>),
}

// Not `untagged`, which forgets where values stand.
impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModelsVisitor)
    }
}

struct ModelsVisitor;

impl<'de> Visitor<'de> for ModelsVisitor {
    type Value = Models;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model, or a table of models with names")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Models, E> {
        Ok(Models::One(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Models, A::Error> {
        let mut models: Vec<(Spanned<String>, Spanned<String>)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            models.push(entry);
        }
        models.sort_by_key(|(name, _)| name.span().start);
        Ok(Models::Named(models))
    }
}

/// What the command line says for groups that don't.
#[derive(Debug, Clone)]
pub(crate) struct Defaults {
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) precision: Option<usize>,
    pub(crate) interval: Duration,
    pub(crate) jitter: Option<Duration>,
}

/// One device as the scenario wants it.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) kind: Kind,
    pub(crate) interval: Duration,
    pub(crate) jitter: Duration,
}

/// What fills a gap of a topic.
#[derive(Debug, Clone, Copy)]
enum Gap {
    Device,
    Group,
    Number,
}

/// Returns the devices that the file at `path` describes.
///
/// # Errors
/// The system's, for a file that can't be read. One line with the file, the line and the key for what is wrong in it.
pub(crate) fn read(path: &Path, defaults: &Defaults) -> Result<Vec<Wanted>> {
    let name = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| anyhow!(io_reason(&error)))
        .with_context(|| format!("cannot read scenario `{name}`"))?;
    let source = Text { text: &text };
    let wanted = source.devices(defaults);
    wanted.map_err(|wrong| UsageError::new(source.line(&name.to_string(), &wrong)).into())
}

/// What is wrong in the file, and where.
#[derive(Debug)]
struct Wrong {
    span: Option<Range<usize>>,
    why: String,
}

fn wrong<T>(at: &Spanned<T>, why: impl Into<String>) -> Wrong {
    Wrong {
        span: Some(at.span()),
        why: why.into(),
    }
}

/// Reads a value that the file has as text, or takes the default.
fn parsed<T>(
    value: Option<&Spanned<String>>,
    default: T,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Wrong> {
    let Some(value) = value else {
        return Ok(default);
    };
    parse(value.get_ref()).map_err(|why| wrong(value, format!("`{}`: {why}", value.get_ref())))
}

/// Reads a whole number in a range, or takes the default.
fn whole(
    value: Option<&Spanned<i64>>,
    default: usize,
    range: Range<usize>,
) -> Result<usize, Wrong> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = *value.get_ref();
    let found = usize::try_from(number).ok().filter(|n| range.contains(n));
    found.ok_or_else(|| {
        let (first, last) = (range.start, range.end - 1);
        wrong(
            value,
            format!("{number} is not a whole number from {first} to {last}"),
        )
    })
}

struct Text<'a> {
    text: &'a str,
}

impl Text<'_> {
    fn devices(&self, defaults: &Defaults) -> Result<Vec<Wanted>, Wrong> {
        let file: File = toml::from_str(self.text).map_err(|error| Wrong {
            span: error.span(),
            why: error.message().replace('\n', "; "),
        })?;
        if file.group.is_empty() {
            return Err(Wrong {
                span: None,
                why: "no group: a scenario needs at least one [[group]] with a name and a topic"
                    .into(),
            });
        }
        let mut devices = Vec::new();
        let mut names = BTreeSet::new();
        for group in &file.group {
            let group = group.get_ref();
            if !names.insert(group.name.get_ref()) {
                let why = format!("two groups have the name `{}`", group.name.get_ref());
                return Err(wrong(&group.name, why));
            }
            devices.extend(devices_of(group, defaults, MAX_DEVICES - devices.len())?);
        }
        Ok(devices)
    }

    /// Returns `FILE:LINE: KEY: WHY`, as much of it as is known.
    fn line(&self, name: &str, wrong: &Wrong) -> String {
        let Some(span) = &wrong.span else {
            return format!("{name}: {}", wrong.why);
        };
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let number = before.matches('\n').count() + 1;
        let line = self.text.lines().nth(number - 1).unwrap_or_default();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let key = match line.split_once('=') {
            // In an inline table the key stands nearer.
            Some((key, _)) if key.len() <= column => {
                let near = line.get(..column).unwrap_or(line).trim_end();
                let near = near.strip_suffix('=').unwrap_or(key).trim_end();
                let from = near.rfind(['{', ',', ' ']).map_or(0, |at| at + 1);
                near[from..].trim()
            }
            _ => "",
        };
        match key {
            "" => format!("{name}:{number}: {}", wrong.why),
            key => format!("{name}:{number}: {key}: {}", wrong.why),
        }
    }
}

fn devices_of(group: &Group, defaults: &Defaults, room: usize) -> Result<Vec<Wanted>, Wrong> {
    let name = group.name.get_ref();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        let why = format!("`{name}`: a name has letters, digits, `-`, `_` and `.`");
        return Err(wrong(&group.name, why));
    }
    let count = whole(group.count.as_ref(), 1, 1..MAX_DEVICES + 1)?;
    if count > room {
        let count = group.count.as_ref().map_or(0..0, Spanned::span);
        return Err(Wrong {
            span: Some(count),
            why: format!("more than {MAX_DEVICES} devices in all"),
        });
    }
    let gaps = [
        ("device".into(), Gap::Device),
        ("group".into(), Gap::Group),
        ("number".into(), Gap::Number),
    ];
    let in_topic = |why: String| wrong(&group.topic, why);
    let template = Template::new(group.topic.get_ref(), &gaps).map_err(in_topic)?;
    let default_qos = usize::from(defaults.qos as u8);
    let qos = whole(group.qos.as_ref(), default_qos, 0..3)?;
    let qos = u8::try_from(qos).ok().and_then(|qos| qos.try_into().ok());
    let precision = match &group.precision {
        None => defaults.precision,
        precision => Some(whole(precision.as_ref(), 0, 0..16)?),
    };
    let interval = parsed(group.interval.as_ref(), defaults.interval, parse_duration)?;
    let default_jitter = defaults.jitter.unwrap_or_default().min(interval);
    let jitter = parsed(group.jitter.as_ref(), default_jitter, parse_duration)?;
    if let Some(at) = &group.jitter
        && jitter > interval
    {
        let why = format!("{jitter:?} is longer than the interval of {interval:?}");
        return Err(wrong(at, why));
    }
    let models = match &group.model {
        None => Vec::new(),
        Some(models) => named_models(models)?,
    };
    let payload = group.payload_template.as_ref();
    let kind = Kind::new(
        models,
        payload.map(|text| text.get_ref().as_str()),
        precision,
    );
    let kind = kind.map_err(|why| match (payload, &group.model) {
        (Some(at), _) => wrong(at, why),
        (None, Some(at)) => wrong(at, why),
        (None, None) => wrong(&group.name, why),
    })?;
    let mut devices = Vec::with_capacity(count);
    for number in 1..=count {
        let device = match count {
            1 => name.clone(),
            _ => format!("{name}-{number}"),
        };
        let topic = template.fill(|gap, text| match gap {
            Gap::Device => text.push_str(&device),
            Gap::Group => text.push_str(name),
            Gap::Number => text.push_str(&number.to_string()),
        });
        devices.push(Wanted {
            topic: TopicName::new(topic).map_err(|error| in_topic(error.to_string()))?,
            name: device,
            qos: qos.unwrap_or(defaults.qos),
            retain: group.retain.unwrap_or(defaults.retain),
            kind: kind.clone(),
            interval,
            jitter,
        });
    }
    Ok(devices)
}

fn named_models(models: &Spanned<Models>) -> Result<Vec<NamedModel>, Wrong> {
    match models.get_ref() {
        Models::One(text) => {
            let model = NamedModel::from_str(text).map_err(|why| wrong(models, why))?;
            Ok(vec![model])
        }
        Models::Named(table) => {
            let model = |(name, text): &(Spanned<String>, Spanned<String>)| {
                NamedModel::new(name.get_ref(), text.get_ref()).map_err(|why| wrong(text, why))
            };
            table.iter().map(model).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Defaults {
        Defaults {
            qos: QoS::AtLeastOnce,
            retain: true,
            precision: Some(1),
            interval: Duration::from_secs(7),
            jitter: None,
        }
    }

    #[track_caller]
    fn devices(text: &str) -> Vec<Wanted> {
        Text { text }.devices(&defaults()).unwrap()
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let text = Text { text };
        let wrong = text.devices(&defaults()).unwrap_err();
        assert_eq!(text.line("f.toml", &wrong), expected);
    }

    #[test]
    fn a_group_says_what_its_devices_publish() {
        let devices = devices(
            r#"
            [[group]]
            name = "shelf"
            count = 2
            topic = "plant/{group}/{number}/{device}"
            qos = 2
            retain = false
            interval = "30s"
            jitter = "2s"
            model = { temp = "daily(14,26)", hum = "walk" }

            [[group]]
            name = "door"
            topic = "plant/door"
            "#,
        );
        let topics: Vec<&str> = devices.iter().map(|device| device.topic.as_str()).collect();
        assert_eq!(
            topics,
            [
                "plant/shelf/1/shelf-1",
                "plant/shelf/2/shelf-2",
                "plant/door"
            ]
        );
        let names: Vec<&str> = devices.iter().map(|device| &*device.name).collect();
        assert_eq!(names, ["shelf-1", "shelf-2", "door"]);
        let (shelf, door) = (&devices[1], &devices[2]);
        assert_eq!((shelf.qos, shelf.retain), (QoS::ExactlyOnce, false));
        assert_eq!(shelf.interval, Duration::from_secs(30));
        assert_eq!(shelf.jitter, Duration::from_secs(2));
        // What the group doesn't say, the command line does.
        assert_eq!((door.qos, door.retain), (QoS::AtLeastOnce, true));
        assert_eq!(door.interval, Duration::from_secs(7));
        assert_eq!(door.jitter, Duration::ZERO);
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_key() {
        const NEEDS: &str = "a scenario needs at least one [[group]] with a name and a topic";
        refused("", &format!("f.toml: no group: {NEEDS}"));
        refused(
            "[[groups]]\nname = 'a'",
            "f.toml:1: unknown field `groups`, expected `group`",
        );
        refused(
            "[[group]]\nname = 'a'\nnmae = 'b'\ntopic = 't'",
            "f.toml:3: unknown field `nmae`, expected one of `name`, `count`, `topic`, `qos`, `retain`, `model`, \
             `payload-template`, `precision`, `interval`, `jitter`",
        );
        refused("[[group]]\nname = 'a'", "f.toml:1: missing field `topic`");
        refused(
            "[[group]]\nname = 'a",
            "f.toml:2: name: invalid literal string, expected `'`",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\ninterval = 30",
            "f.toml:4: interval: invalid type: integer `30`, expected a string",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\ninterval = '2d'",
            "f.toml:4: interval: `2d`: a duration is a positive number and its unit: 500ms, 2s, 1m or 1h",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\njitter = '8s'",
            "f.toml:4: jitter: 8s is longer than the interval of 7s",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\ncount = 0",
            "f.toml:4: count: 0 is not a whole number from 1 to 1000000",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\nqos = 3",
            "f.toml:4: qos: 3 is not a whole number from 0 to 2",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't/+'",
            "f.toml:3: topic: topic name `t/+` holds the wildcard `+`, which only a topic filter may",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't/{id}'",
            "f.toml:3: topic: unknown {id}: known are {device}, {group}, {number}",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't/{number'",
            "f.toml:3: topic: `{number` has no }: known are {device}, {group}, {number}",
        );
        refused(
            "[[group]]\nname = 'a b'\ntopic = 't'",
            "f.toml:2: name: `a b`: a name has letters, digits, `-`, `_` and `.`",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\n\n[[group]]\nname = 'a'\ntopic = 't'",
            "f.toml:6: name: two groups have the name `a`",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\nmodel = 'constant(x)'",
            "f.toml:4: model: `constant(x)`: VALUE is a number, and `x` is not; it reads constant(VALUE); the models are \
             uniform, normal, walk, sine, daily, steps, constant, counter; on top of them dropout, spike, stuck, drift, clamp",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\nmodel = { t = 'walk', now = 'walk' }",
            "f.toml:4: now: `now` can't name a model: in templates it is something else",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\nmodel = 5",
            "f.toml:4: model: invalid type: integer `5`, expected a model, or a table of models with names",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\npayload-template = '{{x}}'",
            "f.toml:4: payload-template: unknown {{x}}: known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
        );
        refused(
            "[[group]]\nname = 'a'\ntopic = 't'\npayload-template = '{\"t\": value}}'",
            "f.toml:4: payload-template: }} after `value` ends no placeholder: \
             known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
        );
    }

    #[test]
    fn a_million_devices_are_enough() {
        let group =
            |name: &str| format!("[[group]]\nname = '{name}'\ntopic = 't'\ncount = 600000\n");
        refused(
            &(group("a") + &group("b")),
            "f.toml:8: count: more than 1000000 devices in all",
        );
    }
}
