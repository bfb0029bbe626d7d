//! A simulated sensor: its models, and the payload with their readings.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use super::format::{Format, Snapshot, Value};
use super::made::Made;
use super::model::{At, Model};
use super::number::push_number;
use super::random::Random;
use super::template::{Message, NAMES, Template};

/// One model as people type it: `daily(14,26)`, or with a name: `temp=daily(14,26)`.
#[derive(Debug, Clone)]
pub(crate) struct NamedModel {
    pub(crate) name: Option<String>,
    pub(crate) model: Model,
}

impl std::str::FromStr for NamedModel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, model)) = text.split_once('=') else {
            return Ok(Self {
                name: None,
                model: text.parse()?,
            });
        };
        Self::new(name.trim(), model)
    }
}

impl NamedModel {
    /// Returns the model with a name for templates.
    pub(crate) fn new(name: &str, model: &str) -> Result<Self, String> {
        if !is_name(name) {
            return Err(format!(
                "`{name}` can't name a model: a name is a letter, then letters, digits and `_`"
            ));
        }
        if NAMES.contains(&name) {
            return Err(format!(
                "`{name}` can't name a model: in templates it is something else"
            ));
        }
        Ok(Self {
            name: Some(name.to_owned()),
            model: model.parse()?,
        })
    }
}

/// Returns whether a template can use the text as a name.
fn is_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

/// What sensors of one kind have in common.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    models: Vec<Model>,
    /// Names and units of the models.
    values: Arc<[Value]>,
    payload: Payload,
    precision: Option<usize>,
}

/// What the payload looks like.
#[derive(Debug, Clone)]
enum Payload {
    /// The reading of the only model.
    Number,
    Template(Arc<Template>),
    Format(Format),
}

/// How the readings become a payload, as options and scenarios say it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Output<'a> {
    /// Excludes the format.
    pub(crate) template: Option<&'a str>,
    pub(crate) format: Option<Format>,
    /// Units of models: by name, or without one that of the only model.
    pub(crate) units: &'a [Unit],
}

/// A unit as people type it: `°C`, or with the name of a model: `temp=°C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) model: Option<String>,
    pub(crate) unit: String,
}

impl std::str::FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (model, unit) = match text.split_once('=') {
            Some((model, unit)) => (Some(model.trim().to_owned()), unit.trim()),
            None => (None, text.trim()),
        };
        if unit.is_empty() || unit.chars().any(char::is_control) {
            return Err("a unit is a short text, as in `°C` or `temp=°C`".into());
        }
        let unit = unit.to_owned();
        Ok(Self { model, unit })
    }
}

impl Kind {
    /// Returns the kind with these models, `uniform(25,26)` if there are none. Without a template
    /// and a format the payload is the number, or JSON with each model's name.
    ///
    /// # Errors
    /// One line: names are missing, the same, or unknown to the template.
    pub(crate) fn new(
        mut models: Vec<NamedModel>,
        output: Output<'_>,
        precision: Option<usize>,
    ) -> Result<Self, String> {
        if models.is_empty() {
            models.push("uniform".parse()?);
        }
        let names = names_of(&models)?;
        let payload = match (output.template, output.format, &names[..]) {
            (Some(_), Some(_), _) => {
                return Err("a payload has a template or a format, not both".into());
            }
            (None, Some(format), _) => Payload::Format(format),
            (None, None, [_]) => Payload::Number,
            (None, None, _) => Payload::Format(Format::Json),
            (Some(template), None, _) => {
                let is_single = names.len() == 1;
                let mut readings: Vec<(String, usize)> = names.iter().cloned().zip(0..).collect();
                // A single model is also the value.
                if is_single && readings[0].0 != "value" {
                    readings.push(("value".into(), 0));
                }
                Payload::Template(Arc::new(Template::new(template, &readings, precision)?))
            }
        };
        Ok(Self {
            models: models.into_iter().map(|model| model.model).collect(),
            values: values_of(names, output.units)?.into(),
            payload,
            precision,
        })
    }

    /// Returns the names and units of the models, if they are sent by a Sparkplug edge node.
    pub(crate) fn sparkplug(&self) -> Option<&[Value]> {
        matches!(self.payload, Payload::Format(Format::Sparkplug)).then_some(&self.values)
    }

