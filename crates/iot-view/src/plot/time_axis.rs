//! An axis of local times: whole minutes, hours, days, months or years.

use chrono::{
    DateTime, Datelike, Days, Months, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc,
};
use iot_cli::Timezone;

/// A tick of the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tick {
    pub(crate) time: DateTime<Utc>,
    /// The time, or the day where that is what counts.
    pub(crate) text: String,
    /// The day or the year, where it differs from that of the tick before.
    pub(crate) context: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Seconds(i64),
    Days(u64),
    Months(u32),
}

const STEPS: [Step; 38] = [
    Step::Seconds(1),
    Step::Seconds(2),
    Step::Seconds(5),
    Step::Seconds(10),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(60),
    Step::Seconds(2 * 60),
    Step::Seconds(5 * 60),
    Step::Seconds(10 * 60),
    Step::Seconds(15 * 60),
    Step::Seconds(30 * 60),
    Step::Seconds(3_600),
    Step::Seconds(2 * 3_600),
    Step::Seconds(3 * 3_600),
    Step::Seconds(6 * 3_600),
    Step::Seconds(12 * 3_600),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Days(14),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(24),
    Step::Months(60),
    Step::Months(120),
    Step::Months(240),
    Step::Months(600),
    Step::Months(1_200),
    Step::Months(2_400),
    Step::Months(6_000),
    Step::Months(12_000),
    Step::Months(24_000),
    Step::Months(60_000),
    Step::Months(120_000),
    Step::Months(1_200_000),
];

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Days(days) => i64::try_from(days).unwrap_or(i64::MAX) * 86_400,
            Self::Months(months) => i64::from(months) * 2_629_746,
        }
    }

    /// Returns the last local time of a tick up to `time`.
    fn floor(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let midnight = time.date().and_time(NaiveTime::MIN);
        match self {
            Self::Seconds(step) => {
                let since = i64::from(time.num_seconds_from_midnight());
                Some(midnight + TimeDelta::seconds(since - since % step))
            }
            Self::Days(days) => {
                let number = u64::try_from(time.date().num_days_from_ce()).unwrap_or_default();
                midnight.checked_sub_days(Days::new(number % days))
            }
            Self::Months(months) => {
                let before = match months {
                    12.. => {
                        let years = i32::try_from(months / 12).unwrap_or(i32::MAX);
                        let over = time.year().rem_euclid(years).unsigned_abs();
                        time.month0() + over * 12
                    }
                    _ => time.month0() % months,
                };
                midnight
                    .with_day(1)?
                    .checked_sub_months(Months::new(before))
            }
        }
    }

    fn next(self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        match self {
            Self::Seconds(seconds) => time.checked_add_signed(TimeDelta::seconds(seconds)),
            Self::Days(days) => time.checked_add_days(Days::new(days)),
            Self::Months(months) => time.checked_add_months(Months::new(months)),
        }
    }

    fn text(self, time: NaiveDateTime) -> String {
        let format = match self {
            Self::Seconds(..60) => "%H:%M:%S",
            Self::Seconds(_) => "%H:%M",
            Self::Days(_) => "%-d %b",
            Self::Months(..12) => "%b",
            Self::Months(_) => "%Y",
        };
        time.format(format).to_string()
    }

    fn context(self, time: NaiveDateTime) -> Option<String> {
        let format = match self {
            Self::Seconds(_) => "%-d %b %Y",
            Self::Days(_) | Self::Months(..12) => "%Y",
            Self::Months(_) => return None,
        };
        Some(time.format(format).to_string())
    }
}

/// Returns the ticks from `since` to `until`, at most about so many.
pub(crate) fn ticks(
    since: DateTime<Utc>,
    until: DateTime<Utc>,
    most: usize,
    zone: &Timezone,
) -> Vec<Tick> {
    let most = i64::try_from(most.max(1)).unwrap_or(i64::MAX);
    let least = (until - since).num_seconds() / most;
    let step = STEPS.into_iter().find(|step| step.seconds() >= least);
    let step = step.unwrap_or(STEPS[STEPS.len() - 1]);
    let mut ticks: Vec<Tick> = Vec::new();
    let mut last_context = None;
    let mut next = step.floor(zone.local_time(since).naive_local());
    while let Some(local) = next {
        next = step.next(local);
        // An hour that clocks skip has no tick.
        let Some(time) = zone.at(local) else { continue };
        if time > until {
            break;
        }
        if time < since || ticks.last().is_some_and(|last| last.time >= time) {
            continue;
        }
        let context = step.context(local);
        let is_new = context != last_context;
        last_context.clone_from(&context);
        ticks.push(Tick {
            time,
            text: step.text(local),
            context: context.filter(|_| is_new),
        });
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(since: &str, until: &str, expected: &str) {
        let zone = "Europe/Berlin".parse().unwrap();
        let time = |text: &str| text.parse().unwrap();
        let ticks = ticks(time(since), time(until), 6, &zone);
        let texts: Vec<String> = ticks
            .into_iter()
            .map(|tick| match tick.context {
                Some(context) => format!("{}({context})", tick.text),
                None => tick.text,
            })
            .collect();
        assert_eq!(texts.join(" "), expected);
    }

    #[test]
    fn ticks_are_whole_local_times() {
        case(
            "2026-06-20T22:00:00Z",
            "2026-06-21T22:00:00Z",
            "00:00(21 Jun 2026) 06:00 12:00 18:00 00:00(22 Jun 2026)",
        );
        case(
            "2026-06-21T10:00:03Z",
            "2026-06-21T10:00:59Z",
            "12:00:10(21 Jun 2026) 12:00:20 12:00:30 12:00:40 12:00:50",
        );
        case(
            "2026-10-24T10:00:00Z",
            "2026-10-28T10:00:00Z",
            "25 Oct(2026) 26 Oct 27 Oct 28 Oct",
        );
        case(
            "2025-11-10T00:00:00Z",
            "2026-11-10T00:00:00Z",
            "Jan(2026) Apr Jul Oct",
        );
        case(
            "2020-01-10T00:00:00Z",
            "2026-01-10T00:00:00Z",
            "2022 2024 2026",
        );
        case(
            "-0500-01-10T00:00:00Z",
            "9999-12-31T12:00:00Z",
            "0000 2000 4000 6000 8000",
        );
    }
}
