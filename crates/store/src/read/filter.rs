//! Which series a question is about.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::series::SeriesKey;

/// A topic filter, or `TOPIC#METRIC`, whose topic may also be a filter.
///
/// `iot/#` selects all series below `iot`, `iot/+/temp` those of each `temp` with all of their
/// metrics, `zigbee2mqtt/lamp#brightness` a single one, `+/+#battery` a metric of many topics, and
/// `iot/temp#` the readings of `iot/temp` that have no metric. A wildcard also stands for levels
/// that begin with `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesFilter {
    topic: Arc<str>,
    metric: MetricFilter,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum MetricFilter {
    Any,
    None,
    Is(Arc<str>),
}

impl Default for SeriesFilter {
    /// Returns the filter for all series.
    fn default() -> Self {
        Self {
            topic: "#".into(),
            metric: MetricFilter::Any,
        }
    }
}

impl SeriesFilter {
    /// Returns the filter for one series.
    pub fn of(key: &SeriesKey) -> Self {
        let metric = key.metric.as_ref();
        Self {
            topic: Arc::clone(&key.topic),
            metric: metric.map_or(MetricFilter::None, |name| {
                MetricFilter::Is(Arc::clone(name))
            }),
        }
    }

    /// Returns the filter for the same topics, with all of their metrics.
    #[must_use]
    pub fn any_metric(&self) -> Self {
        Self {
            topic: Arc::clone(&self.topic),
            metric: MetricFilter::Any,
        }
    }

    /// Returns whether it selects the series.
    pub fn matches(&self, key: &SeriesKey) -> bool {
        self.selects(&key.topic, key.metric.as_deref())
    }

    /// Returns whether it selects the series of this topic and metric.
    pub fn selects(&self, topic: &str, metric: Option<&str>) -> bool {
        self.matches_metric(metric) && self.matches_topic(topic)
    }

    /// Returns whether it selects series of this topic.
    pub fn matches_topic(&self, topic: &str) -> bool {
        let mut levels = topic.split('/');
        for filter in self.topic.split('/') {
            match (filter, levels.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (filter, Some(level)) if filter == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }

    fn matches_metric(&self, metric: Option<&str>) -> bool {
        match &self.metric {
            MetricFilter::Any => true,
            MetricFilter::None => metric.is_none(),
            MetricFilter::Is(name) => metric == Some(name),
        }
    }

    /// Returns whether it selects series of one metric only.
    pub fn names_metric(&self) -> bool {
        matches!(self.metric, MetricFilter::Is(_))
    }

    /// Returns the topic, if it selects series of one topic only.
    pub fn exact_topic(&self) -> Option<&str> {
        let mut levels = self.topic.split('/');
        let is_exact = levels.all(|level| level != "#" && level != "+");
        is_exact.then_some(&*self.topic)
    }

    /// Returns the key, if it selects one series only.
    pub fn exact(&self) -> Option<SeriesKey> {
        let metric = match &self.metric {
            MetricFilter::Any => return None,
            MetricFilter::None => None,
            MetricFilter::Is(name) => Some(Arc::clone(name)),
        };
        let topic = self.exact_topic()?.into();
        Some(SeriesKey { topic, metric })
    }

    /// Returns the topic filter.
    pub fn topic_filter(&self) -> &str {
        &self.topic
    }

    /// Returns the metric that it selects: any (`None`), none (`Some(None)`), or one.
    pub fn metric(&self) -> Option<Option<&str>> {
        match &self.metric {
            MetricFilter::Any => None,
            MetricFilter::None => Some(None),
            MetricFilter::Is(name) => Some(Some(name)),
        }
    }

    /// Returns what all selected topics begin with: nothing, or levels that end with `/`, or a
    /// whole topic.
    pub fn topic_prefix(&self) -> &str {
        if self.exact_topic().is_some() {
            return &self.topic;
        }
        let wildcard = self.topic.find(['+', '#']).unwrap_or_default();
        // `iot/#` also selects `iot`.
        if self.topic[wildcard..].starts_with('#') {
            return self.topic[..wildcard].trim_end_matches('/');
        }
        &self.topic[..wildcard]
    }
}

impl FromStr for SeriesFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a filter is a topic filter, or TOPIC#METRIC".to_owned());
        }
        let (topic, metric) = match separator(text) {
            None => (text, MetricFilter::Any),
            Some(at) if at + 1 == text.len() => (&text[..at], MetricFilter::None),
            Some(at) => (&text[..at], MetricFilter::Is(text[at + 1..].into())),
        };
        let mut levels = topic.split('/').peekable();
        while let Some(level) = levels.next() {
            if level.contains('+') && level != "+" {
                return Err(format!("in `{text}`, + must be a whole level"));
            }
            if level == "#" && levels.peek().is_some() {
                return Err(format!("in `{text}`, the level # must be the last"));
            }
        }
        Ok(Self {
            topic: topic.into(),
            metric,
        })
    }
}

