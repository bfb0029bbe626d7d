//! Where the driver is while nobody has it: whoever takes it runs the loop, on whatever thread.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, PoisonError};

use super::driver::Driver;
use super::{Client, lock};

pub(super) struct Place {
    driver: Mutex<Option<Box<Driver>>>,
    back: Condvar,
}

/// The driver, until it is dropped.
pub(super) struct Loan<U: Send + 'static> {
    client: Client<U>,
    /// Always there until then.
    driver: Option<Box<Driver>>,
}

impl Place {
    pub(super) fn new(driver: Driver) -> Self {
        Self {
            driver: Mutex::new(Some(Box::new(driver))),
            back: Condvar::new(),
        }
    }
}

impl<U: Send + 'static> Loan<U> {
    /// Waits until nobody else has it.
    pub(super) fn take(client: &Client<U>) -> Self {
        let place = &client.inner.place;
        let waiting = place
            .back
            .wait_while(lock(&place.driver), |driver| driver.is_none());
        let mut driver = waiting.unwrap_or_else(PoisonError::into_inner);
        Self {
            client: client.clone(),
            driver: driver.take(),
        }
    }

    /// Returns `None` where somebody else has it.
    pub(super) fn try_take(client: &Client<U>) -> Option<Self> {
        let driver = lock(&client.inner.place.driver).take()?;
        Some(Self {
            client: client.clone(),
            driver: Some(driver),
        })
    }
}

impl<U: Send + 'static> Drop for Loan<U> {
    fn drop(&mut self) {
        let place = &self.client.inner.place;
        *lock(&place.driver) = self.driver.take();
        place.back.notify_one();
    }
}

impl<U: Send + 'static> Deref for Loan<U> {
    type Target = Driver;

    fn deref(&self) -> &Driver {
        self.driver.as_ref().expect("it is there until the drop")
    }
}

impl<U: Send + 'static> DerefMut for Loan<U> {
    fn deref_mut(&mut self) -> &mut Driver {
        self.driver.as_mut().expect("it is there until the drop")
    }
}
