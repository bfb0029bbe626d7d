//! Filters and ranges, as the server understands them.

use mongodb::bson::{Bson, DateTime, Document, doc};

use crate::read::{SeriesFilter, SeriesKey, TimeRange};

/// Selects the series that `filter` selects.
pub(super) fn of_filter(filter: &SeriesFilter) -> Document {
    let mut document = Document::new();
    match filter.exact_topic() {
        Some(topic) => {
            document.insert("topic", topic);
        }
        None => {
            if let Some(pattern) = pattern(filter) {
                document.insert("topic", doc! {"$regex": pattern});
            }
        }
    }
    match filter.metric() {
        None => {}
        // Also selects documents without the field.
        Some(None) => {
            document.insert("metric", Bson::Null);
        }
        Some(Some(metric)) => {
            document.insert("metric", metric);
        }
    }
    document
}

/// Selects one series.
pub(super) fn of_key(key: &SeriesKey) -> Document {
    doc! {"topic": &*key.topic, "metric": key.metric.as_deref()}
}

/// Selects a range, by the time in `field`.
pub(super) fn of_range(range: TimeRange) -> Document {
    let mut times = Document::new();
    let date = |time: chrono::DateTime<chrono::Utc>| {
        // The first whole millisecond that is not before it.
        let is_whole = time.timestamp_subsec_nanos().is_multiple_of(1_000_000);
        DateTime::from_millis(time.timestamp_millis() + i64::from(!is_whole))
    };
    if let Some(since) = range.since {
        times.insert("$gte", date(since));
    }
    if let Some(until) = range.until {
        times.insert("$lt", date(until));
    }
    if times.is_empty() {
        return times;
    }
    doc! {"reg_date": times}
}

/// Returns the regular expression for a topic filter with wildcards; nothing if it selects all.
fn pattern(filter: &SeriesFilter) -> Option<String> {
    let mut pattern = "^".to_owned();
    for (index, level) in filter.topic_filter().split('/').enumerate() {
        let slash = if index == 0 { "" } else { "/" };
        match level {
            "#" if index == 0 => return None,
            "#" => pattern += "(/.*)?",
            "+" => {
                pattern += slash;
                pattern += "[^/]*";
            }
            level => {
                pattern += slash;
                pattern += &escaped(level);
            }
        }
    }
    Some(pattern + "$")
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        if char.is_ascii() && !char.is_ascii_alphanumeric() {
            escaped.push('\\');
        }
        escaped.push(char);
    }
    escaped
}
