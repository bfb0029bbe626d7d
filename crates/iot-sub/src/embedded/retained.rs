//! The limit of retained messages. The inner broker keeps each of them in memory and in a file of
//! its own, and limits neither their bytes nor, by default, their number.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::output::Messages;

/// Number of retained messages.
pub(super) const MESSAGES: usize = 100_000;
/// Limit of their files. In memory they take a seventh to a ninth of that.
pub(super) const FILE_BYTES: usize = 64 << 20;
/// What a file holds beside payload, topic and properties.
const REST: usize = 400;

/// Returns the size of the file for a message, where `rest` is the size of its topic and
/// properties. The broker writes bytes as JSON arrays, with each byte as a decimal number on a line
/// of its own.
fn file_size(topic: &str, payload: &[u8], rest: usize) -> usize {
    if payload.is_empty() {
        return 0;
    }
    let digits = |byte: &u8| 7 + usize::from(*byte >= 10) + usize::from(*byte >= 100);
    let properties = rest.saturating_sub(topic.len());
    payload.iter().map(digits).sum::<usize>() + topic.len() + 9 * properties + REST
}

/// Which topics have a retained message, and how large their files are.
pub(super) struct Retained {
    state: Mutex<State>,
    messages: Messages,
}

#[derive(Default)]
struct State {
    sizes: HashMap<String, usize>,
    bytes: usize,
    refused: u64,
}

impl State {
    fn set(&mut self, topic: &str, size: usize) {
        let before = match size {
            0 => self.sizes.remove(topic),
            _ => self.sizes.insert(topic.to_owned(), size),
        };
        self.bytes = self.bytes + size - before.unwrap_or(0);
    }
}

impl Retained {
    pub(super) fn new(messages: Messages) -> Self {
        Self {
            state: Mutex::default(),
            messages,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The broker retains this message; an empty payload removes the one before. `rest` is the size
    /// of its topic and properties.
    pub(super) fn set(&self, topic: &str, payload: &[u8], rest: usize) {
        let size = file_size(topic, payload, rest);
        self.lock().set(topic, size);
    }

    /// Returns whether the broker may retain this message, and takes note of it.
    pub(super) fn admit(&self, topic: &str, payload: &[u8], rest: usize) -> bool {
        let size = file_size(topic, payload, rest);
        let mut state = self.lock();
        let before = state.sizes.get(topic).copied();
        let bytes = state.bytes + size - before.unwrap_or(0);
        let fits = size <= before.unwrap_or(0)
            || (bytes <= FILE_BYTES && (before.is_some() || state.sizes.len() < MESSAGES));
        if fits {
            state.set(topic, size);
        } else {
            self.refuse(state);
        }
        fits
    }

    /// Returns whether a will may be retained later.
    pub(super) fn admits_wills(&self) -> bool {
        let state = self.lock();
        let fits = state.bytes < FILE_BYTES && state.sizes.len() < MESSAGES;
        if !fits {
            self.refuse(state);
        }
        fits
    }

    fn refuse(&self, mut state: MutexGuard<'_, State>) {
        state.refused += 1;
        let is_first = state.refused == 1;
        drop(state);
        if is_first {
            self.messages.report(&format_args!(
                "the limit of retained messages is reached ({MESSAGES}, or {} MiB of files): further ones are stored and delivered, and not retained",
                FILE_BYTES >> 20
            ));
        }
    }

    /// The number of messages that were not retained.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_line_for_each_byte() {
        assert_eq!(file_size("abc", b"", 3), 0);
        assert_eq!(file_size("abc", &[200; 1_000], 3), 9_403);
        assert_eq!(file_size("abc", &[0; 1_000], 5), 7_421);
    }

    #[test]
    fn messages_are_limited_in_number_and_bytes_and_can_be_replaced() {
        let retained = Retained::new(Messages::new().unwrap());
        let large = vec![200; FILE_BYTES / 9 - 100_000];
        assert!(retained.admit("a", &large, 1));
        assert!(!retained.admit("b", &large[..200_000], 1));
        assert!(retained.admit("a", &large[1..], 1));
        assert!(retained.admit("a", b"", 1));
        assert!(retained.admit("b", &large, 1));
        assert!(retained.admit("b", b"", 1));
        for number in 0..MESSAGES {
            assert!(retained.admit(&number.to_string(), b"1", 1));
        }
        assert!(!retained.admit("b", b"1", 1) && !retained.admits_wills());
        assert!(retained.admit("7", b"2", 1));
        assert!(retained.admit("7", b"", 1) && retained.admit("b", b"1", 1));
        assert_eq!(retained.refused(), 3);
    }
}
