//! Draws the table, what stderr would have got, and a line of help.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table};

use super::table::Row;

/// Most lines of messages below the table.
pub(super) const STATUS_LINES: usize = 5;
/// Rows of the table's head and of the help.
const OTHER_ROWS: usize = 2;
/// A screen with fewer rows has no room for messages.
const LOW: u16 = 10;

/// What is drawn.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) broker: &'a str,
    pub(super) series: usize,
    pub(super) dropped: u64,
    /// Number of the first row.
    pub(super) first: usize,
    pub(super) rows: Vec<Row>,
    pub(super) status: Vec<String>,
}

/// Returns how many rows of the table such a screen has, beside so many messages.
pub(super) fn rows_on(area: Rect, status: usize) -> usize {
    usize::from(area.height).saturating_sub(OTHER_ROWS + shown_status(area, status))
}

fn shown_status(area: Rect, status: usize) -> usize {
    if area.height < LOW { 0 } else { status }
}

pub(super) fn draw(frame: &mut Frame<'_>, view: &View<'_>) {
    let status = shown_status(frame.area(), view.status.len());
    let status = u16::try_from(status).unwrap_or_default();
    let [table, messages, help] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(status),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(series_table(view, table.width), table);
    let lines: Text<'_> = (view.status.iter())
        .map(|line| Line::raw(line.as_str()))
        .collect();
    frame.render_widget(Paragraph::new(lines), messages);
    let reversed = Style::new().add_modifier(Modifier::REVERSED);
    frame.render_widget(Paragraph::new(help_line(view)).style(reversed), help);
}

fn help_line(view: &View<'_>) -> String {
    let View {
        broker,
        series,
        dropped,
        first,
        rows,
        ..
    } = view;
    let mut line = format!(" {broker}: {series} series");
    if rows.len() < *series {
        let _ = write!(line, ", {} to {}", first + 1, first + rows.len());
    }
    if *dropped > 0 {
        let _ = write!(line, ", {dropped} forgotten");
    }
    line + " — arrows, page keys and wheel scroll, q ends"
}

fn series_table<'a>(view: &View<'a>, width: u16) -> Table<'a> {
    let widest = |text: fn(&Row) -> &str, head: &str, most: u16| {
        let widths = view.rows.iter().map(|row| Line::raw(text(row)).width());
        let widest = widths.max().unwrap_or_default().max(head.len());
        u16::try_from(widest).unwrap_or(u16::MAX).min(most)
    };
    // Long topics leave room for the others.
    let widths = [
        Constraint::Length(widest(|row| &row.topic, "topic", width / 2)),
        Constraint::Length(widest(|row| &row.metric, "metric", width / 4)),
        Constraint::Fill(1),
        Constraint::Length(widest(|row| &row.unit, "unit", 12)),
        Constraint::Length(widest(|row| &row.age, "age", 5)),
        Constraint::Length(widest(|row| &row.rate, "rate", 9)),
    ];
    let right = |text: String| Cell::from(Text::from(text).alignment(Alignment::Right));
    let rows = view.rows.iter().map(|row| {
        let cells = [
            Cell::from(row.topic.clone()),
            Cell::from(row.metric.clone()),
            Cell::from(row.value.clone()),
            Cell::from(row.unit.clone()),
            right(row.age.clone()),
            right(row.rate.clone()),
        ];
        let style = if row.is_silent {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new()
        };
        TableRow::new(cells).style(style)
    });
    let head = ["topic", "metric", "value", "unit"].map(Cell::from);
    let head = head
        .into_iter()
        .chain(["age", "rate"].map(|text| right(text.to_owned())));
    let bold = Style::new().add_modifier(Modifier::BOLD);
    Table::new(rows, widths)
        .column_spacing(2)
        .header(TableRow::new(head).style(bold))
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn row(topic: &str, is_silent: bool) -> Row {
        Row {
            topic: topic.into(),
            metric: "t".into(),
            value: "20.5".into(),
            unit: "°C".into(),
            age: "3s".into(),
            rate: "1.0/s".into(),
            is_silent,
        }
    }

    fn screen(width: u16, height: u16, view: &View<'_>) -> Terminal<TestBackend> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, view)).unwrap();
        terminal
    }

    fn view(rows: Vec<Row>, status: &[&str]) -> View<'static> {
        View {
            broker: "b:1883",
            series: rows.len(),
            dropped: 0,
            first: 0,
            rows,
            status: status.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    #[test]
    fn columns_stand_below_their_heads() {
        let view = view(vec![row("iot/a", false), row("iot/long", true)], &["lost"]);
        let terminal = screen(60, 10, &view);
        let text = terminal.backend().to_string();
        let lines: Vec<_> = text.lines().map(|line| line.trim_matches('"')).collect();
        assert_eq!(
            lines[0].trim_end(),
            "topic     metric  value                     unit  age   rate"
        );
        assert_eq!(
            lines[1].trim_end(),
            "iot/a     t       20.5                      °C     3s  1.0/s"
        );
        assert_eq!(lines[8].trim_end(), "lost");
        assert!(
            lines[9].starts_with(" b:1883: 2 series — arrows"),
            "{}",
            lines[9]
        );
        let buffer = terminal.backend().buffer();
        let is_dim = |y| buffer[(0, y)].modifier.contains(Modifier::DIM);
        assert!(!is_dim(1) && is_dim(2));
    }

    #[test]
    fn any_size_of_a_screen_is_drawn() {
        let rows: Vec<_> = (0..30).map(|_| row(&"x".repeat(200), false)).collect();
        for (width, height) in [(1, 1), (3, 2), (20, 5), (300, 60)] {
            screen(width, height, &view(rows.clone(), &["a", "b"]));
        }
    }
}
