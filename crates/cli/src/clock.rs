//! A clock that is not set yet: small computers without a battery start before 1970.

use std::thread;
use std::time::{Duration, SystemTime};

use crate::report::notify;

/// Delay between two looks at the clock.
const DELAY: Duration = Duration::from_secs(1);

/// Returns once the clock shows a time after 1970; says once that `program` waits for that.
/// Certificates, ids and times would all be wrong before.
pub fn wait_for_clock(program: &str) {
    wait(
        SystemTime::now,
        |line| notify(program, line),
        || thread::sleep(DELAY),
    );
}

fn wait(now: impl Fn() -> SystemTime, report: impl FnOnce(&str), pause: impl Fn()) {
    if now() >= SystemTime::UNIX_EPOCH {
        return;
    }
    report("this machine's clock shows a time before 1970; waiting until it is set");
    while now() < SystemTime::UNIX_EPOCH {
        pause();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    #[test]
    fn waits_for_a_clock_before_1970_and_says_so_once() {
        let looks = Cell::new(0);
        let now = || {
            looks.set(looks.get() + 1);
            match looks.get() {
                1..5 => SystemTime::UNIX_EPOCH - Duration::from_secs(1),
                _ => SystemTime::UNIX_EPOCH,
            }
        };
        let (lines, pauses) = (RefCell::new(Vec::new()), Cell::new(0));
        let report = |line: &str| lines.borrow_mut().push(line.to_owned());
        wait(now, report, || pauses.set(pauses.get() + 1));
        assert_eq!(pauses.get(), 3);
        assert_eq!(lines.borrow().len(), 1);

        wait(
            SystemTime::now,
            |line| panic!("{line}"),
            || panic!("it waits"),
        );
    }
}
