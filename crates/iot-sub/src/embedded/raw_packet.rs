//! Parts of a whole packet that the gateway reads or changes in place.

use iot_core::PacketId;

/// Returns what follows the fixed header of a whole packet.
pub(super) fn body(packet: &[u8]) -> &[u8] {
    let rest = packet.get(1..).unwrap_or_default();
    let length = rest.iter().position(|byte| byte & 0x80 == 0);
    length.and_then(|at| rest.get(at + 1..)).unwrap_or_default()
}

/// Clears the flag that a will is retained, in the flags of a CONNECT (MQTT 5 §3.1.2.7).
pub(super) fn clear_will_retain(connect: &mut [u8]) {
    if let Some([flags, ..]) = connect_flags(connect) {
        *flags &= !0x20;
    }
}

/// Sets the keep alive of a CONNECT to 0, which is none (MQTT 5 §3.1.2.10).
pub(super) fn clear_keep_alive(connect: &mut [u8]) {
    if let Some([_, keep_alive @ ..]) = connect_flags(connect) {
        *keep_alive = [0; 2];
    }
}

/// Returns the flags and the keep alive of a CONNECT, which follow the protocol's name and version.
fn connect_flags(connect: &mut [u8]) -> Option<&mut [u8; 3]> {
    let start = connect.len() - body(connect).len();
    let length = usize::from(*connect.get(start + 1)?);
    connect.get_mut(start + 2 + length + 1..)?.first_chunk_mut()
}

/// Returns the packet identifier of an acknowledgement.
pub(super) fn packet_id(packet: &[u8]) -> Option<PacketId> {
    let id = body(packet).first_chunk()?;
    PacketId::new(u16::from_be_bytes(*id))
}

/// Returns the reason code of an acknowledgement.
pub(super) fn reason(packet: &[u8]) -> u8 {
    body(packet).get(2).copied().unwrap_or(0)
}
