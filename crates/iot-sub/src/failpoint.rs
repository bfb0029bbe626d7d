//! Failpoints for tests: kill the process at a chosen point of a reading's path. They exist only
//! with the feature `failpoints`.
//!
//! `IOT_FAILPOINT=after-commit:3` kills the process when it passes that point for the third time.
//! As with `kill -9`, nothing is flushed and no packet is sent.

/// A point of a reading's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// A message was received, and nothing else was done.
    BeforeReceive,
    /// The messages of one read are in the queue.
    AfterReceive,
    BeforeCommit,
    AfterCommit,
    /// Committed, and no acknowledgement was requested.
    BeforeAck,
    /// A short time after the acknowledgement was requested: by then it is on the wire.
    AfterAck,
    /// A PUBREL was received, and nothing else was done.
    BeforePubrel,
    /// A short time after its PUBCOMP was requested.
    AfterPubrel,
    BeforeDelivery,
    /// The batch is in the store, and the spool does not know that.
    AfterDelivery,
    BeforeTrim,
    AfterTrim,
    /// An alert has changed, and the change is not on disk.
    BeforeAlertCommit,
    /// It is on disk, and the reading that caused it is not.
    AfterAlertCommit,
    /// A report is to be delivered.
    BeforeAlertDelivery,
    /// A destination has it, and the file of alerts does not know that.
    AfterAlertDelivery,
    /// A picture of `--watch` is drawn: a panic instead.
    #[cfg(any(feature = "watch", feature = "failpoints"))]
    InWatch,
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

    /// Time for a requested packet to reach the wire.
    const MOMENT: Duration = Duration::from_millis(20);

    /// The chosen point, and the number of passes that are left.
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
            assert!(point != Point::InWatch, "a failpoint");
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
            "before-alert-commit" => Point::BeforeAlertCommit,
            "after-alert-commit" => Point::AfterAlertCommit,
            "before-alert-delivery" => Point::BeforeAlertDelivery,
            "after-alert-delivery" => Point::AfterAlertDelivery,
            "in-watch" => Point::InWatch,
            _ => return None,
        };
        Some((point, pass.parse().ok().filter(|pass| *pass > 0)?))
    }
}
