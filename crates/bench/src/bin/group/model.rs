//! A queueing model of a group of `iot-sub`: how many messages a second it stores.
//!
//! Each member goes round a cycle: it gets a batch, works on it, and waits for its disk.
//! Publishers, brokers and the database work on each batch too. All of them share the processors of
//! the machines, and each member has a disk of its own. That is the machine repair model
//! (M/M/c//N): as many customers as members, a station with `processors` servers, and a delay.

/// What one message costs, and what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Processors that all parts share. With other work on the machine, the part that they get.
    pub(crate) processors: f64,
    /// Processor time of all parts for a message, in seconds.
    pub(crate) work: f64,
    /// Processor time of all parts for a commit and what follows from it, in seconds.
    pub(crate) commit_work: f64,
    /// Processor time of a broker that runs on one thread, in seconds; 0 if it runs on several.
    pub(crate) serial_work: f64,
    /// Messages of a commit.
    pub(crate) batch: f64,
    /// Time of a commit in which the member uses no processor, in seconds.
    pub(crate) commit: f64,
    /// Messages a second that are published; infinite for as many as possible.
    pub(crate) offered: f64,
}

/// What limits the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bottleneck {
    Publishers,
    Broker,
    Processors,
    Disks,
}

impl Group {
    /// Returns the messages a second of this many members, and what limits them.
    pub(crate) fn rate(&self, members: u32) -> (f64, Bottleneck) {
        let serial = if self.serial_work > 0.0 {
            1.0 / self.serial_work
        } else {
            f64::INFINITY
        };
        let cycles = self.cycles(members) * self.batch;
        let shared = if self.processors / self.work < f64::from(members) * self.batch / self.commit
        {
            Bottleneck::Processors
        } else {
            Bottleneck::Disks
        };
        let limits = [
            (self.offered, Bottleneck::Publishers),
            (serial, Bottleneck::Broker),
            (cycles, shared),
        ];
        limits
            .into_iter()
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .expect("three limits")
    }

    fn batch_work(&self) -> f64 {
        self.work * self.batch + self.commit_work
    }

    /// Batches a second of all members together: the machine repair model, by its birth and death
    /// equations. `n` members are at the processors, the others at their disks.
    fn cycles(&self, members: u32) -> f64 {
        let service = 1.0 / self.batch_work();
        let arrival = 1.0 / self.commit;
        let at_work = |n: u32| f64::from(n).min(self.processors) * service;
        // Probabilities up to a factor.
        let mut weights = vec![1.0];
        for n in 1..=members {
            let before = weights[weights.len() - 1];
            weights.push(before * f64::from(members - n + 1) * arrival / at_work(n));
        }
        let sum: f64 = weights.iter().sum();
        let busy = (0..).zip(&weights).map(|(n, weight)| at_work(n) * weight);
        busy.sum::<f64>() / sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Group = Group {
        processors: 2.0,
        work: 100e-6,
        commit_work: 0.0,
        serial_work: 0.0,
        batch: 20.0,
        commit: 4e-3,
        offered: f64::INFINITY,
    };

    fn assert_near(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{found} instead of {expected}"
        );
    }

    #[test]
    fn one_member_is_its_cycle() {
        // 20 messages in 2 ms of work and 4 ms of waiting.
        let (rate, limit) = GROUP.rate(1);
        assert_near(rate, 20.0 / 6e-3);
        assert_eq!(limit, Bottleneck::Disks);
    }

    #[test]
    fn small_batches_cost_more() {
        let small = Group {
            commit_work: 2e-3,
            ..GROUP
        };
        assert_near(small.rate(1).0, 20.0 / 8e-3);
    }

    #[test]
    fn many_members_are_limited_by_the_processors() {
        let (rate, limit) = GROUP.rate(100);
        assert!((rate / 20_000.0 - 1.0).abs() < 1e-3, "{rate}");
        assert_eq!(limit, Bottleneck::Processors);
    }

    #[test]
    fn two_members_do_not_disturb_each_other_on_two_processors() {
        assert_near(GROUP.rate(2).0, 2.0 * GROUP.rate(1).0);
    }

    #[test]
    fn two_members_queue_for_one_processor() {
        // The textbook's formula for N = 2: with r = service / delay, the station is busy for
        // (2r + 2r²) / (1 + 2r + 2r²) of the time.
        let one = Group {
            processors: 1.0,
            ..GROUP
        };
        let r: f64 = 0.5;
        let busy = (2.0 * r + 2.0 * r * r) / (1.0 + 2.0 * r + 2.0 * r * r);
        assert_near(one.rate(2).0, busy * 10_000.0);
    }

    #[test]
    fn publishers_and_a_broker_of_one_thread_are_limits() {
        let slow = Group {
            offered: 1_000.0,
            ..GROUP
        };
        assert_eq!(slow.rate(4), (1_000.0, Bottleneck::Publishers));
        let serial = Group {
            serial_work: 1e-3,
            ..GROUP
        };
        assert_eq!(serial.rate(4).1, Bottleneck::Broker);
    }
}
