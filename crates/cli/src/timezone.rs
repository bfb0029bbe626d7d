//! A time zone as people name it: of devices that send local times, and of a user.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDateTime, Offset as _, TimeZone as _, Timelike, Utc,
};

/// A time zone.
#[derive(Clone, Debug, PartialEq)]
pub enum Timezone {
    /// The same all year.
    Offset(FixedOffset),
    /// With its changes to and from summer time.
    Named(Box<tz::TimeZone>),
}

impl FromStr for Timezone {
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
            "local" => return Ok(Self::local()),
            // The colon keeps rules such as `CET-1` out, whose signs are not those of offsets.
            name => tz::TimeZone::from_posix_tz(&format!(":{name}")),
        };
        zone.map(|zone| Self::Named(Box::new(zone)))
            .map_err(|_| WANTED.into())
    }
}

impl Timezone {
    /// Returns the one of this machine: that of the variable `TZ`, else the system's, else UTC.
    pub fn local() -> Self {
        let variable = std::env::var("TZ").ok().filter(|name| !name.is_empty());
        let named = variable.and_then(|name| tz::TimeZone::from_posix_tz(&name).ok());
        match named.map_or_else(tz::TimeZone::local, Ok) {
            Ok(zone) => Self::Named(Box::new(zone)),
            Err(_) => Self::Offset(Utc.fix()),
        }
    }

    /// Returns the local time of a moment, with its offset from UTC.
    pub fn local_time(&self, moment: DateTime<Utc>) -> DateTime<FixedOffset> {
        let offset = match self {
            Self::Offset(offset) => Some(*offset),
            Self::Named(zone) => zone
                .find_local_time_type(moment.timestamp())
                .ok()
                .and_then(|kind| FixedOffset::east_opt(kind.ut_offset())),
        };
        moment.with_timezone(&offset.unwrap_or_else(|| Utc.fix()))
    }

    /// Returns what a person calls the zone at a moment: `CEST`, or `UTC+02:00` where it has no
    /// letters.
    pub fn name(&self, moment: DateTime<Utc>) -> String {
        let letters = match self {
            Self::Offset(_) => None,
            Self::Named(zone) => zone.find_local_time_type(moment.timestamp()).ok(),
        };
        let letters = letters.map(|kind| kind.time_zone_designation().to_owned());
        let is_name = |name: &String| name.starts_with(|c: char| c.is_ascii_alphabetic());
        letters.filter(is_name).unwrap_or_else(|| {
            let local = self.local_time(moment);
            match local.offset().local_minus_utc() {
                0 => "UTC".to_owned(),
                _ => format!("UTC{}", local.offset()),
            }
        })
    }

    /// Returns the moment of a local time: the first of two when clocks are set back.
    pub fn at(&self, local: NaiveDateTime) -> Option<DateTime<Utc>> {
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
        let zone: Timezone = zone.parse().unwrap();
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
    fn the_local_time_of_a_moment() {
        let berlin: Timezone = "Europe/Berlin".parse().unwrap();
        for (moment, local, name) in [
            ("2026-01-10T10:00:00Z", "2026-01-10T11:00:00+01:00", "CET"),
            ("2026-07-10T10:00:00Z", "2026-07-10T12:00:00+02:00", "CEST"),
        ] {
            let moment = moment.parse().unwrap();
            assert_eq!(berlin.local_time(moment).to_rfc3339(), local);
            assert_eq!(berlin.name(moment), name);
        }
        let offset: Timezone = "+05:30".parse().unwrap();
        assert_eq!(offset.name(DateTime::UNIX_EPOCH), "UTC+05:30");
        let utc: Timezone = "UTC".parse().unwrap();
        assert_eq!(utc.name(DateTime::UNIX_EPOCH), "UTC");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "Mars", "CET-1", "+1:2:3", "../passwd"] {
            assert!(bad.parse::<Timezone>().is_err(), "{bad}");
        }
    }
}
