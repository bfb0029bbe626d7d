//! The hash of topic and payload by which a message is known when it comes again.

/// A fingerprint of a message whose payload arrives in pieces.
#[derive(Debug, Clone)]
pub(crate) struct Fingerprint {
    hash: u64,
    /// The end of the payload so far that does not fill a word.
    word: [u8; 8],
    filled: usize,
    length: u64,
}

impl Fingerprint {
    /// Begins with the topic.
    pub(crate) fn new(topic: &str) -> Self {
        let topic = topic.as_bytes();
        let mut of_topic = Self::begin(mix(0x9e37_79b9_7f4a_7c15, topic.len() as u64));
        of_topic.update(topic);
        Self::begin(of_topic.finish())
    }

    fn begin(hash: u64) -> Self {
        Self {
            hash,
            word: [0; 8],
            filled: 0,
            length: 0,
        }
    }

    /// Adds the next bytes.
    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if self.filled > 0 {
            let taken = bytes.len().min(8 - self.filled);
            let (first, rest) = bytes.split_at(taken);
            self.word[self.filled..self.filled + taken].copy_from_slice(first);
            self.filled += taken;
            bytes = rest;
            if self.filled < 8 {
                return;
            }
            self.hash = mix(self.hash, u64::from_le_bytes(self.word));
        }
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            let mut eight = [0; 8];
            eight.copy_from_slice(word);
            self.hash = mix(self.hash, u64::from_le_bytes(eight));
        }
        let last = words.remainder();
        self.word[..last.len()].copy_from_slice(last);
        self.filled = last.len();
    }

    pub(crate) fn finish(mut self) -> u64 {
        self.word[self.filled..].fill(0);
        mix(mix(self.hash, u64::from_le_bytes(self.word)), self.length)
    }
}

/// Adds eight bytes to a fingerprint. Each step is reversible, so messages that differ in one word
/// have different fingerprints.
fn mix(hash: u64, word: u64) -> u64 {
    let hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_the_fingerprint_of_the_whole() {
        let payload: Vec<u8> = (0..100).collect();
        let of = |pieces: &[&[u8]]| {
            let mut fingerprint = Fingerprint::new("iot/a");
            for piece in pieces {
                fingerprint.update(piece);
            }
            fingerprint.finish()
        };
        let whole = of(&[&payload]);
        for first in 0..20 {
            for second in first..40 {
                let pieces = [
                    &payload[..first],
                    &payload[first..second],
                    &payload[second..],
                ];
                assert_eq!(of(&pieces), whole, "{first} {second}");
            }
        }
    }
}
