//! A walk through a write-ahead log that does not end at the first damage.
//!
//! A crash leaves a log whose last transaction is incomplete, and behind it frames of an earlier
//! generation, with other salts. That is no damage. Damage is a frame that one flipped bit makes
//! right, or behind which a transaction of the same generation ends.

use std::collections::BTreeMap;
use std::io;

use super::checksum::{Bit, Flip, Sum};
use super::frame::{Frame, Frames, Salts};
use super::header::{self, Header};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Its salts or its checksum: what it holds is right.
    Marks,
    /// This bit of what it holds.
    Bit(Bit),
    /// Unknown.
    Unknown,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) header: Header,
    /// How many frames are committed.
    pub(super) end: u64,
    /// The damaged ones of them.
    pub(super) damage: BTreeMap<u64, Damage>,
    /// The largest size of the database, in pages.
    pub(super) most_pages: u32,
}

impl Survey {
    pub(super) fn is_damaged(&self) -> bool {
        self.header.damaged || !self.damage.is_empty()
    }

    /// Whether all frames are as they were written, once they are repaired.
    pub(super) fn can_be_restored(&self) -> bool {
        !self
            .damage
            .values()
            .any(|damage| *damage == Damage::Unknown)
    }

    /// Reads a committed frame and repairs it. Nothing: what it says of itself cannot be.
    pub(super) fn frame(&self, frames: &mut Frames, index: u64) -> io::Result<Option<Frame>> {
        let Some(mut frame) = frames.read(index)? else {
            return Ok(None);
        };
        match self.damage.get(&index) {
            None | Some(Damage::Marks) => {}
            Some(Damage::Bit(bit)) => bit.flip(self.header.order, &mut frame.covered),
            Some(Damage::Unknown) => {
                if !(1..=self.most_pages).contains(&frame.page()) {
                    return Ok(None);
                }
                let is_last_and_no_end = index + 1 == self.end && frame.size() == 0;
                if is_last_and_no_end || frame.size() > self.most_pages {
                    frame.set_size(self.most_pages);
                }
            }
        }
        Ok(Some(frame))
    }
}

/// Walks through the log. Nothing: it holds no frame that could be one.
pub(super) fn survey(frames: &mut Frames) -> io::Result<Option<Survey>> {
    let Some(header) = header::read(frames)? else {
        return Ok(None);
    };
    let mut survey = Survey {
        header,
        end: 0,
        damage: BTreeMap::new(),
        most_pages: 0,
    };
    let mut sum = header.sum;
    // Up to this frame it is known that a transaction ends behind.
    let mut goes_on_to = 0;
    let mut index = 0;
    while let Some(mut frame) = frames.read(index)? {
        let continued = frame.sum(sum, header.order);
        let is_linked = continued == frame.stored;
        let (damage, next) = if is_linked && frame.salts == header.salts {
            (None, continued)
        } else if is_linked {
            (Some(Damage::Marks), continued)
        } else {
            let is_near = continued.differs_by_one_bit(frame.stored);
            let damage = match sum.flip(header.order, &frame.covered, frame.stored) {
                Flip::None if is_near => Damage::Marks,
                // Either the checksum or what it covers: the next frame continues the right one.
                _ if is_near && continues(frames, &header, index + 1, continued)? => Damage::Marks,
                Flip::One(bit) if !is_near => Damage::Bit(bit),
                Flip::One(bit) if continues(frames, &header, index + 1, frame.stored)? => {
                    Damage::Bit(bit)
                }
                Flip::One(_) | Flip::Several => Damage::Unknown,
                Flip::None => {
                    if index >= goes_on_to {
                        goes_on_to = next_commit(frames, &header, index)?.unwrap_or(0);
                    }
                    if index >= goes_on_to {
                        break;
                    }
                    Damage::Unknown
                }
            };
            match damage {
                Damage::Marks => (Some(damage), continued),
                _ => (Some(damage), frame.stored),
            }
        };
        if let Some(damage) = damage {
            survey.damage.insert(index, damage);
        }
        if let Some(Damage::Bit(bit)) = damage {
            bit.flip(header.order, &mut frame.covered);
        }
        if frame.size() != 0 {
            survey.end = index + 1;
            if damage != Some(Damage::Unknown) {
                survey.most_pages = survey.most_pages.max(frame.size());
            }
        }
        sum = next;
        index += 1;
    }
    // The bit may be the one that marks the end of the transaction.
    if let Some((last, Damage::Unknown)) = survey.damage.last_key_value()
        && last + 1 == index
    {
        survey.end = index;
    }
    let end = survey.end;
    survey.damage.retain(|index, _| *index < end);
    Ok(Some(survey))
}

/// Whether the frame at `index` continues this checksum.
fn continues(frames: &mut Frames, header: &Header, index: u64, sum: Sum) -> io::Result<bool> {
    let frame = frames.read(index)?;
    Ok(frame.is_some_and(|frame| frame.sum(sum, header.order) == frame.stored))
}

/// Returns the first frame behind `index` that ends a transaction of this generation.
///
/// It has to continue the frame before it, unless the frame at `index` was written: one that was
/// not, before a last one that was, is what a loss of power leaves of a transaction.
fn next_commit(frames: &mut Frames, header: &Header, index: u64) -> io::Result<Option<u64>> {
    let Some(first) = frames.read(index)? else {
        return Ok(None);
    };
    let was_written = was_written(&first, header);
    let mut before = first.stored;
    let mut at = index + 1;
    while let Some(frame) = frames.read(at)? {
        let is_end = frame.salts == header.salts && (1..=frame.size()).contains(&frame.page());
        if is_end && (was_written || frame.sum(before, header.order) == frame.stored) {
            return Ok(Some(at));
        }
        before = frame.stored;
        at += 1;
    }
    Ok(None)
}

/// Whether a frame is neither blank nor of an earlier generation, whose first salt is lower.
fn was_written(frame: &Frame, header: &Header) -> bool {
    const GENERATIONS: u32 = 1 << 16;
    let first = |salts: Salts| {
        let bytes = &salts[..4];
        bytes
            .iter()
            .fold(0_u32, |number, byte| number << 8 | u32::from(*byte))
    };
    let age = first(header.salts).wrapping_sub(first(frame.salts));
    frame.salts == header.salts || (frame.salts != [0; 8] && age > GENERATIONS)
}
