//! The options of the output.

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{Origins, UsageError};

use crate::output::{Format, MessageStyle, OutputPlan, Style};

/// What is printed on stdout.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
pub(crate) struct OutputArgs {
    /// Print each message as FORMAT, as mosquitto_sub does: %t topic, %p payload, %q QoS, %r
    /// retain, %x hex, %j JSON, %I time, @Y-@m-@d …
    #[arg(short = 'F', long, env = "IOT_FORMAT", hide_env_values = true)]
    #[arg(value_name = "FORMAT", allow_hyphen_values = true, group = "formatted")]
    format: Option<Format>,

    /// Print topic and payload of each message as they are
    #[arg(short, long, env = "IOT_VERBOSE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    verbose: bool,

    /// Print payloads as they are, without a newline after them
    #[arg(short = 'N', long, env = "IOT_NO_NEWLINE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    no_newline: bool,

    /// Print %j and %J of --format with line breaks
    #[arg(long, env = "IOT_PRETTY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), requires = "formatted")]
    #[arg(hide_short_help = true)]
    pretty: bool,

    /// Print each reading as JSON: topic, value, time, and any metric and unit
    #[arg(long, env = "IOT_JSON", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["csv", "message_rate", "format", "verbose", "no_newline", "watch"])]
    json: bool,

    /// Print readings as CSV: topic, value, time; with --decode also metric, unit
    #[arg(long, env = "IOT_CSV", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["message_rate", "format", "verbose", "no_newline", "watch"])]
    csv: bool,

    /// Show a table of all series on the terminal: latest value, age and rate
    #[arg(short, long, env = "IOT_WATCH", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), hide = cfg!(not(feature = "watch")))]
    watch: bool,

    /// Print the number of messages per second, instead of the messages
    #[arg(long, env = "IOT_MESSAGE_RATE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    message_rate: bool,
}

impl OutputArgs {
    /// Checks that the format has JSON, with `--pretty`.
    ///
    /// # Errors
    /// [`UsageError`] for a format without JSON.
    pub(super) fn check(&self, origins: &Origins) -> Result<(), UsageError> {
        let json = self.format.as_ref().is_some_and(Format::has_json);
        if self.pretty && !json {
            let (pretty, format) = (origins.name("pretty"), origins.name("format"));
            return Err(UsageError::new(format!(
                "{pretty} needs %j or %J in {format}"
            )));
        }
        Ok(())
    }

    /// Returns what the options mean. In the place of `mosquitto_sub`, payloads are printed.
    pub(super) fn plan(self, is_mosquitto: bool, explains: bool) -> OutputPlan {
        let style = if explains {
            Style::Explain
        } else if self.message_rate {
            Style::Rate
        } else if self.json {
            Style::Json
        } else if self.csv {
            Style::Csv
        } else if is_mosquitto || self.format.is_some() || self.verbose || self.no_newline {
            Style::Message(MessageStyle {
                format: self.format,
                verbose: self.verbose,
                newline: !self.no_newline,
                pretty: self.pretty,
            })
        } else {
            Style::Tutorial
        };
        OutputPlan {
            // As in mosquitto_sub: a rate belongs to no topic.
            watch: self.watch && style != Style::Rate,
            style,
            named: false,
        }
    }
}
