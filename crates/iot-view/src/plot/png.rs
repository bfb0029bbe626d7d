//! The picture in pixels.

use std::sync::Arc;

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb::Database};

/// `DejaVu Sans` with Latin, Greek and Cyrillic letters; `font/LICENSE` allows it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// Renders SVG as PNG. Letters that the font does not have come from the system's fonts.
///
/// # Errors
/// The picture is too large.
pub(super) fn render(svg: &str) -> Result<Vec<u8>> {
    let mut fonts = Database::new();
    fonts.load_font_data(FONT.to_vec());
    if svg.chars().any(is_elsewhere) {
        fonts.load_system_fonts();
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options {
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).context("cannot draw the picture")?;
    let size = tree.size().to_int_size();
    let mut pixels =
        Pixmap::new(size.width(), size.height()).context("the picture is too large")?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels
        .encode_png()
        .context("cannot write the picture as PNG")
}

/// Returns whether the built-in font lacks the character.
fn is_elsewhere(c: char) -> bool {
    !matches!(u32::from(c), 0x0a | 0x20..=0x24f | 0x370..=0x45f | 0x1e00..=0x2265)
}
