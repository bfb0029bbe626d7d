//! The topic at the end of `-L`.

use iot_cli::UrlTopic;

use super::{TopicGap, TopicTemplate, WhatArgs};

impl WhatArgs {
    /// Publishes to the topic of the URL, with the same gaps as that of `--topic`, if it is the one that
    /// counts.
    ///
    /// # Errors
    /// One line, for what is no topic, or has no use here.
    pub(crate) fn take_url_topic(&mut self, topic: Option<&UrlTopic>) -> Result<(), String> {
        let Some(topic) = topic.filter(|topic| topic.wins) else {
            return Ok(());
        };
        if self.scenario.is_some() {
            return Err(
                "--url ends with a topic, and --scenario has a file that says what each device publishes: leave out /TOPIC".into(),
            );
        }
        let template: TopicTemplate = topic.text.parse().map_err(|why| format!("--url: {why}"))?;
        if self.replay.is_none() && template.0.has(&TopicGap::Topic) {
            return Err("--url: {topic} is the recorded one, and needs --replay FILE".into());
        }
        self.topic = Some(template);
        Ok(())
    }
}
