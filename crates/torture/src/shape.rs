//! What a numbered reading looks like on its way: one JSON value, or five values in a message.

use iot_sparkplug::{DataType, Metric, MetricValue, Payload, SparkplugTopic};
use mongodb::bson::{Bson, Document};

use crate::message::{Key, qos, text};

/// How a publisher sends its readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON that is stored as one value.
    Json,
    /// The same on a few topics of each publisher: the payload alone has the number.
    FewTopics,
    /// JSON with five values, each of which is a reading.
    Leaves,
    /// The same five values in Sparkplug: each message is one of a device that no BIRTH has named.
    Sparkplug,
}

/// How many topics a publisher of [`Shape::FewTopics`] has.
pub const TOPICS: usize = 50;

/// The values of a message with several, by their metrics.
pub const METRICS: [&str; 5] = ["n", "half", "even", "deep.twice", "x"];

impl Shape {
    /// Returns the topic of a message: each has one of its own, so that the broker's log tells them
    /// apart.
    pub fn topic(self, (publisher, number): Key) -> String {
        let qos = qos(publisher);
        match self {
            Self::Json | Self::Leaves => format!("iot/q{qos}/{publisher}/{number}"),
            Self::FewTopics => format!("iot/few/{publisher}/{}", number % TOPICS),
            Self::Sparkplug => format!("spBv1.0/q{qos}/DDATA/{publisher}/{number}"),
        }
    }

    /// Returns the payload of a message.
    pub fn payload(self, key: Key) -> Vec<u8> {
        let (number, text) = (key.1, text(key));
        let (half, even, twice) = (half(number), number.is_multiple_of(2), 2 * number);
        match self {
            Self::Json | Self::FewTopics => format!(r#"{{"n":{number},"x":"{text}"}}"#).into(),
            Self::Leaves => format!(
                r#"{{"n":{number},"half":{half},"even":{even},"deep":{{"twice":{twice}}},"x":"{text}"}}"#
            )
            .into(),
            Self::Sparkplug => {
                let metrics = vec![
                    Metric::new("n", DataType::UInt64, MetricValue::Long(number as u64)),
                    Metric::new("half", DataType::Double, MetricValue::Double(half)),
                    Metric::new("even", DataType::Boolean, MetricValue::Boolean(even)),
                    Metric::new("deep.twice", DataType::UInt64, MetricValue::Long(twice as u64)),
                    Metric::new("x", DataType::String, MetricValue::String(text)),
                ];
                let payload = Payload {
                    metrics,
                    ..Payload::default()
                };
                payload.to_bytes()
            }
        }
    }

    /// How many readings a message becomes.
    pub fn readings(self) -> usize {
        match self {
            Self::Json | Self::FewTopics => 1,
            Self::Leaves | Self::Sparkplug => METRICS.len(),
        }
    }

    /// Returns which message a stored reading is of, and which of its values, if nothing about it
    /// has changed.
    pub fn sent_as(self, document: &Document) -> Option<(Key, usize)> {
        let topic = document.get_str("topic").ok()?;
        document.get_datetime("reg_date").ok()?;
        if matches!(self, Self::Json | Self::FewTopics) {
            let value = document.get_document("value").ok()?;
            let key = match self {
                Self::FewTopics => few_topics_key(topic, value.get("n")?)?,
                _ => key(topic)?,
            };
            let is_same = is_number(value.get("n")?, whole(key.1))
                && value.get_str("x").ok()? == text(key)
                && value.len() == 2
                && document.len() == 4;
            return is_same.then_some((key, 0));
        }
        let key = key(topic)?;
        let metric = document.get_str("metric").ok()?;
        let place = METRICS.iter().position(|it| *it == metric)?;
        let value = document.get("value")?;
        let is_same = document.len() == 5
            && match metric {
                "n" => is_number(value, whole(key.1)),
                "half" => is_number(value, half(key.1)),
                "deep.twice" => is_number(value, whole(2 * key.1)),
                "even" => value.as_bool()? == key.1.is_multiple_of(2),
                _ => value.as_str()? == text(key),
            };
        is_same.then_some((key, place))
    }
}

/// Returns which message has this topic, in the broker or in the store.
pub fn key(name: &str) -> Option<Key> {
    let stored = match SparkplugTopic::read(name) {
        Some(SparkplugTopic::Node { node, device, .. }) => return levels(node, device?),
        _ => name
            .strip_prefix("spBv1.0/")
            .or_else(|| name.strip_prefix("iot/"))?,
    };
    let (qos_level, rest) = stored.split_once('/')?;
    let (publisher, number) = rest.split_once('/')?;
    let key = levels(publisher, number)?;
    (qos_level == format!("q{}", qos(key.0))).then_some(key)
}

/// Returns which message of [`Shape::FewTopics`] has this number and lies on this topic.
fn few_topics_key(topic: &str, number: &Bson) -> Option<Key> {
    let (publisher, last) = topic.strip_prefix("iot/few/")?.split_once('/')?;
    let number = match number {
        Bson::Int32(number) => usize::try_from(*number).ok()?,
        Bson::Int64(number) => usize::try_from(*number).ok()?,
        _ => return None,
    };
    let is_its_topic = last.parse() == Ok(number % TOPICS);
    is_its_topic.then_some((publisher.parse().ok()?, number))
}

fn levels(publisher: &str, number: &str) -> Option<Key> {
    Some((publisher.parse().ok()?, number.parse().ok()?))
}

/// Returns whether a value is exactly this number.
fn is_number(value: &Bson, expected: f64) -> bool {
    let number = match value {
        Bson::Int32(number) => f64::from(*number),
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        Bson::Int64(number) => *number as f64,
        Bson::Double(number) => *number,
        _ => return false,
    };
    number.to_bits() == expected.to_bits()
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn whole(number: usize) -> f64 {
    number as f64
}

fn half(number: usize) -> f64 {
    whole(number) + 0.5
}
