//! A picture in pixels.

use std::f64::consts::TAU;

use ab_glyph::{Font, ScaleFont, point};
use ab_glyph_rasterizer::Rasterizer;

use super::canvas::{Anchor, Canvas, Style};
use super::glyphs::{Glyphs, Letter};

/// The widths of lines, as in SVG.
const THIN: f64 = 1.0;
const CURVE: f64 = 1.6;
const DOT: f64 = 4.0;
const SWATCH: f64 = 3.0;
const SWATCH_LENGTH: f64 = 14.0;
const BAND_OPACITY: f32 = 0.2;
/// Corners of a round end.
const CORNERS: u32 = 12;

/// White pixels that are drawn on.
pub(super) struct Raster {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
    glyphs: Glyphs,
}

impl Raster {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            rgb: vec![255; width * height * 3],
            glyphs: Glyphs::new(),
        }
    }

    /// Returns width and height.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Returns red, green and blue of each pixel, row by row.
    pub(super) fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// Fills what lies within `shapes`.
    fn fill(&mut self, shapes: &[Vec<(f64, f64)>], colour: [u8; 3], opacity: f32) {
        let mut rasterizer = Rasterizer::new(self.width, self.height);
        for shape in shapes {
            for (at, from) in shape.iter().enumerate() {
                let to = shape[(at + 1) % shape.len()];
                rasterizer.draw_line(self.within(*from), self.within(to));
            }
        }
        let rgb = &mut self.rgb;
        rasterizer.for_each_pixel(|at, covered| {
            // Shapes of one line overlap.
            let part = covered.min(1.0) * opacity;
            if part > 0.0 {
                blend(&mut rgb[at * 3..at * 3 + 3], colour, part);
            }
        });
    }

    /// Returns a point that lies in the picture.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "pixels"
    )]
    fn within(&self, (x, y): (f64, f64)) -> ab_glyph::Point {
        let x = (x as f32).clamp(0.0, self.width as f32 - 1.0);
        let y = (y as f32).clamp(0.0, self.height as f32 - 1.0);
        point(x, y)
    }

    /// Draws one letter; `x` and `y` are where its line begins.
    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn letter(&mut self, letter: Letter, (x, y): (f32, f32), style: Style) {
        let scale = self.glyphs.scale(letter, style.size);
        let glyph = letter.glyph.with_scale_and_position(scale, point(x, y));
        let Some(outline) = self.glyphs.font(letter).outline_glyph(glyph) else {
            return;
        };
        let colour = colour(style.colour);
        let corner = outline.px_bounds().min;
        let (width, height, rgb) = (self.width, self.height, &mut self.rgb);
        outline.draw(|dx, dy, covered| {
            let x = usize::try_from(corner.x as i64 + i64::from(dx));
            let y = usize::try_from(corner.y as i64 + i64::from(dy));
            if let (Ok(x), Ok(y)) = (x, y)
                && x < width
                && y < height
            {
                let at = (y * width + x) * 3;
                blend(&mut rgb[at..at + 3], colour, covered.min(1.0));
            }
        });
    }
}

impl Canvas for Raster {
    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour_text: &str) {
        self.fill(&[bar(from, to, THIN)], colour(colour_text), 1.0);
    }

    fn curve(&mut self, points: &[(f64, f64)], colour_text: &str) {
        let shapes = match points {
            [one] => vec![disc(*one, DOT)],
            points => stroke(points, CURVE),
        };
        self.fill(&shapes, colour(colour_text), 1.0);
    }

    fn band(&mut self, upper: &[(f64, f64)], lower: &[(f64, f64)], colour_text: &str) {
        let shape: Vec<_> = upper.iter().chain(lower.iter().rev()).copied().collect();
        self.fill(&[shape], colour(colour_text), BAND_OPACITY);
    }

    #[expect(clippy::cast_possible_truncation, reason = "pixels")]
    fn text(&mut self, x: f64, y: f64, text: &str, style: Style) {
        let mut letters = Vec::new();
        let mut width = 0.0;
        for c in iot_cli::printable(text).chars() {
            let letter = self.glyphs.letter(c);
            let scale = self.glyphs.scale(letter, style.size);
            letters.push((letter, width));
            width += self
                .glyphs
                .font(letter)
                .as_scaled(scale)
                .h_advance(letter.glyph);
        }
        let start = match style.anchor {
            Anchor::Start => x as f32,
            Anchor::Middle => x as f32 - width / 2.0,
            Anchor::End => x as f32 - width,
        };
        for (letter, offset) in letters {
            self.letter(letter, (start + offset, y as f32), style);
        }
    }

    fn swatch(&mut self, x: f64, y: f64, colour_text: &str) {
        let (radius, y) = (SWATCH / 2.0, y + SWATCH / 2.0);
        let ends = [(x + radius, y), (x + SWATCH_LENGTH - radius, y)];
        self.fill(&stroke(&ends, SWATCH), colour(colour_text), 1.0);
    }
}

