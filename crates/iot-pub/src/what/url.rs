//! The topic at the end of `-L`.

use iot_core::Error;

use super::{TopicGap, TopicTemplate, WhatArgs};

impl WhatArgs {
    /// Publishes to the topic of the URL, with the same gaps as that of `--topic`.
    ///
    /// # Errors
    /// [`Error::Config`] for what is no topic, or has no use here.
    pub(crate) fn set_topic(&mut self, text: &str) -> Result<(), Error> {
        if self.scenario.is_some() {
            return Err(Error::Config(
                "--url ends with a topic, and --scenario has a file that says what each device publishes: leave out /TOPIC".into(),
            ));
        }
        let topic: TopicTemplate = text
            .parse()
            .map_err(|why| Error::Config(format!("--url: {why}")))?;
        if self.replay.is_none() && topic.0.has(&TopicGap::Topic) {
            return Err(Error::Config(
                "--url: {topic} is the recorded one, and needs --replay FILE".into(),
            ));
        }
        self.topic = Some(topic);
        Ok(())
    }
}
