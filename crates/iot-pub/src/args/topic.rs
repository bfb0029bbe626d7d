//! The topic option: a name with places for the device and the recorded topic.

use std::str::FromStr;

use iot_core::TopicName;

use crate::topic_template::Template;

/// A place in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Device,
    /// The recorded topic.
    Topic,
}

/// `iot/home{device}/temp`
#[derive(Debug, Clone)]
pub(crate) struct TopicTemplate(Template<Placeholder>);

impl FromStr for TopicTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if iot_cli::is_mosquitto() {
            TopicName::new(text).map_err(|error| error.to_string())?;
            return Ok(Self(Template::plain(text)));
        }
        let placeholders = [
            ("device".into(), Placeholder::Device),
            ("topic".into(), Placeholder::Topic),
        ];
        let template = Self(Template::new(text, &placeholders)?);
        template.topic("1", "topic")?;
        Ok(template)
    }
}

impl TopicTemplate {
    /// Returns the topic of a device, for a recorded one.
    pub(crate) fn topic(&self, device: &str, recorded: &str) -> Result<TopicName, String> {
        let topic = self.0.fill(|placeholder, text| match placeholder {
            Placeholder::Device => text.push_str(device),
            Placeholder::Topic => text.push_str(recorded),
        });
        TopicName::new(topic).map_err(|error| error.to_string())
    }

    /// Returns whether it holds `{topic}`, which only a recording has.
    pub(crate) fn has_recorded_topic(&self) -> bool {
        self.0.has(&Placeholder::Topic)
    }
}
