//! A measured run, as `scripts/cluster --calm` prints it: `run: members=4 offered=2000 …`.

use std::collections::HashMap;

use anyhow::{Context, Result};

/// What was measured in a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) members: u32,
    /// Whether publishers sent at a given rate, and not as many messages as the group stored.
    pub(crate) has_given_rate: bool,
    /// Messages a second that were stored.
    pub(crate) rate: f64,
    /// Commits a second of all members.
    pub(crate) commits: f64,
    /// Time of an insert, in seconds.
    pub(crate) delivery: f64,
    /// Processors that each part used, and other programs.
    pub(crate) broker: f64,
    pub(crate) group: f64,
    pub(crate) database: f64,
    pub(crate) publishers: f64,
    pub(crate) others: f64,
}

impl Run {
    /// Reads a line; `None` if it is none of a run.
    ///
    /// # Errors
    /// A field is missing, or no number.
    pub(crate) fn read(line: &str) -> Result<Option<Self>> {
        let Some((_, fields)) = line.split_once("run: ") else {
            return Ok(None);
        };
        let fields: HashMap<_, _> = fields
            .split_whitespace()
            .filter_map(|field| field.split_once('='))
            .collect();
        let number = |name: &str| -> Result<f64> {
            let value = fields.get(name).with_context(|| format!("no `{name}`"))?;
            value.parse().with_context(|| format!("{name}=`{value}`"))
        };
        let members = fields.get("members").context("no `members`")?;
        let (broker, group) = (number("brokers")?, number("group")?);
        let (database, publishers) = (number("database")?, number("publishers")?);
        Ok(Some(Self {
            members: members.parse().context("`members`")?,
            has_given_rate: number("offered")? > 0.0,
            rate: number("rate")?,
            commits: number("commits")?,
            delivery: number("delivery-ms")? / 1e3,
            broker,
            group,
            database,
            publishers,
            others: number("busy")? - broker - group - database - publishers,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "  run: members=4 offered=2000 rate=1990.5 commits=9.1 commit-ms=2.0 \
                        delivery-ms=56.0 busy=1.9 brokers=0.1 group=0.3 \
                        database=0.9 publishers=0.2 broker-thread=0.1";

    #[test]
    fn reads_the_line_of_a_run() {
        let run = Run::read(LINE).unwrap().unwrap();
        assert_eq!((run.members, run.has_given_rate), (4, true));
        assert!((run.others - 0.4).abs() < 1e-9);
        assert!((run.delivery - 0.056).abs() < 1e-9);
        assert_eq!(Run::read("  share: member1 25.0 %").unwrap(), None);
    }

    #[test]
    fn a_line_without_a_field_is_an_error() {
        let line = LINE.replace("delivery-ms", "x");
        let error = Run::read(&line).unwrap_err();
        assert_eq!(error.to_string(), "no `delivery-ms`");
    }
}
