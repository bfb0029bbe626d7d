//! For tests: kills the process at a chosen point of a reading's path, with the feature `failpoints` only.
//!
//! `IOT_FAILPOINT=after-commit:3` kills it when it passes that point for the third time. As with `kill -9`, nothing is
//! flushed and nobody is told.

/// A point of a reading's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A message has come, and nothing has been done about it.
    BeforeReceive,
    /// What one read brought waits to be committed.
    AfterReceive,
    BeforeCommit,
    AfterCommit,
    /// Committed, and nobody has asked for an acknowledgement.
    BeforeAck,
    /// A moment after that was asked for: by then it is on the wire.
    AfterAck,
    /// A PUBREL has come, and nothing has been done about it.
    BeforePubrel,
    /// A moment after its PUBCOMP was asked for.
    AfterPubrel,
    BeforeDelivery,
    /// The store has the batch, and nobody here has taken note of it.
    AfterDelivery,
    BeforeTrim,
    AfterTrim,
}

/// Passes a point.
#[cfg(not(feature = "failpoints"))]
#[inline]
pub(crate) fn pass(_point: Point) {}

#[cfg(feature = "failpoints")]
pub(crate) use imp::pass;

#[cfg(feature = "failpoints")]
mod imp {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::Point;

    /// How long what was asked for may take to be on the wire.
    const MOMENT: Duration = Duration::from_millis(20);

    /// Where the process is to die, and how many passes are left.
    static CHOSEN: LazyLock<Option<(Point, AtomicI64)>> = LazyLock::new(|| {
        let text = std::env::var("IOT_FAILPOINT").ok()?;
        let chosen =
            parse(&text).unwrap_or_else(|| panic!("IOT_FAILPOINT is POINT:PASS, not `{text}`"));
        Some((chosen.0, AtomicI64::new(chosen.1)))
    });

    /// Passes a point; kills the process if it is the chosen one, and the chosen pass.
    pub(crate) fn pass(point: Point) {
        let Some((chosen, left)) = &*CHOSEN else {
            return;
        };
        if *chosen == point && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            if matches!(point, Point::AfterAck | Point::AfterPubrel) {
                // Another task writes it.
                std::thread::sleep(MOMENT);
            }
            die();
        }
    }

    fn die() -> ! {
        #[cfg(unix)]
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        std::process::abort()
    }

    fn parse(text: &str) -> Option<(Point, i64)> {
        let (name, pass) = text.split_once(':')?;
        let point = match name {
            "before-receive" => Point::BeforeReceive,
            "after-receive" => Point::AfterReceive,
            "before-commit" => Point::BeforeCommit,
            "after-commit" => Point::AfterCommit,
            "before-ack" => Point::BeforeAck,
            "after-ack" => Point::AfterAck,
            "before-pubrel" => Point::BeforePubrel,
            "after-pubrel" => Point::AfterPubrel,
            "before-delivery" => Point::BeforeDelivery,
            "after-delivery" => Point::AfterDelivery,
            "before-trim" => Point::BeforeTrim,
            "after-trim" => Point::AfterTrim,
            _ => return None,
        };
        Some((point, pass.parse().ok().filter(|pass| *pass > 0)?))
    }
}
