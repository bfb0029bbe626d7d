//! `--rules`: reads rules from TOML, and says what is wrong with them and where.

#[cfg(test)]
mod tests;

use std::fmt::Display;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use iot_core::TopicFilter;
use iot_decode::{Format, Map, PlainFormat, Tree};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::metric_pattern::MetricPattern;
use super::rule::Rule;
use super::shape::{PerMetric, Shape};

/// Largest file, in bytes.
const SIZE_LIMIT: u64 = 4 << 20;

const KEYS: &str = "filter, decode, map, time-key, unit, rename, scale, offset, skip and only";

/// Returns the rules of a file, in their order.
///
/// # Errors
/// One line with the file, and for what is wrong in it the line and the key.
pub(crate) fn read(path: &Path) -> Result<Vec<Rule>, String> {
    let name = path.display();
    let size = path.metadata().map(|file| file.len());
    let text = match size {
        Ok(size) if size > SIZE_LIMIT => {
            return Err(format!(
                "rules `{name}`: it is larger than {} MiB",
                SIZE_LIMIT >> 20
            ));
        }
        Ok(_) => std::fs::read_to_string(path),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| {
        let why = match error.kind() {
            std::io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
            kind => kind.to_string(),
        };
        format!("cannot read rules `{name}`: {why}")
    })?;
    parse(&text).map_err(|problem| {
        let line = text
            .get(..problem.at)
            .map_or(1, |before| before.matches('\n').count() + 1);
        let key = match &problem.key {
            Some(key) => format!(", key `{key}`"),
            None => String::new(),
        };
        format!("rules `{name}`, line {line}{key}: {}", problem.why)
    })
}

/// What is wrong, and where.
#[derive(Debug)]
struct Problem {
    /// In bytes from the beginning.
    at: usize,
    key: Option<String>,
    why: String,
}

impl Problem {
    fn new(span: Range<usize>, key: &str, why: impl Display) -> Self {
        Self {
            at: span.start,
            key: Some(key.to_owned()),
            why: why.to_string(),
        }
    }
}

fn parse(text: &str) -> Result<Vec<Rule>, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem {
        at: error.span().map_or(0, |span| span.start),
        key: None,
        why: error.message().replace('\n', " "),
    })?;
    let mut rules = Vec::new();
    for (key, value) in table.get_ref() {
        let (name, span) = (key.get_ref(), key.span());
        if name != "rule" {
            let why = "it is unknown (each rule begins with [[rule]])";
            return Err(Problem::new(span, name, why));
        }
        let Some(tables) = value.get_ref().as_array() else {
            return Err(Problem::new(
                span,
                name,
                "each rule begins with [[rule]], in two brackets",
            ));
        };
        for table in tables {
            rules.push(match table.get_ref() {
                DeValue::Table(fields) => rule(fields, table.span())?,
                _ => return Err(Problem::new(table.span(), name, "each rule is a table")),
            });
        }
    }
    if rules.is_empty() {
        return Err(Problem {
            at: 0,
            key: None,
            why: "there is no rule (each begins with [[rule]])".to_owned(),
        });
    }
    Ok(rules)
}

fn rule(fields: &DeTable<'_>, span: Range<usize>) -> Result<Rule, Problem> {
    let mut filter = None;
    let (mut decode, mut map, mut time) = (None, None, None);
    let mut shape = Shape::default();
    for (key, value) in fields {
        let field = Field {
            key: key.get_ref(),
            value,
        };
        match field.key {
            "filter" => filter = Some(field.parsed(|text| TopicFilter::new(text.to_owned()))?),
            "decode" => decode = Some(field.parsed(str::parse::<Format>)?),
            "map" => {
                let program = field.text()?;
                Map::compile(program).map_err(|why| field.problem(why))?;
                map = Some((program.to_owned(), value.span()));
            }
            "time-key" => time = Some(field.parsed(str::parse)?),
            "unit" => shape.unit = field.per_metric(shared)?,
            "scale" => shape.scale = field.per_metric(number)?,
            "offset" => shape.offset = field.per_metric(number)?,
            "rename" => shape.rename = field.names()?,
            "skip" => shape.skip = field.patterns()?,
            "only" => shape.only = field.patterns()?,
            _ => {
                let why = format!("it is unknown ({KEYS} are known)");
                return Err(Problem::new(key.span(), field.key, why));
            }
        }
    }
    let Some(filter) = filter else {
        let why = "the rule has none, as in filter = \"tele/+/SENSOR\"";
        return Err(Problem::new(span, "filter", why));
    };
    if let (Some((_, span)), Some(decode)) = (&map, &decode)
        && !gives_one_value(decode)
    {
        let why = format!(
            "it does not go with decode = \"{decode}\", which gives readings already (leave one of them out)"
        );
        return Err(Problem::new(span.clone(), "map", why));
    }
    Ok(Rule {
        filter,
        decode,
        map: map.map(|(program, _)| program),
        time,
        shape,
    })
}

