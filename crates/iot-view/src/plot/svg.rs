//! SVG as text.

use std::fmt::Write as _;

use super::canvas::{Anchor, Canvas, Style};

/// What the text of a picture is written with. The first one is built in.
pub(crate) const FONTS: &str = "DejaVu Sans, Verdana, Segoe UI, Helvetica, sans-serif";

/// A picture that is being written.
#[derive(Debug, Default)]
pub(super) struct Svg {
    text: String,
}

impl Svg {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONTS}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
        );
        Self { text }
    }

    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

impl Canvas for Svg {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        // Writing to a text doesn't fail.
        let _ = writeln!(
            self.text,
            "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{colour}\" fill=\"none\"/>"
        );
    }

    fn curve(&mut self, points: &[(f64, f64)], colour: &str) {
        if let [(x, y)] = points {
            let _ = writeln!(
                self.text,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>"
            );
            return;
        }
        let _ = write!(self.text, "<path d=\"");
        push_points(points.iter(), &mut self.text);
        let _ = writeln!(
            self.text,
            "\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-linejoin=\"round\" \
             stroke-linecap=\"round\" fill=\"none\"/>"
        );
    }

    fn band(&mut self, upper: &[(f64, f64)], lower: &[(f64, f64)], colour: &str) {
        let _ = write!(self.text, "<path d=\"");
        push_points(upper.iter().chain(lower.iter().rev()), &mut self.text);
        let _ = writeln!(
            self.text,
            "Z\" fill=\"{colour}\" fill-opacity=\"0.2\" stroke=\"none\"/>"
        );
    }

    fn text(&mut self, x: f64, y: f64, text: &str, style: Style) {
        let Style {
            size,
            colour,
            anchor,
        } = style;
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" \
             text-anchor=\"{anchor}\">"
        );
        push_escaped(text, &mut self.text);
        self.text.push_str("</text>\n");
    }

    fn swatch(&mut self, x: f64, y: f64, colour: &str) {
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"14\" height=\"3\" rx=\"1.5\" fill=\"{colour}\"/>"
        );
    }
}

fn push_points<'a>(points: impl Iterator<Item = &'a (f64, f64)>, text: &mut String) {
    for (at, (x, y)) in points.enumerate() {
        let command = if at == 0 { 'M' } else { 'L' };
        let _ = write!(text, "{command}{x:.1} {y:.1}");
    }
}

/// Text from a store is data: it becomes neither markup nor a character that XML forbids.
fn push_escaped(text: &str, out: &mut String) {
    for c in iot_cli::printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_data() {
        let mut out = String::new();
        push_escaped(
            "<img src=x onerror=alert(1)> & \"\u{1b}\u{0}\u{ffff}",
            &mut out,
        );
        assert_eq!(
            out,
            "&lt;img src=x onerror=alert(1)&gt; &amp; &quot;\\u{1b}\\u{0}\u{fffd}"
        );
    }
}
