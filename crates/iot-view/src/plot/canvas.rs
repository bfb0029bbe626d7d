//! What a picture is drawn on. Coordinates are pixels from the upper left corner; colours are
//! `#rrggbb`.

/// A surface: SVG, or pixels.
pub(super) trait Canvas {
    /// Draws a thin line.
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str);

    /// Draws a line through the points; one point is a dot.
    fn curve(&mut self, points: &[(f64, f64)], colour: &str);

    /// Fills the area between two lines, transparently.
    fn band(&mut self, upper: &[(f64, f64)], lower: &[(f64, f64)], colour: &str);

    /// Writes text on the line at `y`.
    fn text(&mut self, x: f64, y: f64, text: &str, style: Style);

    /// Draws a short bar, which shows the colour of a curve.
    fn swatch(&mut self, x: f64, y: f64, colour: &str);
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// Height of the font, in pixels.
    pub(super) size: u32,
    pub(super) colour: &'static str,
    pub(super) anchor: Anchor,
}

/// What lies at a text's position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}
