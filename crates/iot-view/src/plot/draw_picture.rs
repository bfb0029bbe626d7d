//! Draws a picture: a panel for each unit, over one axis of time.

use chrono::{DateTime, Utc};

use super::canvas::{Anchor, Canvas, Style};
use super::curve::{Curve, Point};
use super::labels::{labels, shortened};
use super::panel::Panel;
use super::picture::Picture;
use super::scale::Scale;
use super::time_axis::{Tick, ticks};
use crate::args::Size;

/// Told apart by people who see colours differently (Okabe and Ito).
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#6b6b6b",
];
const INK: &str = "#222222";
const SOFT: &str = "#555555";
const GRID: &str = "#e4e4e4";
const FRAME: &str = "#9a9a9a";
const TEXT: u32 = 12;
/// The mean width of a character, in pixels.
const CHARACTER: f64 = 7.2;
const LONGEST_LABEL: usize = 30;
const HEAD: f64 = 56.0;
const FOOT: f64 = 44.0;
const BETWEEN: f64 = 36.0;
const LINE_HEIGHT: f64 = 18.0;

/// Returns width and height in pixels.
pub(super) fn pixels(picture: &Picture, size: Size) -> (usize, usize) {
    let height = size.height.unwrap_or_else(|| usual_height(picture));
    (size.width, height)
}

/// Draws the picture on a canvas of this size.
pub(super) fn draw(picture: &Picture, (width, height): (usize, usize), canvas: &mut impl Canvas) {
    let labels: Vec<Vec<String>> = picture.panels.iter().map(short_labels).collect();
    let frame = Frame::new(picture, width, height, &labels);
    let title = Style {
        size: 16,
        ..style(INK, Anchor::Start)
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a width"
    )]
    let most = (frame.width / 10.0) as usize;
    canvas.text(frame.left, 24.0, &shortened(&picture.title, most), title);
    let zone = picture.zone.name(picture.until);
    canvas.text(
        frame.left + frame.width,
        24.0,
        &zone,
        style(SOFT, Anchor::End),
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a width"
    )]
    let most = (frame.width / 90.0).max(2.0) as usize;
    let ticks = ticks(picture.since, picture.until, most, &picture.zone);
    for (at, (panel, labels)) in picture.panels.iter().zip(&labels).enumerate() {
        let place = frame.panel(at);
        draw_panel(canvas, panel, labels, &place, &ticks);
    }
    draw_times(canvas, &frame, &ticks);
}

fn style(colour: &'static str, anchor: Anchor) -> Style {
    Style {
        size: TEXT,
        colour,
        anchor,
    }
}

fn short_labels(panel: &Panel) -> Vec<String> {
    let labels = labels(panel);
    labels
        .iter()
        .map(|label| shortened(label, LONGEST_LABEL))
        .collect()
}

/// One panel is wide, several are as high as their labels need.
fn usual_height(picture: &Picture) -> usize {
    let of_panel = |panel: &Panel| match picture.panels.len() {
        1 => 360.max(panel.curves.len() * 18 + 30),
        _ => 176.max(panel.curves.len() * 18 + 30),
    };
    let panels: usize = picture.panels.iter().map(of_panel).sum();
    panels + 100 + 36 * (picture.panels.len() - 1)
}

/// Where the panels are.
struct Frame {
    left: f64,
    width: f64,
    /// Top and height of each.
    panels: Vec<(f64, f64)>,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Frame {
    #[expect(clippy::cast_precision_loss, reason = "sizes of a picture")]
    fn new(picture: &Picture, width: usize, height: usize, labels: &[Vec<String>]) -> Self {
        let longest = labels
            .iter()
            .flatten()
            .map(|label| label.chars().count())
            .max();
        let right = longest.unwrap_or_default() as f64 * CHARACTER + 36.0;
        let left = 74.0;
        let count = picture.panels.len();
        let room = height as f64 - HEAD - FOOT - BETWEEN * (count - 1) as f64;
        // Each as high as its labels need, and the rest in equal parts.
        let needed = |panel: &Panel| panel.curves.len() as f64 * LINE_HEIGHT + 12.0;
        let all: f64 = picture.panels.iter().map(needed).sum();
        let spare = ((room - all) / count as f64).max(0.0);
        let mut top = HEAD;
        let mut panels = Vec::new();
        for panel in &picture.panels {
            let height = (needed(panel) + spare).min(room).max(40.0);
            panels.push((top, height));
            top += height + BETWEEN;
        }
        Self {
            left,
            width: (width as f64 - left - right).max(100.0),
            panels,
            since: picture.since,
            until: picture.until,
        }
    }

    fn panel(&self, at: usize) -> Place<'_> {
        let (top, height) = self.panels[at];
        Place {
            frame: self,
            top,
            height,
        }
    }

