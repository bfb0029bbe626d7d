//! Steps of time as people count them: an hour, a day that begins at local midnight.

use std::iter::Peekable;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use iot_cli::Timezone;
use iot_store::read::{Division, TimeRange};

const DAY: u64 = 86_400;

/// Steps in a time zone.
#[derive(Debug)]
pub(crate) struct Grid<'a> {
    every: Duration,
    kind: Kind,
    zone: &'a Timezone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At multiples of the step since 1970, in UTC.
    Uniform,
    /// At so many days' midnights.
    Days(u64),
    /// At multiples of the step since midnight of each day.
    InDays,
}

impl<'a> Grid<'a> {
    /// Returns the steps of this length: at midnight for days, and at multiples since midnight for
    /// parts of a day.
    pub(crate) fn new(
        every: Duration,
        since: DateTime<Utc>,
        until: DateTime<Utc>,
        zone: &'a Timezone,
    ) -> Self {
        let seconds = every.as_secs().max(1);
        let kind = match seconds {
            _ if has_offsets_of(seconds, since, until, zone) => Kind::Uniform,
            _ if seconds.is_multiple_of(DAY) => Kind::Days(seconds / DAY),
            _ if DAY.is_multiple_of(seconds) => Kind::InDays,
            _ => Kind::Uniform,
        };
        Self { every, kind, zone }
    }

    /// Returns how a range is divided that [`parts`](Self::parts) has returned.
    pub(crate) fn division(&self) -> Division {
        match self.kind {
            Kind::Uniform => Division::Every(self.every),
            _ => Division::Into(1),
        }
    }

    /// Returns the ranges to ask a store for, so that it answers with these steps.
    pub(crate) fn parts(&self, edges: &[DateTime<Utc>]) -> Vec<TimeRange> {
        let range = |since, until| TimeRange {
            since: Some(since),
            until: Some(until),
        };
        match (self.kind, edges) {
            (Kind::Uniform, [first, .., last]) => vec![range(*first, *last)],
            (_, edges) => edges
                .windows(2)
                .map(|pair| range(pair[0], pair[1]))
                .collect(),
        }
    }

    fn step(&self) -> TimeDelta {
        TimeDelta::from_std(self.every).unwrap_or(TimeDelta::MAX)
    }

    /// Returns the last beginning of a step up to `time`.
    fn floor(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self.kind {
            Kind::Uniform => {
                let step = self.step().num_milliseconds().max(1);
                let number = time.timestamp_millis().div_euclid(step);
                DateTime::from_timestamp_millis(number.checked_mul(step)?)
            }
            Kind::Days(days) => {
                let day = self.zone.local_time(time).date_naive();
                let number = u64::try_from((day - NaiveDate::default()).num_days()).unwrap_or(0);
                self.midnight(day.checked_sub_days(Days::new(number % days))?)
            }
            Kind::InDays => {
                let day = self.zone.local_time(time).date_naive();
                let midnight = self.midnight(day)?;
                let step = self.step().num_milliseconds().max(1);
                let number = (time - midnight).num_milliseconds().div_euclid(step);
                Some(midnight + TimeDelta::milliseconds(number.max(0) * step))
            }
        }
    }

    /// Returns where the step ends that begins at `time`.
    fn next(&self, time: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let day = || self.zone.local_time(time).date_naive();
        let next = match self.kind {
            Kind::Uniform => time.checked_add_signed(self.step()),
            Kind::Days(days) => self.midnight(day().checked_add_days(Days::new(days))?),
            Kind::InDays => {
                let tomorrow = self.midnight(day().checked_add_days(Days::new(1))?)?;
                Some(time.checked_add_signed(self.step())?.min(tomorrow))
            }
        };
        next.filter(|next| *next > time)
    }

    fn midnight(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        self.zone.at(day.and_time(NaiveTime::MIN))
    }
}

/// Returns where the steps begin, from the one that has `since` in it on, without an end.
pub(crate) fn edges(grid: &Grid<'_>, since: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let mut next = grid.floor(since);
    std::iter::from_fn(move || {
        let edge = next?;
        next = grid.next(edge);
        Some(edge)
    })
}

/// Takes the edges of the next steps that begin before `until`, with the end of the last one;
/// nothing if there are no more. `most` steps are taken at a time.
pub(crate) fn next_edges(
    edges: &mut Peekable<impl Iterator<Item = DateTime<Utc>>>,
    until: DateTime<Utc>,
    most: usize,
) -> Option<Vec<DateTime<Utc>>> {
    let mut taken = Vec::new();
    while taken.len() < most
        && let Some(edge) = edges.next_if(|edge| *edge < until)
    {
        taken.push(edge);
    }
    // Where the next ones begin, these end.
    let end = edges.peek().filter(|_| !taken.is_empty())?;
    taken.push(*end);
    Some(taken)
}

/// Returns whether the zone is always a multiple of the step away from UTC, so that its steps are
/// those of UTC.
fn has_offsets_of(
    seconds: u64,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    zone: &Timezone,
) -> bool {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let is_multiple = |time: DateTime<Utc>| {
        let offset = zone.local_time(time).offset().local_minus_utc();
        i64::from(offset) % seconds == 0
    };
    // Clocks change at most once in a week.
    let mut times = std::iter::successors(Some(since), |time| {
        time.checked_add_signed(TimeDelta::weeks(1))
            .filter(|time| *time < until)
    });
    times.all(is_multiple) && is_multiple(until)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(zone: &str, every: u64, since: &str, expected: &[&str]) {
        let zone: Timezone = zone.parse().unwrap();
        let since: DateTime<Utc> = since.parse().unwrap();
        let until = since + TimeDelta::days(20);
        let grid = Grid::new(Duration::from_secs(every), since, until, &zone);
        let found: Vec<String> = edges(&grid, since)
            .take(expected.len())
            .map(|edge| edge.format("%FT%T").to_string())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn steps_begin_where_people_expect_them() {
        case(
            "Europe/Berlin",
            300,
            "2026-06-21T10:07:30Z",
            &["2026-06-21T10:05:00", "2026-06-21T10:10:00"],
        );
        case(
            "Asia/Kolkata",
            3_600,
            "2026-06-21T10:07:30Z",
            &["2026-06-21T09:30:00", "2026-06-21T10:30:00"],
        );
        // The day with 25 hours.
        case(
            "Europe/Berlin",
            DAY,
            "2026-10-24T22:30:00Z",
            &[
                "2026-10-24T22:00:00",
                "2026-10-25T23:00:00",
                "2026-10-26T23:00:00",
            ],
        );
        case(
            "Europe/Berlin",
            12 * 3_600,
            "2026-10-25T04:00:00Z",
            &[
                "2026-10-24T22:00:00",
                "2026-10-25T10:00:00",
                "2026-10-25T22:00:00",
                "2026-10-25T23:00:00",
            ],
        );
        case(
            "UTC",
            7 * DAY,
            "2026-06-21T10:00:00Z",
            &["2026-06-18T00:00:00", "2026-06-25T00:00:00"],
        );
    }

    #[test]
    fn steps_end_with_the_period() {
        let zone: Timezone = "Europe/Berlin".parse().unwrap();
        let since: DateTime<Utc> = "2026-06-20T22:00:00Z".parse().unwrap();
        let until = since + TimeDelta::days(3);
        let grid = Grid::new(Duration::from_secs(DAY), since, until, &zone);
        let mut edges = edges(&grid, since).peekable();
        let mut counts = Vec::new();
        while let Some(taken) = next_edges(&mut edges, until, 2) {
            counts.push(taken.len() - 1);
        }
        assert_eq!(counts, [2, 1]);
    }
}
