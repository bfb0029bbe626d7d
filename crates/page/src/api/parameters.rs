//! The parameters of a question: `s` (series, any number), `from` and `to` (milliseconds since
//! 1970), `n` (points a series).

use chrono::{DateTime, Utc};
use iot_store::read::{SeriesKey, TimeRange};

/// Limit of the series of one question.
const MAX_SERIES: usize = 64;
/// Limit of the points of a series.
const MAX_POINTS: u32 = 4_000;
const DEFAULT_POINTS: u32 = 1_000;

pub(super) type Pairs = Vec<(String, String)>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) series: Vec<SeriesKey>,
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
    pub(super) points: u32,
}

impl Parameters {
    pub(super) fn read(pairs: Pairs) -> Result<Self, String> {
        let (mut series, mut from, mut to) = (Vec::new(), None, None);
        let mut points = DEFAULT_POINTS;
        for (name, value) in pairs {
            match name.as_str() {
                "s" => series.push(key(&value)),
                "from" => from = Some(time(&value)?),
                "to" => to = Some(time(&value)?),
                "n" => points = value.parse().map_err(|_| "`n` is a number".to_owned())?,
                _ => return Err("there are the parameters s, from, to and n".into()),
            }
        }
        if series.is_empty() || series.len() > MAX_SERIES {
            return Err(format!("give one to {MAX_SERIES} series as `s`"));
        }
        match (from, to) {
            (Some(from), Some(to)) if from < to => Ok(Self {
                series,
                from,
                to,
                points: points.clamp(1, MAX_POINTS),
            }),
            _ => Err("`from` is a time before `to`".into()),
        }
    }

    pub(super) fn range(&self) -> TimeRange {
        TimeRange {
            since: Some(self.from),
            until: Some(self.to),
        }
    }
}

/// Reads `TOPIC` or `TOPIC#METRIC`: a topic name holds no `#`.
fn key(text: &str) -> SeriesKey {
    match text.split_once('#') {
        None => SeriesKey::of_topic(text),
        Some((topic, metric)) => SeriesKey {
            topic: topic.into(),
            metric: Some(metric.into()),
        },
    }
}

fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let millis: Option<i64> = text.parse().ok();
    millis
        .and_then(DateTime::from_timestamp_millis)
        .ok_or_else(|| "`from` and `to` are milliseconds since 1970".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &[(&str, &str)]) -> Result<Parameters, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Parameters::read(query.iter().map(own).collect())
    }

    #[test]
    fn series_and_range_are_read_and_limited() {
        let query = [
            ("s", "a/b"),
            ("s", "a#m#n"),
            ("from", "-5"),
            ("to", "7"),
            ("n", "999999"),
        ];
        let parameters = read(&query).unwrap();
        let names: Vec<_> = parameters.series.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["a/b", "a#m#n"]);
        assert_eq!(parameters.series[1].metric.as_deref(), Some("m#n"));
        assert_eq!(parameters.points, MAX_POINTS);
        for bad in [
            &[("from", "1"), ("to", "2")][..],
            &[("s", "a"), ("from", "2"), ("to", "2")],
            &[("s", "a"), ("from", "2")],
            &[("s", "a"), ("from", "x"), ("to", "2")],
            &[("s", "a"), ("from", "1"), ("to", "99999999999999999")],
            &[("s", "a"), ("from", "1"), ("to", "2"), ("n", "-1")],
            &[("s", "a"), ("from", "1"), ("to", "2"), ("x", "1")],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        let many = [("s", "a")].repeat(MAX_SERIES + 1);
        assert!(read(&[&many[..], &[("from", "1"), ("to", "2")]].concat()).is_err());
    }
}
