//! The devices of one group of a scenario.

use std::str::FromStr;
use std::time::Duration;

use iot_cli::parse_duration;
use iot_core::{QoS, TopicName};
use toml::Spanned;

use super::fault::{Fault, fault, parsed, whole};
use super::file::{Group, Texts};
use super::spec::{Defaults, DeviceSpec};
use crate::edge_nodes::SeriesTopic;
use crate::payload::format::Format;
use crate::payload::sensor::{Kind, NamedModel, Output, Unit};
use crate::topic_template::Template;

/// The most devices of a scenario. More are a mistake.
pub(super) const MAX_DEVICES: usize = 1_000_000;

/// What replaces a placeholder of a topic.
#[derive(Debug, Clone, Copy)]
enum Placeholder {
    Device,
    Group,
    Number,
}

/// Returns the devices of a group: at most `room`.
///
/// # Errors
/// What is wrong with a key of the group.
pub(super) fn devices_of(
    group: &Group,
    defaults: &Defaults,
    room: usize,
) -> Result<Vec<DeviceSpec>, Fault> {
    let name = name_of(group)?;
    let count = count_of(group, room)?;
    let topic = topic_of(group)?;
    let (interval, jitter) = timing_of(group, defaults)?;
    let kind = kind_of(group, defaults)?;
    let is_sparkplug = kind.sparkplug().is_some();
    let (qos, retain) = if is_sparkplug {
        check_sparkplug(group)?;
        (QoS::AtMostOnce, false)
    } else {
        let retain = group.retain.as_ref().map(Spanned::get_ref);
        (
            qos_of(group, defaults)?,
            *retain.unwrap_or(&defaults.retain),
        )
    };
    let device = |number: usize| {
        let device = match count {
            1 => name.to_owned(),
            _ => format!("{name}-{number}"),
        };
        let topic = topic.fill(|placeholder, text| match placeholder {
            Placeholder::Device => text.push_str(&device),
            Placeholder::Group => text.push_str(name),
            Placeholder::Number => text.push_str(&number.to_string()),
        });
        if is_sparkplug {
            SeriesTopic::read(&topic).map_err(|why| fault(&group.topic, why))?;
        }
        Ok(DeviceSpec {
            topic: TopicName::new(topic).map_err(|error| fault(&group.topic, error.to_string()))?,
            name: device,
            qos,
            retain,
            kind: kind.clone(),
            interval,
            jitter,
        })
    };
    (1..=count).map(device).collect()
}

fn name_of(group: &Group) -> Result<&str, Fault> {
    let name = group.name.get_ref();
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_plain) {
        let why = format!("`{name}`: a name has letters, digits, `-`, `_` and `.`");
        return Err(fault(&group.name, why));
    }
    Ok(name)
}

fn count_of(group: &Group, room: usize) -> Result<usize, Fault> {
    let count = whole(group.count.as_ref(), 1, 1..MAX_DEVICES + 1)?;
    if count > room {
        let span = group.count.as_ref().map_or(0..0, Spanned::span);
        return Err(Fault {
            span: Some(span),
            why: format!("more than {MAX_DEVICES} devices in all"),
        });
    }
    Ok(count)
}

fn topic_of(group: &Group) -> Result<Template<Placeholder>, Fault> {
    let known = [
        ("device".into(), Placeholder::Device),
        ("group".into(), Placeholder::Group),
        ("number".into(), Placeholder::Number),
    ];
    Template::new(group.topic.get_ref(), &known).map_err(|why| fault(&group.topic, why))
}

fn qos_of(group: &Group, defaults: &Defaults) -> Result<QoS, Fault> {
    let default = usize::from(defaults.qos as u8);
    let qos = whole(group.qos.as_ref(), default, 0..3)?;
    let qos = u8::try_from(qos).ok().and_then(|qos| qos.try_into().ok());
    Ok(qos.unwrap_or(defaults.qos))
}

/// Returns the interval and the jitter.
fn timing_of(group: &Group, defaults: &Defaults) -> Result<(Duration, Duration), Fault> {
    let interval = parsed(group.interval.as_ref(), defaults.interval, parse_duration)?;
    let default = defaults.jitter.unwrap_or_default().min(interval);
    let jitter = parsed(group.jitter.as_ref(), default, parse_duration)?;
    if let Some(at) = &group.jitter
        && jitter > interval
    {
        let why = format!("{jitter:?} is longer than the interval of {interval:?}");
        return Err(fault(at, why));
    }
    Ok((interval, jitter))
}

fn kind_of(group: &Group, defaults: &Defaults) -> Result<Kind, Fault> {
    let precision = match &group.precision {
        None => defaults.precision,
        precision => Some(whole(precision.as_ref(), 0, 0..16)?),
    };
    let models = match &group.model {
        None => Vec::new(),
        Some(models) => named_models(models)?,
    };
    let units = match &group.unit {
        None => Vec::new(),
        Some(units) => units_of(units)?,
    };
    let template = group.payload_template.as_ref();
    let format = match &group.format {
        None => defaults.format.filter(|_| template.is_none()),
        Some(format) => {
            let parsed = Format::parse(format.get_ref());
            Some(parsed.map_err(|why| fault(format, format!("`{}`: {why}", format.get_ref())))?)
        }
    };
    let output = Output {
        template: template.map(|text| text.get_ref().as_str()),
        format,
        units: &units,
    };
    Kind::new(models, output, precision).map_err(|why| match (template, &group.model) {
        (Some(at), _) => fault(at, why),
        (None, Some(at)) => fault(at, why),
        (None, None) => fault(&group.name, why),
    })
}

fn named_models(models: &Spanned<Texts>) -> Result<Vec<NamedModel>, Fault> {
    match models.get_ref() {
        Texts::One(text) => {
            let model = NamedModel::from_str(text).map_err(|why| fault(models, why))?;
            Ok(vec![model])
        }
        Texts::Named(table) => {
            let model = |(name, text): &(Spanned<String>, Spanned<String>)| {
                NamedModel::new(name.get_ref(), text.get_ref()).map_err(|why| fault(text, why))
            };
            table.iter().map(model).collect()
        }
    }
}

fn units_of(units: &Spanned<Texts>) -> Result<Vec<Unit>, Fault> {
    match units.get_ref() {
        Texts::One(text) => {
            let unit = Unit::from_str(text).map_err(|why| fault(units, why))?;
            Ok(vec![unit])
        }
        Texts::Named(table) => {
            let unit = |(name, text): &(Spanned<String>, Spanned<String>)| Unit {
                model: Some(name.get_ref().clone()),
                unit: text.get_ref().clone(),
            };
            Ok(table.iter().map(unit).collect())
        }
    }
}

/// Checks what Sparkplug has rules for.
fn check_sparkplug(group: &Group) -> Result<(), Fault> {
    if let Some(qos) = group.qos.as_ref().filter(|qos| *qos.get_ref() != 0) {
        return Err(fault(qos, "a Sparkplug edge node publishes with QoS 0"));
    }
    match group.retain.as_ref().filter(|retain| *retain.get_ref()) {
        Some(retain) => Err(fault(retain, "a Sparkplug edge node retains nothing")),
        None => Ok(()),
    }
}
