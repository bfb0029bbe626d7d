//! The lowest value of a recent time, in bounded memory.

use std::collections::VecDeque;

/// Two values closer together than this part of the window's length are one.
const RESOLUTION: i64 = 128;

/// Knows the least of the values of the last `length` milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    length: i64,
    /// Times and values, both ascending: each entry is the least of all that follow it.
    lowest: VecDeque<(i64, f64)>,
}

impl Window {
    pub(crate) fn new(length: i64) -> Self {
        Self {
            length,
            lowest: VecDeque::new(),
        }
    }

    /// Adds a value, and returns the least of the window that ends with it.
    ///
    /// Entries closer than 1/128 of the window's length are merged into the lower one, so there
    /// are at most 130.
    pub(crate) fn add(&mut self, time: i64, value: f64) -> f64 {
        while self
            .lowest
            .front()
            .is_some_and(|(at, _)| time - at > self.length)
        {
            self.lowest.pop_front();
        }
        while self.lowest.back().is_some_and(|(_, last)| *last >= value) {
            self.lowest.pop_back();
        }
        let close = self.length / RESOLUTION;
        if self.lowest.back().is_none_or(|(at, _)| time - at > close) {
            self.lowest.push_back((time, value));
        }
        self.lowest.front().map_or(value, |(_, least)| *least)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_the_least_of_the_window_but_for_its_resolution(
            steps in prop::collection::vec((0i64..3000, -100f64..100.0), 1..300)
        ) {
            let length = 10_000;
            let mut window = Window::new(length);
            let mut all = Vec::new();
            let mut time = 0;
            for (step, value) in steps {
                time += step;
                all.push((time, value));
                let least = window.add(time, value);
                let least_within = |length| {
                    let recent = all.iter().filter(|(at, _)| time - at <= length);
                    recent.map(|(_, value)| *value).fold(f64::INFINITY, f64::min)
                };
                prop_assert!(least >= least_within(length));
                prop_assert!(least <= least_within(length - length / RESOLUTION));
                prop_assert!(window.lowest.len() <= 130);
            }
        }
    }
}
