//! The table of the latest readings.

use chrono::{DateTime, TimeDelta, Utc};
use iot_store::Value;
use iot_store::read::Series;

use crate::age::age;
use crate::table::{Align, Table};

/// Characters of a value that is text or JSON.
const LONGEST_VALUE: usize = 40;
/// Readings of less time tell nothing about an hour.
const SHORTEST_TIME: TimeDelta = TimeDelta::minutes(5);

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
            per_hour(one).map_or_else(|| "-".into(), rounded),
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

/// Returns the mean number of readings an hour, from the first one to the last; nothing if they are
/// only minutes apart, as that would be a guess.
pub(super) fn per_hour(series: &Series) -> Option<f64> {
    let (first, last) = (series.first?, series.last.as_ref()?.time);
    if series.count < 2 || last - first < SHORTEST_TIME {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "it is rounded in any case")]
    let readings = (series.count - 1) as f64;
    Some(readings * 3_600.0 / (last - first).as_seconds_f64())
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
    fn a_rate_needs_some_minutes() {
        let rate = |count, seconds| {
            per_hour(&Series {
                count,
                first: Some(DateTime::UNIX_EPOCH),
                last: Some(Latest {
                    value: Value::Number(1.0),
                    time: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
                    id: ReadingId::from([0; 12]),
                }),
                ..Series::default()
            })
            .map(rounded)
        };
        assert_eq!(rate(1, 0), None);
        assert_eq!(rate(4, 6), None);
        assert_eq!(rate(151, 300), Some("1800".into()));
        assert_eq!(rate(2, 7_200), Some("0.500".into()));
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = "x".repeat(100);
        let shown = value(&Value::Text(text));
        assert_eq!(shown.chars().count(), LONGEST_VALUE);
        assert!(shown.ends_with('…'));
    }
}