    /// Returns the sensor of this kind that is in this device.
    pub(crate) fn sensor(&self, random: Random, device: &str) -> Sensor {
        Sensor {
            kind: self.clone(),
            random,
            device: device.into(),
            messages: 0,
        }
    }
}

fn names_of(models: &[NamedModel]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for model in models {
        let name = match (&model.name, models) {
            (Some(name), _) => name.clone(),
            (None, [_]) => "value".into(),
            (None, _) => {
                return Err("several models need a name each, as in `temp=daily(14,26)`".into());
            }
        };
        if names.contains(&name) {
            return Err(format!("two models have the name `{name}`"));
        }
        names.push(name);
    }
    Ok(names)
}

fn values_of(names: Vec<String>, units: &[Unit]) -> Result<Vec<Value>, String> {
    let is_single = names.len() == 1;
    let values = names.into_iter().map(|name| Value { name, unit: None });
    let mut values: Vec<Value> = values.collect();
    for Unit { model, unit } in units {
        let value = match model {
            Some(model) => values.iter_mut().find(|value| value.name == *model),
            None if is_single => values.first_mut(),
            None => {
                return Err(format!(
                    "`{unit}` needs the name of its model, as in `temp={unit}`"
                ));
            }
        };
        let Some(value) = value else {
            let model = model.as_deref().unwrap_or_default();
            return Err(format!(
                "`{unit}` is the unit of `{model}`, and no model has that name"
            ));
        };
        value.unit = Some(unit.clone());
    }
    Ok(values)
}

/// One sensor.
#[derive(Debug)]
pub(crate) struct Sensor {
    kind: Kind,
    random: Random,
    device: Arc<str>,
    messages: u64,
}

impl Sensor {
    /// Returns what the sensor sends next; `None` if all models have dropped out. One of several
    /// that has dropped out is `null`.
    ///
    /// # Errors
    /// What the template cannot do with the readings, on one line.
    pub(crate) fn next(
        &mut self,
        at: At,
        time: DateTime<FixedOffset>,
    ) -> Result<Option<Made>, String> {
        let Self { kind, random, .. } = self;
        let models = kind.models.iter_mut();
        let readings: Vec<Option<f64>> = models.map(|model| model.next(at, random)).collect();
        if readings.iter().all(Option::is_none) {
            return Ok(None);
        }
        self.messages += 1;
        Ok(Some(match &kind.payload {
            Payload::Number => {
                let mut text = String::new();
                push_reading(&mut text, readings[0], kind.precision);
                Made::new(text.into())
            }
            Payload::Format(format) => format.message(&Snapshot {
                device: &self.device,
                values: &kind.values,
                readings: &readings,
                time,
                precision: kind.precision,
            }),
            Payload::Template(template) => {
                let text = template.render(Message {
                    readings,
                    time: time.to_utc(),
                    seq: self.messages,
                    device: Arc::clone(&self.device),
                })?;
                Made::new(text.into())
            }
        }))
    }

    /// Returns the names and units of the models, if they are sent by a Sparkplug edge node.
    pub(crate) fn sparkplug(&self) -> Option<&[Value]> {
        self.kind.sparkplug()
    }
}

