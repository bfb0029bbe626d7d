//! What is sent to a URL.

use chrono::{DateTime, SecondsFormat};
use clap::ValueEnum;
use iot_alert::{AlertState, Event};
use serde_json::{Value as Json, json};

use super::lines::Line;

/// What is sent to a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum UrlFormat {
    /// The report as JSON
    #[default]
    Json,
    /// A message for ntfy; URL is that of the topic
    Ntfy,
    /// A message for an incoming webhook of Slack
    Slack,
    /// An alert for Prometheus' Alertmanager; URL ends in /api/v2/alerts
    Alertmanager,
}

/// A request: its body, and headers beside the usual.
#[derive(Debug, PartialEq)]
pub(super) struct Request {
    pub(super) content_type: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl UrlFormat {
    pub(super) fn request(self, event: &Event) -> Request {
        let json = |body: &Json| Request {
            content_type: "application/json",
            headers: Vec::new(),
            body: body.to_string(),
        };
        match self {
            Self::Json => json(&json!(event)),
            Self::Slack => json(&json!({ "text": escape_slack(&Line(event).to_string()) })),
            Self::Alertmanager => json(&alertmanager(event)),
            Self::Ntfy => {
                let (priority, tag) = match event.state {
                    AlertState::Firing => ("high", "warning"),
                    AlertState::Ok => ("default", "white_check_mark"),
                };
                Request {
                    content_type: "text/plain; charset=utf-8",
                    headers: vec![("Priority", priority.into()), ("Tags", tag.into())],
                    body: Line(event).to_string(),
                }
            }
        }
    }
}

/// Slack reads `<…>` as links and commands.
fn escape_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn alertmanager(event: &Event) -> Json {
    let mut labels = json!({ "alertname": event.name, "topic": event.topic });
    if let Some(metric) = &event.metric {
        labels["metric"] = json!(metric);
    }
    let mut alert = json!({
        "labels": labels,
        "annotations": { "summary": event.reason },
        "startsAt": rfc3339(event.since),
    });
    if event.state == AlertState::Ok {
        alert["endsAt"] = json!(rfc3339(event.time));
    }
    json!([alert])
}

fn rfc3339(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::super::alert_topic::tests::event;
    use super::*;

    #[test]
    fn each_service_gets_what_it_reads() {
        let line = "ALERT freezer: iot/a/temp#t: -8.5 °C (> -10 for 10m)";
        let event = event(Some("t"));
        let ntfy = UrlFormat::Ntfy.request(&event);
        assert_eq!(ntfy.body, line);
        assert_eq!(ntfy.headers[0], ("Priority", "high".into()));
        let slack: Json = serde_json::from_str(&UrlFormat::Slack.request(&event).body).unwrap();
        assert_eq!(slack, json!({"text": line.replace('>', "&gt;")}));
        let alertmanager = UrlFormat::Alertmanager.request(&event).body;
        let alertmanager: Json = serde_json::from_str(&alertmanager).unwrap();
        assert_eq!(
            alertmanager,
            json!([{
                "labels": {"alertname": "freezer", "topic": "iot/a/temp", "metric": "t"},
                "annotations": {"summary": "-8.5 °C (> -10 for 10m)"},
                "startsAt": "2026-11-18T11:06:40.000Z",
            }])
        );
        let json: Event = serde_json::from_str(&UrlFormat::Json.request(&event).body).unwrap();
        assert_eq!(json, event);
    }
}
