//! The picture on a terminal, drawn with dots.

use chrono::{DateTime, Utc};
use iot_cli::printable;

use super::braille::Canvas;
use super::curve::Point;
use super::labels::{labels, shortened};
use super::panel::Panel;
use super::picture::Picture;
use super::scale::Scale;
use super::time_axis::{Tick, ticks};
use crate::screen;
use crate::width::width;

/// The colours of a terminal: blue, red, green, magenta, yellow, cyan.
const COLOURS: [u8; 6] = [34, 31, 32, 35, 33, 36];
/// The text beside the axis.
const AXIS: usize = 9;

/// Returns the lines of the picture.
pub(super) fn lines(picture: &Picture, has_colours: bool) -> Vec<String> {
    let (columns, rows) = screen::size();
    let columns = columns.clamp(AXIS + 22, 400) - AXIS - 2;
    let panels = picture.panels.len();
    let overhead: usize = 4 + picture
        .panels
        .iter()
        .map(|panel| panel.curves.len() + 1)
        .sum::<usize>();
    let height = (rows.saturating_sub(overhead) / panels).clamp(6, 24);
    let most = (columns / 12).max(2);
    let ticks = ticks(picture.since, picture.until, most, &picture.zone);
    let mut lines = vec![printable(&picture.title).into_owned()];
    for panel in &picture.panels {
        let pen = Pen {
            picture,
            columns,
            height,
            has_colours,
        };
        pen.draw(panel, &mut lines);
    }
    lines.extend(times(picture, columns, &ticks));
    lines
}

struct Pen<'a> {
    picture: &'a Picture,
    columns: usize,
    height: usize,
    has_colours: bool,
}

impl Pen<'_> {
    fn draw(&self, panel: &Panel, lines: &mut Vec<String>) {
        let (low, high) = panel.extent();
        let scale = Scale::new(low, high, (self.height / 3).clamp(2, 6));
        let mut canvas = Canvas::new(self.columns, self.height);
        for (number, curve) in &panel.curves {
            for piece in &curve.pieces {
                self.draw_piece(piece, *number, &scale, &mut canvas);
            }
        }
        let unit = shortened(&printable(&panel.unit), AXIS);
        lines.push(format!(
            "{}{unit}",
            " ".repeat(AXIS - width(&unit).min(AXIS))
        ));
        for row in 0..self.height {
            lines.push(self.row(row, &scale, &canvas));
        }
        for ((number, _), label) in panel.curves.iter().zip(labels(panel)) {
            let label = shortened(&printable(&label), self.columns.saturating_sub(3));
            let mark = self.coloured("━━", *number);
            lines.push(format!("{} {mark} {label}", " ".repeat(AXIS)));
        }
    }

    /// Draws the mean as a line, and minimum to maximum as a line from top to bottom.
    fn draw_piece(&self, piece: &[Point], number: usize, scale: &Scale, canvas: &mut Canvas) {
        let (wide, high) = canvas.size();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "positions on a terminal"
        )]
        let place = |part: f64, size: usize| (part * (size - 1) as f64).round() as usize;
        let x = |time| place(self.part(time), wide);
        let y = |value| place(1.0 - scale.position(value), high);
        let mut before = None;
        for point in piece {
            let here = (x(point.time), y(point.mean));
            canvas.line((here.0, y(point.max)), (here.0, y(point.min)), number);
            canvas.line(before.unwrap_or(here), here, number);
            before = Some(here);
        }
    }

    fn part(&self, time: DateTime<Utc>) -> f64 {
        part(self.picture, time)
    }

    fn row(&self, row: usize, scale: &Scale, canvas: &Canvas) -> String {
        let is_here = |value: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "positions on a terminal"
            )]
            let at = ((1.0 - scale.position(value)) * (self.height - 1) as f64).round() as usize;
            at == row
        };
        let tick = scale.ticks.iter().find(|(value, _)| is_here(*value));
        let text = tick.map_or("", |(_, text)| text.as_str());
        let sign = if tick.is_some() { '┤' } else { '│' };
        let mut line = format!("{text:>AXIS$} {sign}");
        for cell in canvas.row(row) {
            match cell {
                None => line.push(' '),
                Some((sign, number)) => line.push_str(&self.coloured(&sign.to_string(), number)),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn coloured(&self, text: &str, number: usize) -> String {
        if !self.has_colours {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", COLOURS[number % COLOURS.len()])
    }
}

fn part(picture: &Picture, time: DateTime<Utc>) -> f64 {
    let whole = (picture.until - picture.since).as_seconds_f64();
    let part = (time - picture.since).as_seconds_f64();
    (part / whole.max(1e-3)).clamp(0.0, 1.0)
}

/// Returns the axis of time: its line, the times, and the days.
fn times(picture: &Picture, columns: usize, ticks: &[Tick]) -> Vec<String> {
    let mut axis = vec!['─'; columns];
    let mut times = Line::new(columns);
    let mut days = Line::new(columns);
    for tick in ticks {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a column"
        )]
        let at = (part(picture, tick.time) * (columns - 1) as f64).round() as usize;
        axis[at] = '┴';
        times.put(at, &tick.text);
        if let Some(context) = &tick.context {
            days.put(at, context);
        }
    }
    let axis: String = axis.into_iter().collect();
    let margin = " ".repeat(AXIS + 2);
    let zone = picture.zone.name(picture.until);
    let zone = shortened(&zone, AXIS);
    vec![
        format!("{} └{axis}", " ".repeat(AXIS)),
        format!("{zone:>AXIS$}  {}", times.text()),
        format!("{margin}{}", days.text()).trim_end().to_owned(),
    ]
}

/// A line with texts at places, none over another one.
struct Line {
    signs: Vec<char>,
    free: usize,
}

impl Line {
    fn new(columns: usize) -> Self {
        Self {
            signs: vec![' '; columns],
            free: 0,
        }
    }

    /// Puts a text with its middle at `at`, if there is room.
    fn put(&mut self, at: usize, text: &str) {
        let length = text.chars().count();
        let most = self.signs.len().saturating_sub(length);
        let start = at.saturating_sub(length / 2).min(most);
        if start < self.free || length > self.signs.len() {
            return;
        }
        for (place, sign) in self.signs[start..].iter_mut().zip(text.chars()) {
            *place = sign;
        }
        self.free = start + length + 1;
    }

    fn text(&self) -> String {
        let text: String = self.signs.iter().collect();
        text.trim_end().to_owned()
    }
}
