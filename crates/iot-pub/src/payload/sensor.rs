//! A simulated sensor: its models, and the payload that holds what they say.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

use super::model::{At, Model};
use super::random::Random;
use super::template::{PAYLOAD, Template, is_name, push_number};

/// What the gaps of a payload template are filled with, but for the models.
const GAPS: [(&str, Gap); 4] = [
    ("now", Gap::Now),
    ("now_ms", Gap::NowMs),
    ("seq", Gap::Seq),
    ("device", Gap::Device),
];

/// What fills a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// The reading of the model at this place.
    Model(usize),
    /// The time, RFC 3339 in UTC.
    Now,
    /// The time in milliseconds since 1970.
    NowMs,
    /// Counts the messages of the device, from 1.
    Seq,
    /// The device's name.
    Device,
}

/// One model as it is given: `daily(14,26)`, or with a name: `temp=daily(14,26)`.
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
        if GAPS.iter().any(|(gap, _)| *gap == name) {
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

/// What sensors of one kind have in common.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    models: Vec<Model>,
    template: Arc<Template<Gap>>,
    precision: Option<usize>,
}

impl Kind {
    /// Returns the kind with these models, `uniform(25,26)` if there are none. Without a template the payload is the
    /// number, or JSON with each model's name.
    ///
    /// # Errors
    /// One line, where names are missing, the same, or unknown to the template.
    pub(crate) fn new(
        mut models: Vec<NamedModel>,
        template: Option<&str>,
        precision: Option<usize>,
    ) -> Result<Self, String> {
        if models.is_empty() {
            models.push("uniform".parse()?);
        }
        let mut gaps: Vec<(String, Gap)> = Vec::new();
        for (place, model) in models.iter().enumerate() {
            let name = match (&model.name, &models[..]) {
                (Some(name), _) => name.clone(),
                (None, [_]) => "value".into(),
                (None, _) => {
                    return Err("several models need a name each, as in `temp=daily(14,26)`".into());
                }
            };
            if gaps.iter().any(|(other, _)| *other == name) {
                return Err(format!("two models have the name `{name}`"));
            }
            gaps.push((name, Gap::Model(place)));
        }
        let template = match (template, &gaps[..]) {
            (Some(template), _) => template.to_owned(),
            (None, [_]) => format!("{{{{{}}}}}", gaps[0].0),
            (None, gaps) => {
                let member = |(name, _): &(String, Gap)| format!("\"{name}\": {{{{{name}}}}}");
                let members: Vec<String> = gaps.iter().map(member).collect();
                format!("{{{}}}", members.join(", "))
            }
        };
        if let ([_], Some(name)) = (&models[..], &models[0].name)
            && name != "value"
        {
            gaps.push(("value".into(), Gap::Model(0)));
        }
        gaps.extend(GAPS.map(|(name, gap)| (name.to_owned(), gap)));
        Ok(Self {
            template: Arc::new(Template::new(&template, PAYLOAD, &gaps)?),
            models: models.into_iter().map(|model| model.model).collect(),
            precision,
        })
    }

    /// Returns a sensor of this kind.
    pub(crate) fn sensor(&self, random: Random) -> Sensor {
        Sensor {
            kind: self.clone(),
            random,
            messages: 0,
        }
    }
}

/// One sensor.
#[derive(Debug)]
pub(crate) struct Sensor {
    kind: Kind,
    random: Random,
    messages: u64,
}

impl Sensor {
    /// Returns the payload of the next reading; `None` where all models have dropped out. One of several that has
    /// dropped out is `null`.
    pub(crate) fn next(&mut self, at: At, time: DateTime<Utc>, device: &str) -> Option<Bytes> {
        let Self { kind, random, .. } = self;
        let models = kind.models.iter_mut();
        let values: Vec<Option<f64>> = models.map(|model| model.next(at, random)).collect();
        if values.iter().all(Option::is_none) {
            return None;
        }
        self.messages += 1;
        let payload = kind.template.fill(|gap, text| {
            // Writing to memory doesn't fail.
            let _ = match gap {
                Gap::Model(place) => match values[*place] {
                    Some(value) => {
                        push_number(text, value, kind.precision);
                        Ok(())
                    }
                    None => text.write_str("null"),
                },
                Gap::Now => text.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
                Gap::NowMs => write!(text, "{}", time.timestamp_millis()),
                Gap::Seq => write!(text, "{}", self.messages),
                Gap::Device => text.write_str(device),
            };
        });
        Some(payload.into())
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
        Kind::new(models, template, Some(1))
    }

    #[track_caller]
    fn case(models: &[&str], template: Option<&str>, expected: &[Option<&str>]) {
        let kind = kind(models, template).unwrap();
        let mut sensor = kind.sensor(Random::new(1, 0));
        let at = At {
            elapsed: Duration::ZERO,
            time_of_day: NaiveTime::MIN,
        };
        let time = DateTime::from_timestamp_millis(1_750_000_000_123).unwrap();
        for expected in expected {
            let payload = sensor.next(at, time, "shed");
            let payload = payload.map(|payload| String::from_utf8(payload.into()).unwrap());
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
    fn what_is_wrong_with_names_is_said() {
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