/// Whether the format gives one value, which a program can take.
fn gives_one_value(format: &Format) -> bool {
    matches!(
        format,
        Format::Plain(PlainFormat::Auto | PlainFormat::Json | PlainFormat::Text)
            | Format::Cbor(Tree::Whole)
            | Format::MsgPack(Tree::Whole)
    )
}

fn shared(field: &Field<'_, '_>) -> Result<Arc<str>, Problem> {
    field.shared()
}

fn number(field: &Field<'_, '_>) -> Result<f64, Problem> {
    field.number()
}

/// A key and its value.
#[derive(Clone, Copy)]
struct Field<'a, 'i> {
    key: &'a str,
    value: &'a Spanned<DeValue<'i>>,
}

impl<'a> Field<'a, '_> {
    fn problem(&self, why: impl Display) -> Problem {
        Problem::new(self.value.span(), self.key, why)
    }

    fn wanted(&self, wanted: &str) -> Problem {
        let found = self.value.get_ref().type_str();
        self.problem(format!("{wanted} is expected, not {found}"))
    }

    fn text(&self) -> Result<&'a str, Problem> {
        { self.value.get_ref() }
            .as_str()
            .ok_or_else(|| self.wanted("a text in quotes"))
    }

    fn shared(&self) -> Result<Arc<str>, Problem> {
        let text = self.text()?;
        if text.contains('\0') {
            return Err(self.problem("a NUL cannot be stored"));
        }
        Ok(text.into())
    }

    fn parsed<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        parse(self.text()?).map_err(|why| self.problem(why))
    }

    fn number(&self) -> Result<f64, Problem> {
        let digits = match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => return Err(self.wanted("a number")),
        };
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.problem("a finite number is expected")),
        }
    }

    fn patterns(&self) -> Result<Vec<MetricPattern>, Problem> {
        let pattern = |text: &str| text.parse().unwrap_or_else(|never| match never {});
        match self.value.get_ref() {
            DeValue::String(text) => Ok(vec![pattern(text)]),
            DeValue::Array(items) => {
                let names = items.iter().map(|item| {
                    Field {
                        value: item,
                        ..*self
                    }
                    .text()
                });
                names.map(|name| name.map(pattern)).collect()
            }
            _ => Err(self.wanted("a list of metrics")),
        }
    }

    /// A table of metrics and their new names.
    fn names(&self) -> Result<Vec<(String, Arc<str>)>, Problem> {
        let Some(table) = self.value.get_ref().as_table() else {
            return Err(self.wanted("a table such as { \"old\" = \"new\" }"));
        };
        let names = table.iter().map(|(key, value)| {
            let inner = format!("{}.{}", self.key, key.get_ref());
            let field = Field { key: &inner, value };
            Ok((key.get_ref().clone().into_owned(), field.shared()?))
        });
        names.collect()
    }

    /// One value for all metrics, or a table of metrics.
    fn per_metric<T>(
        &self,
        read: impl Fn(&Field<'_, '_>) -> Result<T, Problem>,
    ) -> Result<PerMetric<T>, Problem> {
        let Some(table) = self.value.get_ref().as_table() else {
            return read(self).map(PerMetric::All);
        };
        let facts = table.iter().map(|(key, value)| {
            let inner = format!("{}.{}", self.key, key.get_ref());
            let fact = read(&Field { key: &inner, value })?;
            let name = key.get_ref().parse().unwrap_or_else(|never| match never {});
            Ok((key.span().start, name, fact))
        });
        let mut facts = facts.collect::<Result<Vec<_>, Problem>>()?;
        // The parser sorts keys; the file's order says which name counts first.
        facts.sort_by_key(|(at, ..)| *at);
        let facts = facts.into_iter().map(|(_, name, fact)| (name, fact));
        Ok(PerMetric::Named(facts.collect()))
    }
}
