//! The numbered messages: the QoS of each publisher, and the text of each message.

use std::fmt::Write as _;

/// How many publishers there are; the first half publishes with QoS 1, the others with QoS 2.
pub const PUBLISHERS: usize = 4;
/// A publisher and the number of one of its readings.
pub type Key = (usize, usize);

/// Returns the QoS of a publisher.
pub fn qos(publisher: usize) -> u8 {
    if publisher < PUBLISHERS / 2 { 1 } else { 2 }
}

/// Returns the text that goes with a reading: a page or two now and then, else short.
pub fn text((publisher, number): Key) -> String {
    let mix = (number + 1).wrapping_mul(2_654_435_761) ^ (publisher << 20);
    let words = if mix.is_multiple_of(17) { 300 } else { mix % 7 };
    let mut text = String::new();
    for word in 0..words {
        let _ = write!(text, "{:08x}", (mix.rotate_left(7) ^ word) & 0xffff_ffff);
    }
    text
}
