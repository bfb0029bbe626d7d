//! How long acknowledgements may gather before they are taken together.

use std::thread::sleep;
use std::time::Duration;

use iot_core::Connection;

/// The pauses, at least and at most: a shorter one than the system's own inaccuracy saves nothing, and a signal or a
/// line of input is not to wait longer.
const PAUSES: (Duration, Duration) = (Duration::from_micros(50), Duration::from_micros(500));
/// The share of the messages in flight that is to be answered after a pause: a broker that has the rest still to do
/// does not run out of work.
const SHARE: f64 = 0.9;

/// Pauses while a connection's messages wait for acknowledgements anyway. The pauses follow the pace of the broker.
#[derive(Debug)]
pub(crate) struct Gatherer {
    /// `None` where each acknowledgement is taken as it comes.
    pause: Option<Duration>,
}

impl Gatherer {
    /// Returns one that pauses only if `wanted`: not where latency is measured.
    pub(crate) fn new(wanted: bool) -> Self {
        Self {
            pause: wanted.then_some(PAUSES.0),
        }
    }

    /// Lets acknowledgements gather, where as many messages as may be are on their way. To be called when all events of
    /// the connection are taken.
    pub(crate) async fn gather(&mut self, connection: &mut Connection) {
        let Some(pause) = &mut self.pause else { return };
        if let Some(share) = connection.gather(|| sleep(*pause)).await {
            *pause = next(*pause, share);
        }
    }
}

/// The pause after one that so large a share was answered in.
fn next(pause: Duration, share: f64) -> Duration {
    let step = pause / 8;
    let pause = if share < SHARE {
        pause + step
    } else {
        pause.saturating_sub(step)
    };
    pause.clamp(PAUSES.0, PAUSES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that takes so long for all the messages in flight.
    #[track_caller]
    fn case(microseconds: u64, expected: std::ops::RangeInclusive<u128>) {
        let broker = Duration::from_micros(microseconds);
        let mut pause = PAUSES.0;
        for _ in 0..100 {
            pause = next(pause, pause.div_duration_f64(broker).min(1.0));
        }
        assert!(expected.contains(&pause.as_micros()), "{pause:?}");
    }

    #[test]
    fn pauses_follow_the_broker() {
        case(20, 50..=50);
        case(200, 150..=215);
        case(400, 300..=430);
        case(20_000, 500..=500);
    }
}
