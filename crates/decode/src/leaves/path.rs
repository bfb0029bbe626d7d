//! The path of a value in a document: its keys and indices with dots between.

use iot_store::JSON_DEPTH_LIMIT;

use crate::reason::{METRIC_LIMIT_BYTES, Reason};

/// How an empty key is written.
const EMPTY: &str = "\"\"";

/// The path of a value, such as `ENERGY.Power` or `0.tC`.
///
/// A dot or a backslash in a key follows a backslash; an empty key is `""`, and the key `""` is
/// `\""`. So a path leads back to one value of its document.
#[derive(Debug, Default)]
pub(crate) struct Path {
    text: String,
    depth: usize,
}

/// Where a path ended before something was added.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End(usize);

impl Path {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns where the path ends.
    pub(crate) fn end(&self) -> End {
        End(self.text.len())
    }

    /// Cuts the path to where it ended.
    pub(crate) fn cut(&mut self, End(end): End) {
        self.text.truncate(end);
    }

    /// Adds a key of an object.
    pub(crate) fn push_key(&mut self, key: &str) -> Result<(), Reason> {
        if self.text.len() + key.len() >= METRIC_LIMIT_BYTES {
            return Err(Reason::LongMetric);
        }
        if key.contains('\0') {
            return Err(Reason::NulInKey);
        }
        self.separate();
        match key {
            "" => self.text.push_str(EMPTY),
            EMPTY => {
                self.text.push('\\');
                self.text.push_str(EMPTY);
            }
            _ if !key.contains(['.', '\\']) => self.text.push_str(key),
            _ => {
                for c in key.chars() {
                    if matches!(c, '.' | '\\') {
                        self.text.push('\\');
                    }
                    self.text.push(c);
                }
            }
        }
        self.check_length()
    }

    /// Adds an index of an array.
    pub(crate) fn push_index(&mut self, index: usize) -> Result<(), Reason> {
        use std::fmt::Write;

        self.separate();
        // Writing to a string does not fail.
        let _ = write!(self.text, "{index}");
        self.check_length()
    }

    /// Goes into an array or an object.
    pub(crate) fn descend(&mut self) -> Result<(), Reason> {
        if self.depth >= JSON_DEPTH_LIMIT {
            return Err(Reason::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    /// Goes out of it.
    pub(crate) fn ascend(&mut self) {
        self.depth -= 1;
    }

    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push('.');
        }
    }

    fn check_length(&self) -> Result<(), Reason> {
        if self.text.len() > METRIC_LIMIT_BYTES {
            return Err(Reason::LongMetric);
        }
        Ok(())
    }
}

/// Returns the last key of a path as the path has it. An index does not count: in `Power.0` the
/// key is `Power`.
pub(crate) fn last_key(path: &str) -> &str {
    let mut rest = path;
    loop {
        let (before, key) = split_last(rest);
        let is_index = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        match before {
            Some(before) if is_index => rest = before,
            _ => return key,
        }
    }
}

/// Splits a path at its last dot that is not escaped.
fn split_last(path: &str) -> (Option<&str>, &str) {
    let dots = path.rmatch_indices('.');
    for (at, _) in dots {
        let before = &path[..at];
        let escapes = before.len() - before.trim_end_matches('\\').len();
        if escapes.is_multiple_of(2) {
            return (Some(before), &path[at + 1..]);
        }
    }
    (None, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_key_is_before_indices() {
        for (path, expected) in [
            ("ENERGY.Power", "Power"),
            ("ENERGY.Power.0", "Power"),
            ("a.1.2", "a"),
            ("0.tC", "tC"),
            ("0", "0"),
            (r"PMS5003.PM2\.5", r"PM2\.5"),
            (r"a\\.b", "b"),
            ("", ""),
        ] {
            assert_eq!(last_key(path), expected, "{path}");
        }
    }
}
