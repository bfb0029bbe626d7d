//! The shapes of letters: from the built-in font, or else from the system's.

use ab_glyph::{Font, FontArc, FontVec, GlyphId, PxScale};
use fontdb::Database;

/// `DejaVu Sans` with Latin, Greek and Cyrillic letters; `font/LICENSE` allows it.
const FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// The fonts that letters are taken from.
pub(super) struct Glyphs {
    fonts: Vec<FontArc>,
    /// Read when the first letter is missing in the built-in font.
    system: Option<Database>,
}

/// A letter: which font has it, and where.
#[derive(Clone, Copy)]
pub(super) struct Letter {
    font: usize,
    pub(super) glyph: GlyphId,
}

impl Glyphs {
    pub(super) fn new() -> Self {
        let built_in = FontArc::try_from_slice(FONT).expect("the built-in font is one");
        Self {
            fonts: vec![built_in],
            system: None,
        }
    }

    pub(super) fn font(&self, letter: Letter) -> &FontArc {
        &self.fonts[letter.font]
    }

    /// Returns the scale at which a font has `size` pixels an em.
    #[expect(clippy::cast_precision_loss, reason = "some pixels")]
    pub(super) fn scale(&self, letter: Letter, size: u32) -> PxScale {
        let font = self.font(letter);
        let em = font.units_per_em().unwrap_or(1000.0);
        PxScale::from(size as f32 * font.height_unscaled() / em)
    }

    /// Returns a letter from the first font that has it. A box stands for one that none has.
    pub(super) fn letter(&mut self, c: char) -> Letter {
        let known = |(font, arc): (usize, &FontArc)| {
            let glyph = arc.glyph_id(c);
            (glyph.0 != 0).then_some(Letter { font, glyph })
        };
        if let Some(letter) = self.fonts.iter().enumerate().find_map(known) {
            return letter;
        }
        if let Some(font) = self.system_font(c) {
            let glyph = font.glyph_id(c);
            self.fonts.push(font);
            let font = self.fonts.len() - 1;
            return Letter { font, glyph };
        }
        Letter {
            font: 0,
            glyph: GlyphId(0),
        }
    }

    fn system_font(&mut self, c: char) -> Option<FontArc> {
        let system = self.system.get_or_insert_with(|| {
            let mut fonts = Database::new();
            fonts.load_system_fonts();
            fonts
        });
        let faces: Vec<_> = system.faces().map(|face| face.id).collect();
        faces.into_iter().find_map(|id| {
            let read = |data: &[u8], index| {
                let font = FontVec::try_from_vec_and_index(data.to_vec(), index).ok()?;
                let font = FontArc::new(font);
                (font.glyph_id(c).0 != 0).then_some(font)
            };
            system.with_face_data(id, read).flatten()
        })
    }
}
