//! `--alert-topic`: publishes each report, retained, with QoS 1.

use std::collections::HashSet;
use std::time::Duration;

use iot_alert::Event;
use iot_core::{Client, ClientConfig, Error, Message, QoS, ReasonCode, TopicName};

use super::alert_topic::AlertTopic;
use super::delivery::{Delivery, Undelivered};
use super::discovery;

/// Time for the broker to acknowledge.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Topics whose discovery message is known to be published.
const ANNOUNCED_LIMIT: usize = 100_000;

/// Publishes over a connection of its own, which is made for the first report.
pub(super) struct Mqtt {
    config: ClientConfig,
    topic: AlertTopic,
    /// Home Assistant's prefix.
    discovery: Option<String>,
    announced: HashSet<String>,
    client: Option<Client>,
}

impl Mqtt {
    pub(super) fn new(config: ClientConfig, topic: AlertTopic, discovery: Option<String>) -> Self {
        Self {
            config,
            topic,
            discovery,
            announced: HashSet::new(),
            client: None,
        }
    }
}

impl Mqtt {
    fn publish(&mut self, event: &Event) -> Result<(), Undelivered> {
        let topic = self.topic.of(event);
        let discovery = self
            .discovery
            .as_deref()
            .filter(|_| !self.announced.contains(&topic));
        let config = discovery.map(|prefix| discovery::message(prefix, &topic, event));
        let announces = config.is_some();
        let payload =
            serde_json::to_string(event).map_err(|error| Undelivered::Never(error.to_string()))?;
        // Home Assistant has to know the topic before the state comes.
        for (topic, payload) in config.into_iter().chain([(topic.clone(), payload)]) {
            self.publish_one(&topic, payload)?;
        }
        if announces && self.announced.len() < ANNOUNCED_LIMIT {
            self.announced.insert(topic);
        }
        Ok(())
    }

    fn publish_one(&mut self, topic: &str, payload: String) -> Result<(), Undelivered> {
        let topic = TopicName::new(topic).map_err(|error| undelivered(&error.into()))?;
        let client = if let Some(client) = &self.client {
            client
        } else {
            let client = connect(&self.config).map_err(|error| undelivered(&error))?;
            self.client.insert(client)
        };
        let message = Message::new(topic, payload)
            .with_qos(QoS::AtLeastOnce)
            .with_retain(true);
        let info = client.publish_message(message);
        let result = info.and_then(|info| info.wait_for_publish(Some(TIMEOUT)));
        result.map_err(|error| undelivered(&error))
    }

    fn disconnect(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = client.disconnect();
            let _ = client.loop_stop();
        }
    }
}

/// Returns why a message was not published: now, or for ever.
fn undelivered(error: &Error) -> Undelivered {
    let reason = error.to_string();
    match error {
        Error::Topic(_) | Error::PacketTooLarge { .. } => Undelivered::Never(reason),
        Error::Rejected(rejection) if rejection.reason == ReasonCode::TOPIC_NAME_INVALID => {
            Undelivered::Never(reason)
        }
        Error::Timeout => Undelivered::Later("the broker does not acknowledge it".to_owned()),
        _ => Undelivered::Later(reason),
    }
}

fn connect(config: &ClientConfig) -> Result<Client, Error> {
    let client = Client::new(config.clone(), ())?;
    client.reconnect()?;
    client.loop_start()?;
    Ok(client)
}

impl Delivery for Mqtt {
    fn name(&self) -> String {
        format!("broker `{}`", self.config.address())
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        // What the client still holds would be published beside the next attempt.
        self.publish(event).inspect_err(|_| self.disconnect())
    }
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.disconnect();
    }
}
