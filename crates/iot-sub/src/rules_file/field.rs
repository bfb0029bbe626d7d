//! A key of a file of rules, its value, and what is wrong with it.

use std::fmt::Display;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use crate::decode::{MetricPattern, PerMetric};

/// What is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    /// In bytes from the beginning.
    pub(super) at: usize,
    pub(super) key: Option<String>,
    pub(super) why: String,
}

impl Problem {
    pub(super) fn new(span: Range<usize>, key: &str, why: impl Display) -> Self {
        Self {
            at: span.start,
            key: Some(key.to_owned()),
            why: why.to_string(),
        }
    }
}

/// A key and its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'a, 'i> {
    pub(super) key: &'a str,
    pub(super) value: &'a Spanned<DeValue<'i>>,
}

impl<'a> Field<'a, '_> {
    pub(super) fn problem(&self, why: impl Display) -> Problem {
        Problem::new(self.value.span(), self.key, why)
    }

    pub(super) fn wanted(&self, wanted: &str) -> Problem {
        let found = self.value.get_ref().type_str();
        self.problem(format!("{wanted} is expected, not {found}"))
    }

    pub(super) fn text(&self) -> Result<&'a str, Problem> {
        { self.value.get_ref() }
            .as_str()
            .ok_or_else(|| self.wanted("a text in quotes"))
    }

    pub(super) fn shared(&self) -> Result<Arc<str>, Problem> {
        let text = self.text()?;
        if text.contains('\0') {
            return Err(self.problem("a NUL cannot be stored"));
        }
        Ok(text.into())
    }

    pub(super) fn parsed<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        parse(self.text()?).map_err(|why| self.problem(why))
    }

    pub(super) fn number(&self) -> Result<f64, Problem> {
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

    pub(super) fn patterns(&self) -> Result<Vec<MetricPattern>, Problem> {
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
    pub(super) fn names(&self) -> Result<Vec<(String, Arc<str>)>, Problem> {
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
    pub(super) fn per_metric<T>(
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
