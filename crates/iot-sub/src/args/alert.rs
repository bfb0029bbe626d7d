//! The options of alerts.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use iot_alert::{Rule, Settings, SilenceRule};
use iot_cli::{Origins, UsageError, parse_duration};

use super::local_files::{check_file, check_program};
use crate::alert::{AlertPlan, AlertTopic, Exec, UrlFormat, parse_url};
use crate::rules_file::{AlertDefaults, FileAlerts};

#[derive(Debug, Args)]
#[command(next_help_heading = "Alerts")]
pub(super) struct AlertArgs {
    /// Report a series without a reading for TIME, or for FILTER=TIME; auto learns the time
    #[arg(long, env = "IOT_SILENT_AFTER", hide_env_values = true)]
    #[arg(value_name = "TIME", help_heading = "Watching")]
    silent_after: Vec<SilenceRule>,

    /// Report when a condition begins and ends, as in 'iot/freezer/temp > -10 for 10m', on stderr
    /// and by --alert-url
    #[arg(long, env = "IOT_ALERT", hide_env_values = true)]
    #[arg(value_name = "ALERT", help_heading = "Watching")]
    alert: Vec<Rule>,

    /// Report an alert that goes on again after DURATION [default: never]
    #[arg(long, env = "IOT_ALERT_REPEAT", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, hide_short_help = true)]
    alert_repeat: Option<Duration>,

    /// Skip readings older than DURATION when alerts are decided
    #[arg(long, env = "IOT_ALERT_MAX_AGE", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, hide_short_help = true)]
    #[arg(default_value = "10m")]
    alert_max_age: Duration,

    /// Publish alerts as retained JSON to TOPIC, such as iot-sub/alerts/{name}/{topic}
    #[arg(long, env = "IOT_ALERT_TOPIC", hide_env_values = true)]
    #[arg(value_name = "TOPIC", hide_short_help = true)]
    alert_topic: Option<AlertTopic>,

    /// Announce alerts to Home Assistant below PREFIX (needs --alert-topic)
    #[arg(long, env = "IOT_ALERT_DISCOVERY", hide_env_values = true)]
    #[arg(value_name = "PREFIX", hide_short_help = true)]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "homeassistant")]
    alert_discovery: Option<String>,

    /// Run PROGRAM for each report, with the JSON on its standard input
    #[arg(long, env = "IOT_ALERT_EXEC", hide_env_values = true)]
    #[arg(value_name = "PROGRAM", hide_short_help = true)]
    alert_exec: Option<PathBuf>,

    /// Kill PROGRAM after DURATION
    #[arg(long, env = "IOT_ALERT_EXEC_TIMEOUT", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, hide_short_help = true)]
    #[arg(default_value = "30s")]
    alert_exec_timeout: Duration,

    /// Send each report to URL by POST
    #[arg(long, env = "IOT_ALERT_URL", hide_env_values = true)]
    #[arg(value_name = "URL", value_parser = parse_url, hide_short_help = true)]
    alert_url: Option<String>,

    /// Send reports to URL as FORMAT
    #[arg(long, env = "IOT_ALERT_FORMAT", hide_env_values = true)]
    #[arg(
        value_enum,
        default_value_t,
        value_name = "FORMAT",
        hide_short_help = true
    )]
    alert_format: UrlFormat,

    /// Keep states of alerts and undelivered reports in PATH [default: a file for each broker,
    /// client and store below ~/.local/state/iot-sub]
    #[arg(long, env = "IOT_ALERT_FILE", hide_env_values = true)]
    #[arg(value_name = "PATH", hide_short_help = true)]
    alert_file: Option<PathBuf>,
}

impl AlertArgs {
    fn is_on(&self) -> bool {
        !self.silent_after.is_empty() || !self.alert.is_empty()
    }

    /// Adds what a file of rules says. Its alerts come after those of the options, and an option
    /// wins over the file's default.
    pub(super) fn add(&mut self, file: FileAlerts, origins: &Origins) {
        let FileAlerts {
            rules,
            silence,
            defaults,
        } = file;
        self.alert.extend(rules);
        self.silent_after.extend(silence);
        let AlertDefaults {
            repeat,
            max_age,
            topic,
            discovery,
            exec,
            exec_timeout,
            url,
            format,
        } = defaults;
        self.alert_repeat = self.alert_repeat.or(repeat);
        self.alert_topic = self.alert_topic.take().or(topic);
        self.alert_discovery = self.alert_discovery.take().or(discovery);
        self.alert_exec = self.alert_exec.take().or(exec);
        self.alert_url = self.alert_url.take().or(url);
        // These have defaults of their own.
        let is_given = |name| origins.is_set(name);
        if let Some(max_age) = max_age.filter(|_| !is_given("alert_max_age")) {
            self.alert_max_age = max_age;
        }
        if let Some(timeout) = exec_timeout.filter(|_| !is_given("alert_exec_timeout")) {
            self.alert_exec_timeout = timeout;
        }
        if let Some(format) = format.filter(|_| !is_given("alert_format")) {
            self.alert_format = format;
        }
    }

    /// Checks what clap cannot check.
    ///
    /// # Errors
    /// [`UsageError`] names the option.
    pub(super) fn check(&self, origins: &Origins) -> Result<(), UsageError> {
        let mut names = HashSet::new();
        for rule in &self.alert {
            if !names.insert(&rule.name) {
                return Err(UsageError::new(format!(
                    "two alerts are named `{}` (begin each with a name of its own: 'NAME: …')",
                    rule.name
                )));
            }
        }
        if self.silent_after.len() > 255 {
            return Err(UsageError::new(
                "--silent-after can be given 255 times at most",
            ));
        }
        let needed = [
            ("alert_format", self.alert_url.is_none(), "--alert-url"),
            (
                "alert_exec_timeout",
                self.alert_exec.is_none(),
                "--alert-exec",
            ),
        ];
        for (name, is_missing, other) in needed {
            if is_missing && origins.is_typed(name) {
                let name = origins.name(name);
                return Err(UsageError::new(format!("{name} needs {other}")));
            }
        }
        if self.is_on() {
            if self.alert_discovery.is_some() && self.alert_topic.is_none() {
                return Err(UsageError::new("--alert-discovery needs --alert-topic"));
            }
            if let Some(program) = &self.alert_exec {
                check_program(&origins.name("alert_exec"), program)?;
            }
            if let Some(path) = &self.alert_file {
                check_file(&origins.name("alert_file"), path)?;
            }
            return Ok(());
        }
        for name in [
            "alert_topic",
            "alert_exec",
            "alert_url",
            "alert_repeat",
            "alert_discovery",
        ] {
            if origins.is_set(name) {
                return Err(UsageError::new(format!(
                    "{} needs --alert or --silent-after",
                    origins.name(name)
                )));
            }
        }
        Ok(())
    }

    /// Returns the plan for these options, if anything is watched.
    pub(super) fn plan(self) -> Option<AlertPlan> {
        if !self.is_on() {
            return None;
        }
        Some(AlertPlan {
            settings: Settings {
                rules: self.alert,
                silence: self.silent_after,
                repeat: self.alert_repeat,
                max_age: self.alert_max_age,
                ..Settings::default()
            },
            file: self.alert_file,
            topic: self.alert_topic,
            discovery: self.alert_discovery,
            exec: self.alert_exec.map(|program| Exec {
                program,
                timeout: self.alert_exec_timeout,
            }),
            url: self.alert_url.map(|url| (url, self.alert_format)),
        })
    }
}
