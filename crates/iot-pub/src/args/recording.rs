//! The options of a recording that is published again.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{Origins, UsageError};
use iot_core::TopicName;
use iot_core::topic::TopicError;

use crate::args::topic::TopicTemplate;
use crate::payload::clock::Speed;
use crate::payload::recording::{Recording, Replay};

#[derive(Debug, Args)]
#[command(next_help_heading = "Recordings")]
pub(crate) struct RecordingArgs {
    /// Publish what FILE has recorded, at its pace: CSV with the header topic,value,time, or JSON
    /// lines; - is standard input
    #[arg(long, env = "IOT_REPLAY", hide_env_values = true)]
    #[arg(value_name = "FILE", conflicts_with_all = ["rate", "devices"])]
    replay: Option<PathBuf>,

    /// Start FILE again at its end
    #[arg(id = "loop", long = "loop", env = "IOT_LOOP", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), requires = "recording")]
    #[arg(hide_short_help = true)]
    repeat: bool,

    /// Exit with 1 at the first bad line of a recording, instead of skipping and counting it
    #[arg(long, env = "IOT_STRICT", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), requires = "recording")]
    #[arg(hide_short_help = true)]
    strict: bool,

    /// Publish each reading of a recording as JSON with its time, metric and unit, which
    /// `iot-sub --map .payload` stores as it was
    #[arg(long, env = "IOT_WITH_TIMES", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), requires = "recording")]
    #[arg(hide_short_help = true)]
    with_times: bool,
}

impl RecordingArgs {
    /// Ignores `--loop` for standard input if a lower layer sets it.
    ///
    /// # Errors
    /// [`UsageError`] if both are typed.
    pub(crate) fn resolve(&mut self, origins: &Origins) -> Result<(), UsageError> {
        if !self.repeat || self.replay.as_deref() != Some(Path::new("-")) {
            return Ok(());
        }
        if origins.layer("loop") >= origins.layer("replay") {
            let name = origins.name("loop");
            return Err(UsageError::new(format!(
                "{name} needs a file: standard input cannot be read again"
            )));
        }
        self.repeat = false;
        Ok(())
    }

    /// Returns whether a recording is published.
    pub(crate) fn is_given(&self) -> bool {
        self.replay.is_some()
    }

    /// Opens the recording, if there is one.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(
        &self,
        device: &'static str,
        topic: Option<TopicTemplate>,
        speed: Speed,
        retain: bool,
    ) -> Result<Option<Recording>> {
        let Some(path) = &self.replay else {
            return Ok(None);
        };
        let map = move |recorded: &str| match &topic {
            Some(topic) => topic.topic(device, recorded),
            None => TopicName::new(recorded).map_err(|error| match error {
                error @ TopicError::Disallowed(..) => {
                    format!("{error}: it is recorded, and not published again (-t names another)")
                }
                error => error.to_string(),
            }),
        };
        let recording = Recording::open(Replay {
            path: path.clone(),
            map: Box::new(map),
            speed,
            repeat: self.repeat,
            strict: self.strict,
            with_times: self.with_times,
            retain,
        })?;
        Ok(Some(recording))
    }
}