    fn x(&self, time: DateTime<Utc>) -> f64 {
        let whole = (self.until - self.since).as_seconds_f64();
        let part = (time - self.since).as_seconds_f64();
        self.left + self.width * (part / whole.max(1e-3)).clamp(0.0, 1.0)
    }

    fn bottom(&self) -> f64 {
        self.panels
            .last()
            .map_or(HEAD, |(top, height)| top + height)
    }
}

/// Where a panel is.
struct Place<'a> {
    frame: &'a Frame,
    top: f64,
    height: f64,
}

impl Place<'_> {
    fn y(&self, scale: &Scale, value: f64) -> f64 {
        self.top + self.height * (1.0 - scale.position(value))
    }
}

fn draw_panel(
    canvas: &mut impl Canvas,
    panel: &Panel,
    labels: &[String],
    place: &Place<'_>,
    ticks: &[Tick],
) {
    let frame = place.frame;
    let (left, right) = (frame.left, frame.left + frame.width);
    let bottom = place.top + place.height;
    let (low, high) = panel.extent();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a height"
    )]
    let wanted = (place.height / 36.0).clamp(2.0, 10.0) as usize;
    let scale = Scale::new(low, high, wanted);
    for (value, text) in &scale.ticks {
        let y = place.y(&scale, *value);
        canvas.line((left, y), (right, y), GRID);
        canvas.text(left - 8.0, y + 4.0, text, style(SOFT, Anchor::End));
    }
    for tick in ticks {
        let x = frame.x(tick.time);
        canvas.line((x, place.top), (x, bottom), GRID);
    }
    canvas.line((left, place.top), (left, bottom), FRAME);
    canvas.line((left, bottom), (right, bottom), FRAME);
    canvas.text(
        left - 8.0,
        place.top - 9.0,
        &shortened(&panel.unit, 10),
        style(INK, Anchor::End),
    );
    // All bands are below all lines.
    for (number, curve) in &panel.curves {
        draw_band(
            canvas,
            curve,
            place,
            &scale,
            COLOURS[number % COLOURS.len()],
        );
    }
    for (number, curve) in &panel.curves {
        draw_line(
            canvas,
            curve,
            place,
            &scale,
            COLOURS[number % COLOURS.len()],
        );
    }
    let mut y = place.top + 10.0;
    for ((number, _), label) in panel.curves.iter().zip(labels) {
        canvas.swatch(right + 12.0, y - 5.0, COLOURS[number % COLOURS.len()]);
        canvas.text(right + 32.0, y, label, style(INK, Anchor::Start));
        y += LINE_HEIGHT;
    }
}

fn draw_band(
    canvas: &mut impl Canvas,
    curve: &Curve,
    place: &Place<'_>,
    scale: &Scale,
    colour: &str,
) {
    for piece in &curve.pieces {
        if piece.len() > 1 && piece.iter().any(|point| point.min < point.max) {
            let at = |point: &Point, value| (place.frame.x(point.time), place.y(scale, value));
            let upper: Vec<_> = piece.iter().map(|point| at(point, point.max)).collect();
            let lower: Vec<_> = piece.iter().map(|point| at(point, point.min)).collect();
            canvas.band(&upper, &lower, colour);
        }
    }
}

fn draw_line(
    canvas: &mut impl Canvas,
    curve: &Curve,
    place: &Place<'_>,
    scale: &Scale,
    colour: &str,
) {
    for piece in &curve.pieces {
        let at = |point: &Point| (place.frame.x(point.time), place.y(scale, point.mean));
        let points: Vec<_> = piece.iter().map(at).collect();
        canvas.curve(&points, colour);
    }
}

fn draw_times(canvas: &mut impl Canvas, frame: &Frame, ticks: &[Tick]) {
    let bottom = frame.bottom();
    let mut free = f64::NEG_INFINITY;
    for tick in ticks {
        let x = frame.x(tick.time);
        canvas.line((x, bottom), (x, bottom + 4.0), FRAME);
        canvas.text(x, bottom + 18.0, &tick.text, style(SOFT, Anchor::Middle));
        if let Some(context) = &tick.context
            && x >= free
        {
            canvas.text(x, bottom + 34.0, context, style(SOFT, Anchor::Middle));
            #[expect(clippy::cast_precision_loss, reason = "a short text")]
            let width = context.chars().count() as f64 * CHARACTER;
            free = x + width + 8.0;
        }
    }
}