impl fmt::Display for SeriesFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.topic)?;
        match &self.metric {
            MetricFilter::Any => Ok(()),
            MetricFilter::None => f.write_str("#"),
            MetricFilter::Is(name) => write!(f, "#{name}"),
        }
    }
}

/// Returns where the `#` before the metric is: the first one that is not a whole level.
fn separator(text: &str) -> Option<usize> {
    let is_level = |at: usize| {
        let begins = at == 0 || text.as_bytes()[at - 1] == b'/';
        let ends = matches!(text.as_bytes().get(at + 1), None | Some(b'/' | b'#'));
        begins && ends
    };
    let mut signs = text.match_indices('#');
    signs.find_map(|(at, _)| (!is_level(at)).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SeriesKey {
        match text.split_once('#') {
            None => SeriesKey::of_topic(text),
            Some((topic, metric)) => SeriesKey {
                topic: topic.into(),
                metric: Some(metric.into()),
            },
        }
    }

    #[track_caller]
    fn case(filter: &str, prefix: &str, selected: &[&str], others: &[&str]) {
        let parsed: SeriesFilter = filter.parse().unwrap();
        assert_eq!(parsed.to_string(), filter);
        assert_eq!(parsed.topic_prefix(), prefix);
        for text in selected {
            assert!(parsed.matches(&key(text)), "{filter} {text}");
            assert!(text.starts_with(prefix));
        }
        for text in others {
            assert!(!parsed.matches(&key(text)), "{filter} {text}");
        }
    }

    #[test]
    fn filters_select_topics_and_metrics() {
        case("#", "", &["a", "a/b", "$SYS/x", "a#m"], &[]);
        case("a/#", "a", &["a", "a/b", "a/b/c#m"], &["ab", "b/a"]);
        case(
            "a/+/c",
            "a/",
            &["a/b/c", "a//c", "a/b/c#m"],
            &["a/c", "a/b/c/d"],
        );
        case("a/b", "a/b", &["a/b", "a/b#m"], &["a", "a/b/c"]);
        case("a/b#m", "a/b", &["a/b#m"], &["a/b", "a/b#n", "a#m"]);
        case("a/b#switch:0/#x", "a/b", &["a/b#switch:0/#x"], &["a/b"]);
        case("a/b#", "a/b", &["a/b"], &["a/b#m"]);
        case("+/+#m", "", &["a/b#m"], &["a/b", "a#m"]);
        case("a/##m", "a", &["a#m", "a/b#m"], &["a/b"]);
        case("##", "", &["a", "a/b"], &["a#m"]);
    }

    #[test]
    fn one_series_is_recognized() {
        let exact = |text: &str| text.parse::<SeriesFilter>().unwrap().exact();
        assert_eq!(exact("a/b#m"), Some(key("a/b#m")));
        assert_eq!(exact("a/b#"), Some(key("a/b")));
        assert_eq!(exact("a/b"), None);
        assert_eq!(exact("a/+#m"), None);
        let one = SeriesFilter::of(&key("a/b"));
        assert_eq!(one.to_string(), "a/b#");
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let error = |text: &str| text.parse::<SeriesFilter>().unwrap_err();
        assert!(error("").starts_with("a filter is"));
        assert_eq!(error("a+/b"), "in `a+/b`, + must be a whole level");
        assert_eq!(error("#/b"), "in `#/b`, the level # must be the last");
    }
}
