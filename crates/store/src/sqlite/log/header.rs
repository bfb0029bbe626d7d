//! The header of a write-ahead log, also where it is damaged.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::checksum::{Order, Sum};
use super::frame::{Frames, LOG_HEADER, Salts};

const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;

/// What the header says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) order: Order,
    pub(super) page_size: u32,
    pub(super) salts: Salts,
    /// The checksum that the first frame continues.
    pub(super) sum: Sum,
    pub(super) damaged: bool,
}

impl Header {
    /// Returns the bytes of such a header.
    pub(super) fn bytes(&self) -> ([u8; LOG_HEADER], Sum) {
        let magic = MAGIC | u32::from(self.order == Order::Big);
        let mut bytes = [0; LOG_HEADER];
        bytes[..4].copy_from_slice(&magic.to_be_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.page_size.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.salts);
        let sum = Sum::default().over(self.order, &bytes[..24]);
        bytes[24..].copy_from_slice(&sum.bytes());
        (bytes, sum)
    }
}

/// Reads the header, or works out what it was. Nothing: there is no log.
pub(super) fn read(frames: &mut Frames) -> io::Result<Option<Header>> {
    let mut bytes = [0; LOG_HEADER];
    frames.file.seek(SeekFrom::Start(0))?;
    match frames.file.read_exact(&mut bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let header = match parse(&bytes) {
        Some(header) => Some(header),
        None => match repair(frames, bytes)? {
            Some(header) => Some(header),
            None => guess(frames)?,
        },
    };
    if let Some(header) = &header {
        frames.page_size = header.page_size as usize;
    }
    Ok(header)
}

fn parse(bytes: &[u8; LOG_HEADER]) -> Option<Header> {
    let number = |at: usize| {
        let bytes = &bytes[at..at + 4];
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte))
    };
    let order = match number(0) {
        MAGIC => Order::Little,
        magic if magic == MAGIC | 1 => Order::Big,
        _ => return None,
    };
    let page_size = number(8);
    let sum = Sum::stored(&bytes[24..]);
    let right = number(4) == VERSION
        && page_size.is_power_of_two()
        && (512..=65_536).contains(&page_size)
        && sum == Sum::default().over(order, &bytes[..24]);
    let mut salts = [0; 8];
    salts.copy_from_slice(&bytes[16..24]);
    right.then_some(Header {
        order,
        page_size,
        salts,
        sum,
        damaged: false,
    })
}

/// Tries each bit: the one that was flipped makes the checksum right, and the first frame confirms
/// the salts.
fn repair(frames: &mut Frames, bytes: [u8; LOG_HEADER]) -> io::Result<Option<Header>> {
    let mut found = None;
    for bit in 0..LOG_HEADER * 8 {
        let mut bytes = bytes;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Some(header) = parse(&bytes) else {
            continue;
        };
        let header = Header {
            damaged: true,
            ..header
        };
        frames.page_size = header.page_size as usize;
        let first = frames.read(0)?;
        if first.is_some_and(|frame| frame.salts == header.salts) {
            return Ok(Some(header));
        }
        found = found.or(Some(header));
    }
    Ok(found)
}

/// Takes the salts of the first two frames that follow each other, in a log whose header is gone.
fn guess(frames: &mut Frames) -> io::Result<Option<Header>> {
    for page_size in [4_096, 1_024, 8_192, 16_384, 32_768, 65_536, 512, 2_048] {
        frames.page_size = page_size as usize;
        let mut before = frames.read(0)?;
        let mut index = 1;
        while let (Some(first), Some(second)) = (before, frames.read(index)?) {
            for order in [Order::Little, Order::Big] {
                if first.salts == second.salts
                    && second.page() != 0
                    && second.sum(first.stored, order) == second.stored
                {
                    return Ok(Some(Header {
                        order,
                        page_size,
                        salts: first.salts,
                        sum: Sum::default(),
                        damaged: true,
                    }));
                }
            }
            before = Some(second);
            index += 1;
        }
    }
    Ok(None)
}
