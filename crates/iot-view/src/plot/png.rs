//! Pixels as PNG.

use anyhow::{Context, Result};
use png::{BitDepth, ColorType, Encoder};

use super::raster::Raster;

/// Returns the picture as PNG.
///
/// # Errors
/// The picture is too large.
pub(super) fn encode(raster: &Raster) -> Result<Vec<u8>> {
    let (width, height) = raster.size();
    let too_large = "the picture is too large";
    let mut bytes = Vec::new();
    let width = u32::try_from(width).context(too_large)?;
    let height = u32::try_from(height).context(too_large)?;
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().context(too_large)?;
    writer.write_image_data(raster.rgb()).context(too_large)?;
    writer.finish().context("cannot write the picture as PNG")?;
    Ok(bytes)
}
