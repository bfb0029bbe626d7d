//! `--device-timezone`: where times without a time zone are from.

use std::str::FromStr;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDateTime, TimeZone, Timelike, Utc};

/// The time zone of devices that send their local time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DeviceTimezone {
    Offset(FixedOffset),
    /// With its changes to and from summer time.
    Named(Box<tz::TimeZone>),
}

impl FromStr for DeviceTimezone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str = "a time zone is local, UTC, +02:00 or a name such as Europe/Berlin";
        if text.eq_ignore_ascii_case("utc") || text == "Z" {
            return Ok(Self::Offset(FixedOffset::east_opt(0).ok_or(WANTED)?));
        }
        if text.starts_with(['+', '-']) {
            return text.parse().map(Self::Offset).map_err(|_| WANTED.into());
        }
        let zone = match text {
            "local" => tz::TimeZone::local(),
            // The colon keeps rules such as `CET-1` out, whose signs are not those of offsets.
            name => tz::TimeZone::from_posix_tz(&format!(":{name}")),
        };
        zone.map(|zone| Self::Named(Box::new(zone)))
            .map_err(|_| WANTED.into())
    }
}

impl DeviceTimezone {
    /// Returns the moment of a local time: the first of two when clocks are set back.
    pub(super) fn at(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Offset(offset) => Some(offset.from_local_datetime(&local).single()?.to_utc()),
            Self::Named(zone) => {
                let small = |number: u32| u8::try_from(number).ok();
                let found = tz::DateTime::find(
                    local.year(),
                    small(local.month())?,
                    small(local.day())?,
                    small(local.hour())?,
                    small(local.minute())?,
                    small(local.second())?,
                    0,
                    zone.as_ref().as_ref(),
                );
                let seconds = found.ok()?.earliest()?.unix_time();
                DateTime::from_timestamp(seconds, local.nanosecond() % 1_000_000_000)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(zone: &str, local: &str, expected: &str) {
        let zone: DeviceTimezone = zone.parse().unwrap();
        let time = zone.at(local.parse().unwrap()).unwrap();
        assert_eq!(time.to_rfc3339(), expected);
    }

    #[test]
    fn a_zone_is_utc_an_offset_or_a_name() {
        case("UTC", "2026-11-23T10:00:00", "2026-11-23T10:00:00+00:00");
        case(
            "+01:00",
            "2026-11-23T11:00:00.25",
            "2026-11-23T10:00:00.250+00:00",
        );
        case("-0530", "2026-11-23T04:30:00", "2026-11-23T10:00:00+00:00");
        case(
            "Europe/Berlin",
            "2026-11-23T11:00:00.5",
            "2026-11-23T10:00:00.500+00:00",
        );
        case(
            "Europe/Berlin",
            "2026-07-23T11:00:00",
            "2026-07-23T09:00:00+00:00",
        );
        // The hour that comes twice.
        case(
            "Europe/Berlin",
            "2026-10-25T02:30:00",
            "2026-10-25T00:30:00+00:00",
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "Mars", "CET-1", "+1:2:3", "../passwd"] {
            assert!(bad.parse::<DeviceTimezone>().is_err(), "{bad}");
        }
    }
}