/// Returns a line through points with round corners and ends.
fn stroke(points: &[(f64, f64)], width: f64) -> Vec<Vec<(f64, f64)>> {
    let bars = points.windows(2).map(|pair| bar(pair[0], pair[1], width));
    let corners = points.iter().map(|at| disc(*at, width));
    bars.chain(corners).collect()
}

/// Returns the four corners of a straight line.
fn bar(from: (f64, f64), to: (f64, f64), width: f64) -> Vec<(f64, f64)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length == 0.0 {
        return Vec::new();
    }
    let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
    vec![
        (from.0 + nx, from.1 + ny),
        (to.0 + nx, to.1 + ny),
        (to.0 - nx, to.1 - ny),
        (from.0 - nx, from.1 - ny),
    ]
}

/// Returns the corners of a disc, in the same direction of turn as those of a bar: where shapes
/// overlap, their areas add up.
fn disc((x, y): (f64, f64), diameter: f64) -> Vec<(f64, f64)> {
    let corner = |at: u32| {
        let angle = -TAU * f64::from(at) / f64::from(CORNERS);
        let radius = diameter / 2.0;
        (x + radius * angle.cos(), y + radius * angle.sin())
    };
    (0..CORNERS).map(corner).collect()
}

/// Returns red, green and blue of `#rrggbb`.
fn colour(text: &str) -> [u8; 3] {
    let number = u32::from_str_radix(text.trim_start_matches('#'), 16).unwrap_or(0);
    let [_, red, green, blue] = number.to_be_bytes();
    [red, green, blue]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 255"
)]
fn blend(pixel: &mut [u8], colour: [u8; 3], part: f32) {
    for (below, above) in pixel.iter_mut().zip(colour) {
        let mixed = f32::from(*below) * (1.0 - part) + f32::from(above) * part;
        *below = mixed.round() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(raster: &Raster, x: usize, y: usize) -> [u8; 3] {
        let at = (y * raster.width + x) * 3;
        [raster.rgb[at], raster.rgb[at + 1], raster.rgb[at + 2]]
    }

    #[test]
    fn a_curve_is_solid_also_where_its_parts_overlap() {
        let mut raster = Raster::new(40, 20);
        raster.curve(
            &[(5.0, 10.5), (20.0, 10.5), (35.0, 10.5), (20.0, 10.5)],
            "#0072b2",
        );
        for x in 6..34 {
            assert_eq!(pixel(&raster, x, 10), [0, 0x72, 0xb2], "{x}");
            assert_eq!(pixel(&raster, x, 14), [255; 3]);
        }
    }

    #[test]
    fn a_band_is_transparent_and_what_lies_outside_is_cut() {
        let mut raster = Raster::new(20, 20);
        let (upper, lower) = ([(-50.0, 5.0), (50.0, 5.0)], [(-50.0, 15.0), (50.0, 15.0)]);
        raster.band(&upper, &lower, "#000000");
        assert_eq!(pixel(&raster, 10, 10), [204; 3]);
        assert_eq!(pixel(&raster, 10, 2), [255; 3]);
    }

    #[test]
    fn text_is_placed_by_its_anchor() {
        let style = |anchor| Style {
            size: 12,
            colour: "#000000",
            anchor,
        };
        let inked = |anchor| {
            let mut raster = Raster::new(100, 20);
            raster.text(50.0, 15.0, "mm°\u{6587}", style(anchor));
            let is_inked = |x: &usize| (0..20).any(|y| pixel(&raster, *x, y) != [255; 3]);
            let columns: Vec<usize> = (0..100).filter(is_inked).collect();
            (columns[0], columns[columns.len() - 1])
        };
        let (start, middle, end) = (
            inked(Anchor::Start),
            inked(Anchor::Middle),
            inked(Anchor::End),
        );
        assert!(start.0 >= 49 && end.1 <= 51, "{start:?} {end:?}");
        assert!(middle.0 < 50 && middle.1 > 50, "{middle:?}");
    }
}
