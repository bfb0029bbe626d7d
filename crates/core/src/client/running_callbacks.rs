//! Which clients' callbacks the present thread runs.

use std::cell::RefCell;

thread_local! {
    /// By their numbers, one inside the other.
    static RUNNING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Returns whether this thread runs a callback of the client.
pub(super) fn runs_here(client: u64) -> bool {
    RUNNING.with_borrow(|running| running.contains(&client))
}

/// Marks this thread as the one that runs the client's callbacks, until the guard is dropped.
pub(super) fn enter(client: u64) -> impl Drop {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            RUNNING.with_borrow_mut(Vec::pop);
        }
    }
    RUNNING.with_borrow_mut(|running| running.push(client));
    Leave
}
