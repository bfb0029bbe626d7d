//! A table for people: aligned columns, and no text that a terminal would obey.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use iot_cli::printable;

use crate::screen;
use crate::width::width;

/// A column is not padded to more than this, or the terminal's width if that is more: one long
/// topic would fill each row with spaces.
const WIDEST: usize = 60;

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

    /// Returns its lines, the header first. Columns without any text are left out. Texts that are
    /// wider than a terminal are cut there, but for those of a last column on the left.
    pub(crate) fn lines(&self) -> Vec<String> {
        if io::stdout().is_terminal() {
            self.lines_within(WIDEST.max(screen::size().0), true)
        } else {
            self.lines_within(WIDEST, false)
        }
    }

    fn lines_within(&self, widest: usize, is_cut: bool) -> Vec<String> {
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|&column| self.rows.iter().any(|row| !row[column].is_empty()))
            .collect();
        let widths: Vec<usize> = shown
            .iter()
            .map(|&column| {
                let rows = self.rows.iter().map(|row| width(&row[column]));
                rows.max()
                    .unwrap_or_default()
                    .min(widest)
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
            .map(|row| self.line(row, &shown, &widths, is_cut))
            .collect()
    }

    fn line(&self, row: &[String], shown: &[usize], widths: &[usize], is_cut: bool) -> String {
        let mut line = String::new();
        for (&column, &wide) in shown.iter().zip(widths) {
            let align = self.columns[column].1;
            let is_last = shown.last() == Some(&column) && align == Align::Left;
            let text = match &row[column] {
                text if is_cut && !is_last => Cow::from(screen::cut(text, wide)),
                text => Cow::from(text),
            };
            let padding = " ".repeat(wide.saturating_sub(width(&text)));
            match align {
                Align::Left => line.extend([&*text, &padding]),
                Align::Right => line.extend([&*padding, &text]),
            }
            line.push_str("  ");
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_text_widens_no_other_row() {
        let mut table = Table::new(&[("topic", Align::Left), ("value", Align::Right)]);
        table.push(["a".repeat(60_000), "1.5".into()]);
        for _ in 0..200 {
            table.push(["b".into(), "2.5".into()]);
        }
        let piped = table.lines_within(60, false);
        assert_eq!(piped[1], format!("{}    1.5", "a".repeat(60_000)));
        assert_eq!(piped[2], format!("b{}    2.5", " ".repeat(59)));
        let on_a_terminal = table.lines_within(80, true);
        assert_eq!(on_a_terminal[1], format!("{}…    1.5", "a".repeat(79)));
        assert!(on_a_terminal.iter().all(|line| width(line) <= 87));
    }

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
