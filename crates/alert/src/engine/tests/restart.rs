//! What was pending when the program ended.

use super::*;

/// A watch after a restart that ends at the moment when the alert would have begun.
fn restarted() -> Watch {
    let rule = ["f: a > 30 for 2m"];
    let mut before = Watch::new(&rule, &[]);
    before.number("a", 31.0);
    before.pass(90 * SECOND);
    let mut after = Watch::new(&rule, &[]);
    after.now = before.now + 30 * SECOND;
    after.changes = after.engine.restore(before.changes, after.now);
    after
}

#[test]
fn the_time_without_the_program_does_not_begin_an_alert() {
    let mut watch = restarted();
    watch.pass(119 * SECOND);
    watch.expect(&[]);
    watch.pass(SECOND);
    let reason = watch.changes[0].reason.clone();
    assert_eq!(reason, "no value since the start (> 30 for 2m)");
    watch.expect(&["f a firing"]);
}

#[test]
fn the_next_value_says_that_the_condition_has_held() {
    let mut watch = restarted();
    watch.number("a", 32.0);
    assert_eq!(watch.changes[0].reason, "32 (> 30 for 2m)");
    watch.expect(&["f a firing"]);
    let mut watch = restarted();
    watch.number("a", 29.0);
    watch.pass(5 * MINUTE);
    watch.expect(&[]);
}
