//! `[[alert]]`, `[[silent-after]]` and `[alerts]`: what is reported, and where.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use iot_alert::{Condition, Rule, SilenceRule, SilentAfter, parse_clear, parse_name};
use iot_cli::parse_duration;
use iot_store::read::SeriesFilter;
use toml::de::DeTable;

use super::field::{Field, Problem};
use crate::alert::{AlertTopic, UrlFormat, parse_url};

const ALERT_KEYS: &str = "name, filter, condition, for and clear";
const SILENCE_KEYS: &str = "filter and time";
const DEFAULT_KEYS: &str = "repeat, max-age, topic, discovery, exec, exec-timeout, url and format";

/// What a file says of alerts.
#[derive(Debug, Default)]
pub(crate) struct FileAlerts {
    pub(crate) rules: Vec<Rule>,
    pub(crate) silence: Vec<SilenceRule>,
    pub(crate) defaults: AlertDefaults,
}

/// What holds unless an option says otherwise; each key is the option's name without `alert-`.
#[derive(Debug, Default)]
pub(crate) struct AlertDefaults {
    pub(crate) repeat: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) topic: Option<AlertTopic>,
    pub(crate) discovery: Option<String>,
    pub(crate) exec: Option<PathBuf>,
    pub(crate) exec_timeout: Option<Duration>,
    pub(crate) url: Option<String>,
    pub(crate) format: Option<UrlFormat>,
}

impl FileAlerts {
    /// Whether nothing is watched.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty() && self.silence.is_empty()
    }

    /// Adds an `[[alert]]`, whose name is new.
    pub(super) fn add(&mut self, fields: &DeTable<'_>, span: Range<usize>) -> Result<(), Problem> {
        let (rule, name) = alert(fields, span)?;
        if self.rules.iter().any(|other| other.name == rule.name) {
            let why = format!(
                "two alerts are named `{}` (give each a name of its own)",
                rule.name
            );
            return Err(Problem::new(name, "name", why));
        }
        self.rules.push(rule);
        Ok(())
    }
}

/// Returns an alert, and where its name is.
fn alert(fields: &DeTable<'_>, span: Range<usize>) -> Result<(Rule, Range<usize>), Problem> {
    let (mut name, mut filter, mut condition) = (None, None, None);
    let (mut lasting, mut clear) = (Duration::ZERO, None);
    let mut name_at = span.clone();
    for (key, value) in fields {
        let field = Field {
            key: key.get_ref(),
            value,
        };
        match field.key {
            "name" => {
                name = Some(field.parsed(parse_name)?);
                name_at = value.span();
            }
            "filter" => filter = Some(field.parsed(str::parse::<SeriesFilter>)?),
            "condition" => {
                condition = Some((field.parsed(str::parse::<Condition>)?, value.span()));
            }
            "for" => lasting = field.parsed(parse_duration)?,
            "clear" => clear = Some(field.parsed(parse_clear)?),
            _ => return Err(unknown(&field, key.span(), ALERT_KEYS)),
        }
    }
    let missing = |key, example: &str| {
        let why = format!("the alert has none, as in {example}");
        Problem::new(span.clone(), key, why)
    };
    let filter = filter.ok_or_else(|| missing("filter", "filter = \"iot/freezer/temp\""))?;
    let (condition, condition_at) =
        condition.ok_or_else(|| missing("condition", "condition = \"> -10\""))?;
    let rule = Rule::new(name, filter, condition, lasting, clear)
        .map_err(|why| Problem::new(condition_at, "condition", why))?;
    Ok((rule, name_at))
}

/// Returns what counts as silent.
pub(super) fn silence(fields: &DeTable<'_>, span: Range<usize>) -> Result<SilenceRule, Problem> {
    let (mut filter, mut after) = (None, None);
    for (key, value) in fields {
        let field = Field {
            key: key.get_ref(),
            value,
        };
        match field.key {
            "filter" => filter = Some(field.parsed(str::parse::<SeriesFilter>)?),
            "time" => after = Some(field.parsed(str::parse::<SilentAfter>)?),
            _ => return Err(unknown(&field, key.span(), SILENCE_KEYS)),
        }
    }
    let missing = || Problem::new(span, "time", "there is none, as in time = \"10m\"");
    let after = after.ok_or_else(missing)?;
    Ok(SilenceRule { filter, after })
}

/// Returns what `[alerts]` says.
pub(super) fn defaults(fields: &DeTable<'_>) -> Result<AlertDefaults, Problem> {
    let mut defaults = AlertDefaults::default();
    for (key, value) in fields {
        let field = Field {
            key: key.get_ref(),
            value,
        };
        match field.key {
            "repeat" => defaults.repeat = Some(field.parsed(parse_duration)?),
            "max-age" => defaults.max_age = Some(field.parsed(parse_duration)?),
            "topic" => defaults.topic = Some(field.parsed(str::parse)?),
            "discovery" => defaults.discovery = Some(field.text()?.to_owned()),
            "exec" => defaults.exec = Some(field.text()?.into()),
            "exec-timeout" => defaults.exec_timeout = Some(field.parsed(parse_duration)?),
            "url" => defaults.url = Some(field.parsed(parse_url)?),
            "format" => defaults.format = Some(field.parsed(format)?),
            _ => return Err(unknown(&field, key.span(), DEFAULT_KEYS)),
        }
    }
    Ok(defaults)
}

fn format(text: &str) -> Result<UrlFormat, String> {
    UrlFormat::from_str(text, false)
        .map_err(|_| "json, ntfy, slack and alertmanager are known".to_owned())
}

fn unknown(field: &Field<'_, '_>, span: Range<usize>, keys: &str) -> Problem {
    let why = format!("it is unknown ({keys} are known)");
    Problem::new(span, field.key, why)
}
