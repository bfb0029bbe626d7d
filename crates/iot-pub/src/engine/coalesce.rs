//! Coalesces acknowledgements: a pause lets several come, which are then taken together.

use std::thread::sleep;
use std::time::Duration;

use iot_core::Connection;

/// The shortest pause: the system's timer is not more exact than that.
const MIN_PAUSE: Duration = Duration::from_micros(50);
/// The longest pause, so that neither a signal nor a line of input waits longer.
const MAX_PAUSE: Duration = Duration::from_micros(500);
/// The share of the messages in flight that is answered after a pause of the right length. The
/// broker still has the rest to do, and does not run out of work.
const ANSWERED_SHARE: f64 = 0.9;

/// Pauses while the messages of a connection wait for acknowledgements anyway. The length of the
/// pauses follows the pace of the broker.
#[derive(Debug)]
pub(super) struct AckCoalescer {
    /// `None` takes each acknowledgement as it comes.
    pause: Option<Duration>,
}

impl AckCoalescer {
    /// Returns one that pauses only if `is_on`: it is off while latency is measured.
    pub(super) fn new(is_on: bool) -> Self {
        Self {
            pause: is_on.then_some(MIN_PAUSE),
        }
    }

    /// Pauses if as many messages as allowed are in flight. To be called when all events of the
    /// connection are taken.
    pub(super) async fn pause(&mut self, connection: &mut Connection) {
        let Some(pause) = &mut self.pause else { return };
        if let Some(share) = connection.coalesce_acks(|| sleep(*pause)).await {
            *pause = next(*pause, share);
        }
    }
}

/// The pause after one in which `share` of the messages in flight were answered.
fn next(pause: Duration, share: f64) -> Duration {
    let step = pause / 8;
    let pause = if share < ANSWERED_SHARE {
        pause + step
    } else {
        pause.saturating_sub(step)
    };
    pause.clamp(MIN_PAUSE, MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A broker that takes this long for all messages in flight.
    #[track_caller]
    fn case(microseconds: u64, expected: std::ops::RangeInclusive<u128>) {
        let broker = Duration::from_micros(microseconds);
        let mut pause = MIN_PAUSE;
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
