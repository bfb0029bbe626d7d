//! `--watch`: one line of the screen for each topic.

use std::io::Write;

use iot_store::RecentTable;

/// Bytes of memory for the topics on the screen.
const TABLE_BYTES: usize = 8 << 20;

/// The line of each topic.
#[derive(Debug)]
pub(super) struct Watch {
    lines: RecentTable<usize>,
    /// How many lines there are.
    count: usize,
    /// Lines of topics that were forgotten.
    free: Vec<usize>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            lines: RecentTable::new(TABLE_BYTES),
            count: 0,
            free: Vec::new(),
        }
    }
}

impl Watch {
    /// Appends the sequences that clear the screen, and the broker's name for its first line.
    pub(super) fn begin(broker: &str, out: &mut Vec<u8>) {
        let _ = write!(out, "\x1b[2J\x1b[1;1HBroker: {broker}\r\n");
    }

    /// Appends the sequences that print `text` in the topic's line and move the cursor below all
    /// lines.
    pub(super) fn show(&mut self, topic: &str, text: &[u8], out: &mut Vec<u8>) {
        let line = if let Some(line) = self.lines.get(topic) {
            *line
        } else {
            let line = self.free.pop().unwrap_or_else(|| {
                self.count += 1;
                self.count + 1
            });
            self.free.extend(self.lines.insert(topic.into(), line, 0));
            line
        };
        let _ = write!(out, "\x1b[{line};1H");
        // A second line would overwrite another topic's.
        let first = text.split(|byte| matches!(byte, b'\n' | b'\r')).next();
        out.extend_from_slice(first.unwrap_or_default());
        let _ = write!(out, "\x1b[K\x1b[{};1H", self.count + 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_keeps_its_line() {
        let mut watch = Watch::default();
        let mut out = Vec::new();
        for (topic, text) in [("a", "a 1\n"), ("b", "b 1\nmore\n"), ("a", "a 2\n")] {
            watch.show(topic, text.as_bytes(), &mut out);
        }
        let expected =
            "\x1b[2;1Ha 1\x1b[K\x1b[3;1H\x1b[3;1Hb 1\x1b[K\x1b[4;1H\x1b[2;1Ha 2\x1b[K\x1b[4;1H";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
