//! A queueing model of a group of `iot-sub`: how many messages a second it stores.
//!
//! All parts share the processors, which are the server of a closed queue: publishers are always so
//! many messages ahead that some part has work. So the highest rate is where the processor time of
//! all parts together reaches what there is. Three parts cost more than a time for each message:
//!
//! - Members and the broker have work for each commit.
//! - The database is served in bulk: each insert takes what has come in the meantime, and there is
//!   work for each round of inserts. By Little's law, rounds a second are the rate divided by the
//!   messages that are being inserted. At the highest rate, these are the ones that publishers are
//!   ahead.
//! - Publishers have work without messages, such as waking up.
//!
//! The costs are fitted to runs at given rates that are lower.

use crate::run::Run;

/// How many messages publishers are ahead of the store: as in `crates/cluster/src/round.rs`.
const AHEAD: f64 = 40_000.0;

/// What a part costs, in processor time.
#[derive(Clone, Copy, Debug)]
struct Cost {
    message: f64,
    /// For each commit, each round of inserts, or each second.
    other: f64,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// Members and broker, by commit.
    group: Cost,
    /// By round of inserts.
    database: Cost,
    /// By second.
    publishers: Cost,
    /// Commits a second at the highest of the given rates, by number of members.
    commits: Vec<(u32, f64)>,
}

impl Model {
    /// Fits the costs to runs at given rates. `None` if they are too few, or too similar.
    pub(crate) fn of(runs: &[Run]) -> Option<Self> {
        let cost = |point: fn(&Run) -> (f64, f64)| {
            let points = runs.iter().map(|run| (run.rate, point(run)));
            Cost::of(
                &points
                    .map(|(rate, (other, used))| (rate, other, used))
                    .collect::<Vec<_>>(),
            )
        };
        let mut by_rate: Vec<_> = runs.iter().collect();
        by_rate.sort_by(|one, other| {
            (one.members, other.rate)
                .partial_cmp(&(other.members, one.rate))
                .expect("numbers")
        });
        by_rate.dedup_by_key(|run| run.members);
        Some(Self {
            group: cost(|run| (run.commits, run.group + run.broker))?,
            database: cost(|run| (1.0 / run.delivery, run.database))?,
            publishers: cost(|run| (1.0, run.publishers))?,
            commits: by_rate
                .iter()
                .map(|run| (run.members, run.commits))
                .collect(),
        })
    }

    /// Returns the highest rate of a group on so many processors. `None` if the number of members
    /// is outside of what was measured.
    pub(crate) fn rate(&self, members: u32, processors: f64) -> Option<f64> {
        let fixed = self.group.other * self.commits(members)? + self.publishers.other;
        let message = self.group.message
            + self.publishers.message
            + self.database.message
            + self.database.other / AHEAD;
        Some((processors - fixed) / message)
    }

    /// Commits a second of so many members: between those of fewer and of more.
    fn commits(&self, members: u32) -> Option<f64> {
        let fewer = self.commits.iter().rfind(|(count, _)| *count <= members)?;
        let more = self.commits.iter().find(|(count, _)| *count >= members)?;
        if fewer.0 == more.0 {
            return Some(fewer.1);
        }
        let steps = |count: u32| (f64::from(count) / f64::from(fewer.0)).log2();
        Some(fewer.1 * (more.1 / fewer.1).powf(steps(members) / steps(more.0)))
    }
}

impl Cost {
    /// The two costs with the least squares, from rate, other work a second and processor time a
    /// second.
    fn of(points: &[(f64, f64, f64)]) -> Option<Self> {
        let sum = |of: fn(&(f64, f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
        let (rates, mixed, others) = (
            sum(|it| it.0 * it.0),
            sum(|it| it.0 * it.1),
            sum(|it| it.1 * it.1),
        );
        let (by_rate, by_other) = (sum(|it| it.0 * it.2), sum(|it| it.1 * it.2));
        let determinant = rates * others - mixed * mixed;
        (determinant > 1e-9 * rates * others).then(|| Self {
            message: (by_rate * others - by_other * mixed) / determinant,
            other: (by_other * rates - by_rate * mixed) / determinant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members and broker: 30 µs a message and 200 µs a commit. Database: 50 µs and 30 ms.
    /// Publishers: 10 µs, and 5 % of a processor.
    fn run(members: u32, rate: f64, commits: f64, delivery: f64) -> Run {
        Run {
            members,
            has_given_rate: true,
            rate,
            commits,
            delivery,
            others: 0.0,
            broker: rate * 10e-6,
            group: rate * 20e-6 + commits * 200e-6,
            database: rate * 50e-6 + 0.03 / delivery,
            publishers: rate * 10e-6 + 0.05,
        }
    }

    fn assert_near(found: Option<f64>, expected: f64) {
        let error = (found.unwrap() / expected - 1.0).abs();
        assert!(error < 1e-6, "{found:?} instead of {expected}");
    }

    #[test]
    fn finds_the_costs_and_the_rate_at_which_the_processors_are_busy() {
        let runs = [
            run(4, 2_000.0, 900.0, 0.06),
            run(1, 2_000.0, 400.0, 0.05),
            run(4, 6_000.0, 1_600.0, 0.11),
            run(1, 6_000.0, 400.0, 0.05),
        ];
        let model = Model::of(&runs).unwrap();
        let message = 90e-6 + 0.03 / AHEAD;
        assert_near(model.rate(1, 2.0), (2.0 - 0.05 - 0.08) / message);
        assert_near(model.rate(4, 1.5), (1.5 - 0.05 - 0.32) / message);
        // As far from 400 commits as from 1,600, each in proportion.
        assert_near(model.rate(2, 2.0), (2.0 - 0.05 - 0.16) / message);
        assert_eq!(model.rate(8, 2.0), None);
    }

    #[test]
    fn similar_runs_are_not_enough() {
        let runs = [run(1, 2_000.0, 400.0, 0.05), run(1, 4_000.0, 800.0, 0.025)];
        assert!(Model::of(&runs).is_none());
        assert!(Model::of(&runs[..1]).is_none());
    }
}
