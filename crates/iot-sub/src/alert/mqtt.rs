//! `--alert-topic`: publishes each report, retained, with QoS 1.

use std::collections::HashSet;
use std::time::Duration;

use iot_alert::Event;
use iot_core::{Client, ClientConfig, Message, QoS};

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
    fn publish(&mut self, event: &Event) -> Result<(), String> {
        let topic = self.topic.of(event);
        let discovery = self
            .discovery
            .as_deref()
            .filter(|_| !self.announced.contains(&topic));
        let config = discovery.map(|prefix| discovery::message(prefix, &topic, event));
        let announces = config.is_some();
        let payload = serde_json::to_string(event).map_err(|error| error.to_string())?;
        // Home Assistant has to know the topic before the state comes.
        for (topic, payload) in config.into_iter().chain([(topic.clone(), payload)]) {
            self.publish_one(&topic, payload)?;
        }
        if announces && self.announced.len() < ANNOUNCED_LIMIT {
            self.announced.insert(topic);
        }
        Ok(())
    }

    fn publish_one(&mut self, topic: &str, payload: String) -> Result<(), String> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(connect(&self.config)?),
        };
        let topic = iot_core::TopicName::new(topic).map_err(|error| error.to_string())?;
        let message = Message::new(topic, payload)
            .with_qos(QoS::AtLeastOnce)
            .with_retain(true);
        let info = client
            .publish_message(message)
            .map_err(|error| error.to_string())?;
        info.wait_for_publish(Some(TIMEOUT))
            .map_err(|error| match error {
                iot_core::Error::Timeout => "the broker does not acknowledge it".to_owned(),
                error => error.to_string(),
            })
    }

    fn disconnect(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = client.disconnect();
            let _ = client.loop_stop();
        }
    }
}

fn connect(config: &ClientConfig) -> Result<Client, String> {
    let client = Client::new(config.clone(), ()).map_err(|error| error.to_string())?;
    client.reconnect().map_err(|error| error.to_string())?;
    client.loop_start().map_err(|error| error.to_string())?;
    Ok(client)
}

impl Delivery for Mqtt {
    fn name(&self) -> String {
        format!("broker `{}`", self.config.address())
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        self.publish(event).map_err(|reason| {
            // What the client still holds would be published beside the next attempt.
            self.disconnect();
            Undelivered::Later(reason)
        })
    }
}

impl Drop for Mqtt {
    fn drop(&mut self) {
        self.disconnect();
    }
}
