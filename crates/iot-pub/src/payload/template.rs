//! Payload templates: `{"t": {{value}}, "at": "{{now}}"}`, with the filters and conditions of
//! Jinja. minijinja reads and renders them.

mod braces;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value, ValueKind};
use minijinja::{
    Environment, Error, ErrorKind, Output, State, UndefinedBehavior, escape_formatter,
};

use super::number::push_number;
use crate::excerpt::beginning;

/// The name of the template in its environment.
const NAME: &str = "payload";

/// The names that every template knows.
pub(crate) const NAMES: [&str; 4] = ["now", "now_ms", "seq", "device"];

/// A compiled template.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    /// The names of the readings, and the place of each.
    readings: Arc<[(String, usize)]>,
}

/// What a message is made of.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// `None` is a sensor that has dropped out.
    pub(crate) readings: Vec<Option<f64>>,
    pub(crate) time: DateTime<Utc>,
    /// The number of the message, from 1 on.
    pub(crate) seq: u64,
    pub(crate) device: Arc<str>,
}

impl Template {
    /// Compiles a template that knows these readings, and writes them with `precision` digits
    /// after the point.
    ///
    /// # Errors
    /// One line that lists the known names.
    pub(crate) fn new(
        text: &str,
        readings: &[(String, usize)],
        precision: Option<usize>,
    ) -> Result<Self, String> {
        let template = Self::compile(text, readings, precision);
        template.map_err(|wrong| {
            let names = readings.iter().map(|(name, _)| &**name).chain(NAMES);
            let names: Vec<String> = names.map(|name| format!("{{{{{name}}}}}")).collect();
            format!("{wrong}: known are {}", names.join(", "))
        })
    }

    fn compile(
        text: &str,
        readings: &[(String, usize)],
        precision: Option<usize>,
    ) -> Result<Self, String> {
        braces::check(text)?;
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| reason(&error))?);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_formatter(move |out, state, value| format(out, state, value, precision));
        // `{{{value}}}` is a placeholder in the braces of JSON, and not a map of the library's.
        let text = text.replace("{{{", "{{'{'}}{{");
        let added = environment.add_template_owned(NAME, text.clone());
        added.map_err(|error| reason(&error))?;
        let template = Self {
            environment,
            readings: readings.into(),
        };
        if let Some(name) = template.unknown_name(&text)? {
            return Err(format!("unknown {{{{{}}}}}", beginning(&name)));
        }
        template.try_out()?;
        Ok(template)
    }

    /// Returns the first name in the text that the template uses and does not know.
    fn unknown_name(&self, text: &str) -> Result<Option<String>, String> {
        let template = self.environment.get_template(NAME);
        let template = template.map_err(|error| reason(&error))?;
        let mut known: BTreeSet<&str> = NAMES.into();
        known.extend(self.readings.iter().map(|(name, _)| &**name));
        known.extend(self.environment.globals().map(|(name, _)| name));
        let used = template.undeclared_variables(false).into_iter();
        let unknown = used.filter(|name| !known.contains(&**name));
        Ok(unknown.min_by_key(|name| text.find(&**name)))
    }

    /// Renders a message, to find unknown filters and the like before anything is published.
    fn try_out(&self) -> Result<(), String> {
        let places = self.readings.iter().map(|(_, place)| place + 1);
        let message = Message {
            readings: vec![Some(25.0); places.max().unwrap_or_default()],
            time: DateTime::UNIX_EPOCH,
            seq: 1,
            device: "1".into(),
        };
        self.render(message).map(drop)
    }

    /// Returns the payload of a message.
    ///
    /// # Errors
    /// What the template cannot do with this message, on one line.
    pub(crate) fn render(&self, message: Message) -> Result<String, String> {
        let context = Context {
            names: Arc::clone(&self.readings),
            message,
        };
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(Value::from_object(context)));
        rendered.map_err(|error| reason(&error))
    }
}

/// The names of a template, for one message.
#[derive(Debug)]
struct Context {
    names: Arc<[(String, usize)]>,
    message: Message,
}

impl Object for Context {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let message = &self.message;
        if let Some((_, place)) = self.names.iter().find(|(name, _)| name == key) {
            return message
                .readings
                .get(*place)
                .map(|value| Value::from(*value));
        }
        Some(match key {
            "now" => message
                .time
                .to_rfc3339_opts(SecondsFormat::Millis, true)
                .into(),
            "now_ms" => message.time.timestamp_millis().into(),
            "seq" => message.seq.into(),
            "device" => Value::from(Arc::clone(&message.device)),
            _ => return None,
        })
    }
}

/// Writes a value as payloads have it: a number keeps its digits, and nothing is `null`.
fn format(
    out: &mut Output,
    state: &mut State,
    value: &Value,
    precision: Option<usize>,
) -> Result<(), Error> {
    let number = match value.kind() {
        ValueKind::Number if !value.is_integer() => f64::try_from(value.clone()).ok(),
        _ => None,
    };
    let written = match number {
        Some(number) => {
            let mut text = String::new();
            push_number(&mut text, number, precision);
            out.write_str(&text)
        }
        None if value.is_none() => out.write_str("null"),
        None => return escape_formatter(out, state, value),
    };
    written.map_err(|error| Error::new(ErrorKind::WriteFailure, error.to_string()))
}

/// Returns what is wrong, without the name of the template.
fn reason(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}
