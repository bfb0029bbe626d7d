//! `--rules`: reads rules and alerts from TOML, and says what is wrong with them and where.

mod alerts;
mod field;
mod rule;
#[cfg(test)]
mod tests;

use std::path::Path;

use iot_cli::io_reason;
use toml::de::{DeTable, DeValue};

pub(crate) use self::alerts::{AlertDefaults, FileAlerts};
use self::field::Problem;
use crate::decode::Rule;

/// Largest file, in bytes.
const SIZE_LIMIT: u64 = 4 << 20;

/// Shown where none of the known tables is.
const TABLES: &str = "each rule begins with [[rule]], each alert with [[alert]] or [[silent-after]], and [alerts] says where reports go";

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct RulesFile {
    /// What messages become.
    pub(crate) rules: Vec<Rule>,
    pub(crate) alerts: FileAlerts,
}

/// Reads a file; its rules and alerts keep their order.
///
/// # Errors
/// One line with the file, and for what is wrong in it the line and the key.
pub(crate) fn read(path: &Path) -> Result<RulesFile, String> {
    let name = path.display();
    let size = path.metadata().map(|file| file.len());
    let text = match size {
        Ok(size) if size > SIZE_LIMIT => {
            return Err(format!(
                "rules `{name}`: it is larger than {} MiB",
                SIZE_LIMIT >> 20
            ));
        }
        Ok(_) => iot_cli::read_small_text(path),
        Err(error) => Err(error),
    };
    let text = text.map_err(|error| {
        let why = io_reason(&error);
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

fn parse(text: &str) -> Result<RulesFile, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem {
        at: error.span().map_or(0, |span| span.start),
        key: None,
        why: error.message().replace('\n', " "),
    })?;
    let mut file = RulesFile::default();
    for (key, value) in table.get_ref() {
        let (name, span) = (&**key.get_ref(), key.span());
        if name == "alerts" {
            let DeValue::Table(fields) = value.get_ref() else {
                let why = "it is a table: it begins with [alerts], in one bracket";
                return Err(Problem::new(span, name, why));
            };
            file.alerts.defaults = alerts::defaults(fields)?;
            continue;
        }
        if !matches!(name, "rule" | "alert" | "silent-after") {
            let why = format!("it is unknown ({TABLES})");
            return Err(Problem::new(span, name, why));
        }
        let in_brackets = || format!("each one begins with [[{name}]], in two brackets");
        let Some(tables) = value.get_ref().as_array() else {
            return Err(Problem::new(span, name, in_brackets()));
        };
        for table in tables {
            let DeValue::Table(fields) = table.get_ref() else {
                return Err(Problem::new(table.span(), name, in_brackets()));
            };
            match name {
                "rule" => file.rules.push(rule::rule(fields, table.span())?),
                "alert" => file.alerts.add(fields, table.span())?,
                _ => file
                    .alerts
                    .silence
                    .push(alerts::silence(fields, table.span())?),
            }
        }
    }
    if file.rules.is_empty() && file.alerts.is_empty() {
        return Err(Problem {
            at: 0,
            key: None,
            why: format!("there is no rule and no alert ({TABLES})"),
        });
    }
    Ok(file)
}
