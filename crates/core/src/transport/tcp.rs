//! A TCP connection, from a chosen local address if one is set.

mod race;

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use self::race::{interleaved, race};
use crate::config::ClientConfig;

/// Connects to the address of the host name that accepts first. IPv6 and IPv4 are tried in
/// parallel.
pub(super) async fn connect(config: &ClientConfig, host: &str, port: u16) -> io::Result<TcpStream> {
    // The system's text speaks of a lookup, and of a service.
    let unknown =
        |error: io::Error| io::Error::new(error.kind(), "no address is known for this host name");
    let (addresses, others): (Vec<_>, Vec<_>) = lookup_host((host, port))
        .await
        .map_err(unknown)?
        .partition(|address| {
            let local = config.bind_address;
            local.is_none_or(|local| local.is_ipv4() == address.is_ipv4())
        });
    if addresses.is_empty() && !others.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "the broker has no address of the local address's family",
        ));
    }
    let local = config.bind_address;
    race(interleaved(addresses), move |it| connect_from(local, it)).await
}

async fn connect_from(local: Option<IpAddr>, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(address).await
}
