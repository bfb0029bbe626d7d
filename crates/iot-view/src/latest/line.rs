//! The table of the latest readings.

use chrono::{DateTime, Utc};
use iot_store::Value;
use iot_store::read::Series;

use crate::age::age;
use crate::table::{Align, Table};

/// Characters of a value that is text or JSON.
const LONGEST_VALUE: usize = 40;

/// Returns the table of these series.
pub(super) fn table(series: &[Series], now: DateTime<Utc>) -> Table {
    let mut table = Table::new(&[
        ("topic", Align::Left),
        ("metric", Align::Left),
        ("value", Align::Right),
        ("unit", Align::Left),
        ("age", Align::Right),
        ("readings/h", Align::Right),
    ]);
    for one in series {
        let Some(last) = &one.last else { continue };
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or_default().into();
        table.push([
            one.key.topic.to_string(),
            text(&one.key.metric),
            value(&last.value),
            text(&one.unit),
            age(last.time, now),
            per_hour(one).map(rounded).unwrap_or_default(),
        ]);
    }
    table
}

fn value(value: &Value) -> String {
    let text = value.to_string();
    if matches!(value, Value::Number(_)) || text.chars().count() <= LONGEST_VALUE {
        return text;
    }
    let start = text.chars().take(LONGEST_VALUE - 1);
    start.chain(['…']).collect()
}

/// Returns the mean number of readings an hour, from the first one to the last.
pub(super) fn per_hour(series: &Series) -> Option<f64> {
    let (first, last) = (series.first?, series.last.as_ref()?.time);
    let milliseconds = (last - first).num_milliseconds();
    if series.count < 2 || milliseconds <= 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is rounded in any case")]
    let rate = (series.count - 1) as f64 * 3.6e6 / milliseconds as f64;
    Some(rate)
}

/// Three digits are enough.
fn rounded(rate: f64) -> String {
    match rate {
        100.0.. => format!("{rate:.0}"),
        10.0.. => format!("{rate:.1}"),
        1.0.. => format!("{rate:.2}"),
        _ => format!("{rate:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use iot_store::ReadingId;
    use iot_store::read::{Latest, SeriesKey};

    use super::*;

    #[test]
    fn a_line_has_value_unit_age_and_rate() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let series = Series {
            key: SeriesKey::of_topic("iot/\u{1b}[2Ja"),
            unit: Some("°C".into()),
            count: 361,
            first: Some(DateTime::UNIX_EPOCH),
            last: Some(Latest {
                value: Value::Number(21.5),
                time: now - TimeDelta::hours(18),
                id: ReadingId::from([0; 12]),
            }),
            ..Series::default()
        };
        let lines = table(&[series], now).lines();
        assert_eq!(
            lines,
            [
                "topic           value  unit   age  readings/h",
                "iot/\\u{1b}[2Ja   21.5  °C    18 h        60.0",
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = "x".repeat(100);
        let shown = value(&Value::Text(text));
        assert_eq!(shown.chars().count(), LONGEST_VALUE);
        assert!(shown.ends_with('…'));
    }
}