fn push_reading(text: &mut String, reading: Option<f64>, precision: Option<usize>) {
    match reading {
        Some(reading) => push_number(text, reading, precision),
        None => text.push_str("null"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::NaiveTime;

    use super::*;

    #[track_caller]
    fn kind(models: &[&str], template: Option<&str>) -> Result<Kind, String> {
        let models = models.iter().map(|model| model.parse().unwrap()).collect();
        let output = Output {
            template,
            ..Output::default()
        };
        Kind::new(models, output, Some(1))
    }

    #[track_caller]
    fn case(models: &[&str], template: Option<&str>, expected: &[Option<&str>]) {
        let kind = kind(models, template).unwrap();
        let mut sensor = kind.sensor(Random::new(1, 0), "shed");
        let at = At {
            elapsed: Duration::ZERO,
            time_of_day: NaiveTime::MIN,
        };
        let time = DateTime::from_timestamp_millis(1_750_000_000_123).unwrap();
        for expected in expected {
            let made = sensor.next(at, time.fixed_offset()).unwrap();
            let payload = made.map(|made| String::from_utf8(made.payload.into()).unwrap());
            assert_eq!(payload.as_deref(), *expected);
        }
    }

    #[test]
    fn without_a_template_it_is_the_number_or_json() {
        case(&["counter(1)"], None, &[Some("1.0"), Some("2.0")]);
        case(&["n=counter(1)"], None, &[Some("1.0")]);
        case(
            &["b=counter(1)", "a=constant(5)"],
            None,
            &[Some(r#"{"b": 1.0, "a": 5.0}"#)],
        );
    }

    #[test]
    fn a_template_has_the_time_the_number_and_the_name() {
        case(
            &["constant(5)"],
            Some(
                r#"{"t": {{value}}, "at": "{{now}}", "ms": {{now_ms}}, "seq": {{seq}}, "id": "{{device}}"}"#,
            ),
            &[
                Some(
                    r#"{"t": 5.0, "at": "2025-06-15T15:06:40.123Z", "ms": 1750000000123, "seq": 1, "id": "shed"}"#,
                ),
                Some(
                    r#"{"t": 5.0, "at": "2025-06-15T15:06:40.123Z", "ms": 1750000000123, "seq": 2, "id": "shed"}"#,
                ),
            ],
        );
        case(
            &["t=constant(5)"],
            Some("{{t}}={{value}}"),
            &[Some("5.0=5.0")],
        );
    }

    #[test]
    fn a_dropout_is_silent_or_null_beside_others() {
        case(&["uniform+dropout(1)"], Some("{{seq}}"), &[None, None]);
        case(
            &["a=uniform+dropout(1)", "b=counter(1)"],
            None,
            &[Some(r#"{"a": null, "b": 1.0}"#)],
        );
    }

    #[test]
    fn units_belong_to_models() {
        #[track_caller]
        fn case(models: &[&str], units: &[&str], expected: Result<&[Option<&str>], &str>) {
            let models = models.iter().map(|model| model.parse().unwrap()).collect();
            let units: Vec<Unit> = units.iter().map(|unit| unit.parse().unwrap()).collect();
            let output = Output {
                units: &units,
                ..Output::default()
            };
            let found = Kind::new(models, output, None);
            let found = found.as_ref().map(|kind| {
                let units = kind.values.iter().map(|value| value.unit.as_deref());
                units.collect::<Vec<_>>()
            });
            let expected = expected.map(<[_]>::to_vec).map_err(str::to_owned);
            assert_eq!(found.map_err(Clone::clone), expected);
        }
        case(&["uniform"], &["°C"], Ok(&[Some("°C")]));
        case(&["a=uniform", "b=walk"], &["b=%"], Ok(&[None, Some("%")]));
        case(
            &["a=uniform", "b=walk"],
            &["%"],
            Err("`%` needs the name of its model, as in `temp=%`"),
        );
        case(
            &["a=uniform"],
            &["b=%"],
            Err("`%` is the unit of `b`, and no model has that name"),
        );
        assert!("a=".parse::<Unit>().is_err());
    }

    #[test]
    fn wrong_names_are_reported() {
        #[track_caller]
        fn case(models: &[&str], template: Option<&str>, expected: &str) {
            assert_eq!(kind(models, template).unwrap_err(), expected);
        }
        case(
            &["uniform", "walk"],
            None,
            "several models need a name each, as in `temp=daily(14,26)`",
        );
        case(
            &["a=uniform", "a=walk"],
            None,
            "two models have the name `a`",
        );
        case(
            &["uniform"],
            Some("{{temp}}"),
            "unknown {{temp}}: known are {{value}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
        );
        case(
            &["a=uniform", "b=walk"],
            Some("{{value}}"),
            "unknown {{value}}: known are {{a}}, {{b}}, {{now}}, {{now_ms}}, {{seq}}, {{device}}",
        );
        let name = |text: &str| text.parse::<NamedModel>().unwrap_err();
        assert_eq!(
            name("now=uniform"),
            "`now` can't name a model: in templates it is something else"
        );
        assert_eq!(
            name("a b=uniform"),
            "`a b` can't name a model: a name is a letter, then letters, digits and `_`"
        );
    }
}
