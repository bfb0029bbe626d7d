//! The topics that alerts are published to.

use std::str::FromStr;

use iot_alert::Event;
use iot_core::TopicName;

/// A template with the placeholders `{name}`, `{topic}` and `{metric}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlertTopic {
    template: String,
    /// What precedes the first placeholder; ends in `/`.
    prefix: String,
}

impl AlertTopic {
    /// Returns the topic for reports of an alert of a series.
    pub(crate) fn of(&self, event: &Event) -> String {
        let metric = event.metric.as_deref().map(level).unwrap_or_default();
        let mut topic = self
            .template
            .replace("{name}", &event.name)
            .replace("{metric}", &metric)
            .replace("{topic}", &event.topic);
        // Two metrics of one topic are two alerts.
        if !metric.is_empty() && !self.template.contains("{metric}") {
            topic.push('/');
            topic.push_str(&metric);
        }
        publishable(topic)
    }

    /// Whether alerts are published to such a topic.
    pub(crate) fn covers(&self, topic: &str) -> bool {
        topic.starts_with(&self.prefix)
    }
}

/// Returns a metric as one level of a topic.
fn level(metric: &str) -> String {
    metric.replace(['/', '+', '#', '\0'], "_")
}

/// Returns a topic with `_` for each character that may not be published: a broker may deliver a
/// topic with control characters.
fn publishable(topic: String) -> String {
    if TopicName::new(topic.as_str()).is_ok() {
        return topic;
    }
    let mut bytes = [0; 4];
    let allowed = |c: char| match TopicName::new(&*c.encode_utf8(&mut bytes)) {
        Ok(_) => c,
        Err(_) => '_',
    };
    topic.chars().map(allowed).collect()
}

impl FromStr for AlertTopic {
    type Err = String;

    fn from_str(template: &str) -> Result<Self, String> {
        let filled = ["{name}", "{topic}", "{metric}"]
            .iter()
            .fold(template.to_owned(), |text, placeholder| {
                text.replace(placeholder, "x")
            });
        if filled.contains(['{', '}']) {
            return Err("the placeholders are {name}, {topic} and {metric}".into());
        }
        TopicName::new(filled.as_str()).map_err(|error| error.to_string())?;
        if !template.contains("{name}") || !template.contains("{topic}") {
            return Err(
                "it needs {name} and {topic}: each alert of each topic has its own message".into(),
            );
        }
        let prefix = &template[..template.find('{').unwrap_or_default()];
        if !prefix.ends_with('/') || prefix == "/" {
            return Err(
                "it must begin with a level of its own, such as iot-sub/alerts/{name}/{topic}: \
                 iot-sub skips what it receives below that"
                    .into(),
            );
        }
        Ok(Self {
            template: template.to_owned(),
            prefix: prefix.to_owned(),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use iot_alert::AlertState;

    use super::*;

    pub(in crate::alert) fn event(metric: Option<&str>) -> Event {
        Event {
            id: "0".repeat(24),
            name: "freezer".into(),
            topic: "iot/a/temp".into(),
            metric: metric.map(Into::into),
            state: AlertState::Firing,
            repeated: false,
            value: Some(serde_json::json!(-8.5)),
            unit: Some("°C".into()),
            since: 1_795_000_000_000,
            time: 1_795_000_600_000,
            reason: "-8.5 °C (> -10 for 10m)".into(),
        }
    }

    #[test]
    fn the_topic_keeps_its_slashes_and_a_metric_is_one_level() {
        let topic: AlertTopic = "iot-sub/alerts/{name}/{topic}".parse().unwrap();
        assert_eq!(topic.of(&event(None)), "iot-sub/alerts/freezer/iot/a/temp");
        assert_eq!(
            topic.of(&event(Some("a/b"))),
            "iot-sub/alerts/freezer/iot/a/temp/a_b"
        );
        let topic: AlertTopic = "x/{metric}/{topic}/{name}".parse().unwrap();
        assert_eq!(topic.of(&event(Some("t"))), "x/t/iot/a/temp/freezer");
        assert!(topic.covers("x/t/y") && !topic.covers("xt"));
    }

    #[test]
    fn what_a_topic_may_not_hold_is_replaced() {
        let topic: AlertTopic = "iot-sub/alerts/{name}/{topic}".parse().unwrap();
        let event = Event {
            topic: "a\u{1}/ü".into(),
            ..event(Some("b\nc"))
        };
        assert_eq!(topic.of(&event), "iot-sub/alerts/freezer/a_/ü/b_c");
    }

    #[test]
    fn a_template_that_would_mix_alerts_or_readings_is_refused() {
        for (template, why) in [
            ("alerts/{name}", "needs {name} and {topic}"),
            ("{name}/{topic}", "a level of its own"),
            ("/{name}/{topic}", "a level of its own"),
            ("a/{nme}/{topic}", "placeholders are"),
            ("a/+/{name}/{topic}", "+"),
        ] {
            let error = template.parse::<AlertTopic>().unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
