//! A table for people: aligned columns, and no text that a terminal would obey.

use iot_cli::printable;

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of text under a header.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, with a text for each column.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let row = row.into_iter().map(|text| printable(&text).into_owned());
        self.rows.push(row.collect());
    }

    /// Returns its lines, the header first. Columns without any text are left out.
    pub(crate) fn lines(&self) -> Vec<String> {
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|&column| self.rows.iter().any(|row| !row[column].is_empty()))
            .collect();
        let widths: Vec<usize> = shown
            .iter()
            .map(|&column| {
                let rows = self.rows.iter().map(|row| width(&row[column]));
                rows.max()
                    .unwrap_or_default()
                    .max(self.columns[column].0.len())
            })
            .collect();
        let header: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| (*name).into())
            .collect();
        std::iter::once(&header)
            .chain(&self.rows)
            .map(|row| self.line(row, &shown, &widths))
            .collect()
    }

    fn line(&self, row: &[String], shown: &[usize], widths: &[usize]) -> String {
        let mut line = String::new();
        for (&column, &wide) in shown.iter().zip(widths) {
            let text = &row[column];
            let padding = " ".repeat(wide.saturating_sub(width(text)));
            match self.columns[column].1 {
                Align::Left => line.extend([text.as_str(), &padding]),
                Align::Right => line.extend([&padding, text.as_str()]),
            }
            line.push_str("  ");
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// Returns how many columns of a terminal a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Combining marks take none, and the signs of East Asia and pictures two.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x2_0000..=0x3_fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_are_left_out() {
        let mut table = Table::new(&[
            ("topic", Align::Left),
            ("metric", Align::Left),
            ("value", Align::Right),
        ]);
        table.push(["a".into(), String::new(), "1.5".into()]);
        table.push(["温度/\u{1b}[2J".into(), String::new(), "20.25".into()]);
        assert_eq!(
            table.lines(),
            [
                "topic           value",
                "a                 1.5",
                "温度/\\u{1b}[2J  20.25",
            ]
        );
    }
}
