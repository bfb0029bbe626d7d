//! What is wrong in a scenario, with its line and key.

use std::ops::Range;

use toml::Spanned;

/// What is wrong in the file, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) span: Option<Range<usize>>,
    pub(super) why: String,
}

/// Returns the fault of a value.
pub(super) fn fault<T>(at: &Spanned<T>, why: impl Into<String>) -> Fault {
    Fault {
        span: Some(at.span()),
        why: why.into(),
    }
}

/// Reads a value from its text, or returns the default.
pub(super) fn parsed<T>(
    value: Option<&Spanned<String>>,
    default: T,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, Fault> {
    let Some(value) = value else {
        return Ok(default);
    };
    parse(value.get_ref()).map_err(|why| fault(value, format!("`{}`: {why}", value.get_ref())))
}

/// Reads a whole number in a range, or returns the default.
pub(super) fn whole(
    value: Option<&Spanned<i64>>,
    default: usize,
    range: Range<usize>,
) -> Result<usize, Fault> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = *value.get_ref();
    let found = usize::try_from(number).ok().filter(|n| range.contains(n));
    found.ok_or_else(|| {
        let (first, last) = (range.start, range.end - 1);
        fault(
            value,
            format!("{number} is not a whole number from {first} to {last}"),
        )
    })
}

impl Fault {
    /// Returns `FILE:LINE: KEY: WHY`, as far as that is known, for a file with this name and text.
    pub(super) fn line(&self, name: &str, text: &str) -> String {
        let Some(span) = &self.span else {
            return format!("{name}: {}", self.why);
        };
        let before = text.get(..span.start).unwrap_or(text);
        let number = before.matches('\n').count() + 1;
        let line = text.lines().nth(number - 1).unwrap_or_default();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let key = match line.split_once('=') {
            // In an inline table, the key is nearer.
            Some((key, _)) if key.len() <= column => {
                let near = line.get(..column).unwrap_or(line).trim_end();
                let near = near.strip_suffix('=').unwrap_or(key).trim_end();
                let from = near.rfind(['{', ',', ' ']).map_or(0, |at| at + 1);
                near[from..].trim()
            }
            _ => "",
        };
        match key {
            "" => format!("{name}:{number}: {}", self.why),
            key => format!("{name}:{number}: {key}: {}", self.why),
        }
    }
}
