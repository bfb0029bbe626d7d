//! Why nothing is read from the broker: the spool has no room, or can't be written to.

use iot_store::sqlite::Retryable;

use super::space::{RESERVE, Space};
use crate::size::Size;

/// Why nothing is read from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// The spool is as large as it may become.
    Limit,
    /// The disk is nearly full.
    Disk,
    /// It can't be written to for now.
    Retry(Retryable),
    /// It was removed: what is in it is delivered before the program ends.
    Gone,
}

/// Returns why there is too little room, if there is. `before` is what was so until now: then more
/// room is required, so that it doesn't change at each message.
pub(super) fn full(space: Space, limit: Size, before: Option<Hold>) -> Option<Hold> {
    let limit = limit.bytes();
    let limit = match before {
        Some(Hold::Limit) => limit / 10 * 9,
        _ => limit,
    };
    // Either will do: pages of the file, or what it can grow by.
    let (pages, disk) = match before {
        Some(Hold::Disk) => (RESERVE, RESERVE + RESERVE / 16),
        _ => (RESERVE / 4, RESERVE),
    };
    if space.used >= limit {
        Some(Hold::Limit)
    } else if space.unused < pages && space.disk.is_some_and(|free| free < disk) {
        Some(Hold::Disk)
    } else {
        None
    }
}

/// Returns what is reported when `full` is why the spool `name` has no room, or when it has room
/// again.
pub(super) fn line(name: &str, limit: Size, full: Option<Hold>, has_broker: bool) -> String {
    let problem = match full {
        None => return format!("spool `{name}` has room again; reading continues"),
        Some(Hold::Limit) => {
            format!("has reached its limit of {limit} (--spool-limit raises it)")
        }
        Some(_) => format!(
            "leaves the last {} MiB of its disk to others",
            RESERVE >> 20
        ),
    };
    let stops = if has_broker {
        "reading from the broker stops until there is room, and the broker keeps as much as its own queue limit allows"
    } else {
        "reading from publishers stops until there is room, and they wait"
    };
    format!("spool `{name}` {problem}; {stops}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_who_keeps_the_messages_meanwhile() {
        let line = |has_broker| line("s", Size::mib(1), Some(Hold::Limit), has_broker);
        assert_eq!(
            line(true),
            "spool `s` has reached its limit of 1 MiB (--spool-limit raises it); reading from the broker stops until \
             there is room, and the broker keeps as much as its own queue limit allows"
        );
        assert_eq!(
            line(false),
            "spool `s` has reached its limit of 1 MiB (--spool-limit raises it); reading from publishers stops until \
             there is room, and they wait"
        );
    }
}
