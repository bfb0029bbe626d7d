//! Names of metrics in a rule, with `*` for any part.

use std::str::FromStr;

/// A metric's name, in which `*` stands for any text, also an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MetricPattern(Vec<String>);

impl FromStr for MetricPattern {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split('*').map(str::to_owned).collect()))
    }
}

impl MetricPattern {
    /// Returns whether it is the name of `metric`; that of a value without one is empty.
    pub(crate) fn matches(&self, metric: &str) -> bool {
        let [first, rest @ ..] = &self.0[..] else {
            return false;
        };
        let Some(mut metric) = metric.strip_prefix(&**first) else {
            return false;
        };
        let Some((last, middle)) = rest.split_last() else {
            return metric.is_empty();
        };
        for part in middle {
            let Some(at) = metric.find(&**part) else {
                return false;
            };
            metric = &metric[at + part.len()..];
        }
        metric.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, matches, others) in [
            ("a.b", &["a.b"][..], &["a.bc", "xa.b", ""][..]),
            ("a.*", &["a.", "a.b", "a.b.c"], &["a", "b.a."]),
            ("*.b", &[".b", "a.b", "a.b.b"], &["a.b.c"]),
            ("a*b*c", &["abc", "a1b2c", "abbcc"], &["acb", "ab", "ac"]),
            ("*", &["", "a"], &[]),
            ("", &[""], &["a"]),
            ("ab*ba", &["abba", "ab-ba"], &["aba"]),
        ] {
            let parsed: MetricPattern = pattern.parse().unwrap();
            for name in matches {
                assert!(parsed.matches(name), "{pattern} {name}");
            }
            for name in others {
                assert!(!parsed.matches(name), "{pattern} {name}");
            }
        }
    }
}
