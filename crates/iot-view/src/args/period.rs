//! From when until when.

use chrono::{DateTime, Utc};
use clap::Args;
use iot_cli::{Moment, Origins, Timezone, UsageError};

use crate::period::Period;

/// The time of readings.
#[derive(Debug, Args)]
#[command(next_help_heading = "Time")]
pub(crate) struct PeriodArgs {
    /// Read from TIME on: 24h (ago), yesterday, 2026-06-21 (local time), or RFC 3339 [default: the
    /// beginning; for plot 24h]
    #[arg(long, env = "IOT_SINCE", hide_env_values = true, value_name = "TIME")]
    since: Option<Moment>,

    /// Read up to TIME, a day to its end, as in --since yesterday --until yesterday [default: no
    /// end]
    #[arg(long, env = "IOT_UNTIL", hide_env_values = true, value_name = "TIME")]
    until: Option<Moment>,

    /// Use time zone ZONE for days and times: local, UTC, +02:00 or Europe/Berlin [default: local]
    #[arg(long, env = "IOT_TIMEZONE", hide_env_values = true)]
    #[arg(value_name = "ZONE", allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    timezone: Option<Timezone>,
}

impl PeriodArgs {
    /// Returns the period, as seen at `now`. Without `--since` it has no beginning, or that of
    /// `default`.
    ///
    /// # Errors
    /// [`UsageError`] for one that ends before it begins.
    pub(crate) fn period(
        &self,
        now: DateTime<Utc>,
        default: Option<Moment>,
        origins: &Origins,
    ) -> Result<Period, UsageError> {
        let zone = self.timezone.clone().unwrap_or_else(Timezone::local);
        let wrong = |id: &str, why| UsageError::new(format!("{}: {why}", origins.name(id)));
        let since = self.since.or(default);
        let since = since.map(|moment| moment.begin(now, &zone)).transpose();
        let since = since.map_err(|why| wrong("since", why))?;
        let until = self.until.map(|moment| moment.end(now, &zone)).transpose();
        let until = until.map_err(|why| wrong("until", why))?;
        if let (Some(since), Some(until)) = (since, until)
            && since >= until
        {
            let shown = |time| zone.local_time(time).format("%F %T");
            let what = if since == until {
                format!("begins and ends at {}", shown(since))
            } else {
                format!(
                    "ends ({}) before it begins ({})",
                    shown(until),
                    shown(since)
                )
            };
            return Err(UsageError::new(format!(
                "the period {what}: check {} and {}",
                origins.name("since"),
                origins.name("until")
            )));
        }
        Ok(Period { since, until, zone })
    }
}
