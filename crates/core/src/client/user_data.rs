//! The application's data that every callback gets.

use std::sync::Mutex;

use crate::mutex::lock;

/// It is taken out of its mutex while a callback runs, so that the callback and other threads can
/// replace it without waiting.
pub(super) struct UserData<U>(Mutex<Option<U>>);

impl<U> UserData<U> {
    pub(super) fn new(data: U) -> Self {
        Self(Mutex::new(Some(data)))
    }

    pub(super) fn set(&self, data: U) {
        let before = lock(&self.0).replace(data);
        drop(before);
    }

    /// Lends the data to a callback. Only the thread that runs the loop does so.
    pub(super) fn with<R>(&self, call: impl FnOnce(&mut U) -> R) -> R {
        /// Puts the data back, also after a panic, unless it was replaced meanwhile.
        struct Lent<'a, U>(&'a UserData<U>, Option<U>);
        impl<U> Drop for Lent<'_, U> {
            fn drop(&mut self) {
                let mut data = lock(&self.0.0);
                if data.is_none() {
                    *data = self.1.take();
                }
            }
        }
        let mut lent = Lent(self, lock(&self.0).take());
        call(lent.1.as_mut().expect("one thread at a time runs the loop"))
    }
}
