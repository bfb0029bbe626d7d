//! The local time of a message, as C's `strftime` writes it.

use std::fmt::Write as _;
use std::io::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Local, Utc};

/// The letters of `strftime`, as the C library has them.
const LETTERS: &str = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%";

/// A letter behind `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter(char);

impl Letter {
    /// Returns the letter, if `strftime` has it or it is `N`.
    pub(super) fn of(letter: char) -> Result<Self, String> {
        if letter == 'N' || LETTERS.contains(letter) {
            Ok(Self(letter))
        } else {
            Err(format!(
                "there is no `@{letter}`: @ goes before a letter of strftime or N"
            ))
        }
    }
}

/// A moment in local time. Messages received together have the same moment, so it is kept.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Option<DateTime<Utc>>,
    local: DateTime<Local>,
    stamp: String,
    iso: String,
}

impl Clock {
    /// Returns the clock at this moment.
    pub(super) fn at(&mut self, now: DateTime<Utc>) -> &mut Self {
        if self.now != Some(now) {
            self.now = Some(now);
            self.local = now.with_timezone(&Local);
            self.stamp.clear();
            self.iso.clear();
        }
        self
    }

    /// Returns the time as `tst` has it in `mosquitto_sub`'s JSON, a `Z` before the offset.
    pub(super) fn stamp(&mut self) -> &str {
        if self.stamp.is_empty() {
            let _ = write!(
                self.stamp,
                "{}",
                self.local.format("%Y-%m-%dT%H:%M:%S.%6fZ%z")
            );
        }
        &self.stamp
    }

    /// Returns the time in ISO 8601.
    pub(super) fn iso(&mut self) -> &str {
        if self.iso.is_empty() {
            let _ = write!(self.iso, "{}", self.local.format("%FT%T%z"));
        }
        &self.iso
    }

    /// Appends what `strftime` makes of the letter, or the nanoseconds for `N`.
    pub(super) fn letter(&self, Letter(letter): Letter, out: &mut Vec<u8>) {
        let _ = match letter {
            'N' => write!(out, "{:09}", self.local.timestamp_subsec_nanos()),
            'Z' => write!(out, "{}", zone(&self.local)),
            letter => {
                let text = ['%', letter].iter().collect::<String>();
                let items: Vec<Item<'_>> = StrftimeItems::new(&text).collect();
                write!(out, "{}", self.local.format_with_items(items.iter()))
            }
        };
    }
}

/// Returns the abbreviation of the time zone, such as `CET`, or its offset if that is unknown.
fn zone(local: &DateTime<Local>) -> String {
    let named = std::env::var("TZ").ok().filter(|name| !name.is_empty());
    let known = match &named {
        Some(name) => tz::TimeZone::from_posix_tz(name).ok(),
        None => tz::TimeZone::local().ok(),
    };
    let kind = known.as_ref().and_then(|zone| {
        let kind = zone.find_local_time_type(local.timestamp()).ok()?;
        Some(kind.time_zone_designation().to_owned())
    });
    kind.unwrap_or_else(|| local.format("%z").to_string())
}
