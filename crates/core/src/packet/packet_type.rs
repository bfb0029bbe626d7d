//! The first byte of each packet: its type and its flags (§2.1.2, §2.1.3). PUBLISH has its flags
//! unset.

pub(super) const CONNECT: u8 = 0x10;
pub(super) const PUBLISH: u8 = 0x30;
pub(super) const PUBACK: u8 = 0x40;
pub(super) const PUBREC: u8 = 0x50;
pub(super) const PUBREL: u8 = 0x62;
pub(super) const PUBCOMP: u8 = 0x70;
pub(super) const SUBSCRIBE: u8 = 0x82;
pub(super) const UNSUBSCRIBE: u8 = 0xa2;
pub(super) const PINGREQ: u8 = 0xc0;
pub(super) const DISCONNECT: u8 = 0xe0;
pub(super) const AUTH: u8 = 0xf0;
