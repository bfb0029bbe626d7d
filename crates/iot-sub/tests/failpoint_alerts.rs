//! Killed at each point of a report's path, `iot-sub` loses none and makes none twice. Needs the
//! feature `failpoints`; `scripts/test` runs it in a step of its own.

mod common;
#[path = "alerts/flipping.rs"]
mod flipping;

use std::os::unix::process::ExitStatusExt;

use common::interrupt;
use flipping::{COUNT, Flipping};
use testkit::{DEADLINE, eventually};

const SIGKILL: i32 = 9;

#[test]
fn killed_at_each_point_it_reports_each_change_once() {
    for point in [
        "after-receive:2",
        "before-alert-commit:2",
        "after-alert-commit:2",
        "before-alert-delivery:4",
        "after-alert-delivery:4",
        "before-commit:2",
        "after-commit:2",
        "before-ack:2",
        "after-ack:2",
    ] {
        println!("{point}");
        let flipping = Flipping::start();
        let mut program = flipping.run(point);
        let port = flipping.broker.port();
        Flipping::flood(port, 0..1);
        // What is published after it is another commit, which passes the point once more.
        eventually(DEADLINE, "the first report", || {
            !flipping.reports().is_empty() || !program.is_running()
        });
        let flood = std::thread::spawn(move || Flipping::flood(port, 1..COUNT));
        assert_eq!(program.wait().signal(), Some(SIGKILL), "{point}");
        let program = flipping.run("");
        flood.join().expect("published");
        flipping.check();
        interrupt(program);
        flipping.check();
    }
}
