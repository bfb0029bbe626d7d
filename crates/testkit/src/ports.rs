//! Ports that no other test holds, in this process or in another one.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

/// Below the ports that the kernel gives to outgoing connections (32768 and up on Linux): a server
/// that is stopped and started again would sometimes find one of those on its port. MongoDB's 27017
/// is left out as well.
const RANGE: Range<u16> = 20_000..27_000;

/// A TCP port of 127.0.0.1 that is ours while this value lives, whether a server listens on it or
/// not.
///
/// The UDP socket of the same number is the reservation: it keeps other tests away, leaves TCP free
/// for the server, and the kernel gives it back however the process ends.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _reservation: UdpSocket,
}

impl Port {
    /// Reserves a port on which nobody listens.
    pub(crate) fn free() -> Self {
        let size = RANGE.end - RANGE.start;
        // A random start: processes that began at the same port would race for each one in turn.
        let start = u16::try_from(RandomState::new().build_hasher().finish() % u64::from(size))
            .unwrap_or_default();
        (0..size)
            .map(|step| RANGE.start + (start + step) % size)
            .find_map(Self::reserve)
            .unwrap_or_else(|| panic!("no free port in {RANGE:?}"))
    }

    fn reserve(number: u16) -> Option<Self> {
        let address = (Ipv4Addr::LOCALHOST, number);
        let reservation = UdpSocket::bind(address).ok()?;
        // Closed at once: this asks the kernel whether a server could listen here.
        TcpListener::bind(address).ok()?;
        Some(Self {
            number,
            _reservation: reservation,
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_given_twice() {
        let port = Port::free();
        assert!(Port::reserve(port.number()).is_none());
    }

    #[test]
    fn a_reserved_port_can_be_listened_on() {
        let port = Port::free();
        TcpListener::bind((Ipv4Addr::LOCALHOST, port.number())).expect("TCP is left free");
    }

    #[test]
    fn a_port_with_a_listener_is_not_given() {
        let port = Port::free();
        let number = port.number();
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).expect("TCP is left free");
        drop(port);
        assert!(Port::reserve(number).is_none());
    }
}
