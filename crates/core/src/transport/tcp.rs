//! A TCP connection, from a chosen local address if one is set.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::config::ClientConfig;

/// Tries each address of the host name in turn, until one accepts.
pub(super) async fn connect(config: &ClientConfig, host: &str, port: u16) -> io::Result<TcpStream> {
    // The system's text speaks of a lookup, and of a service.
    let unknown =
        |error: io::Error| io::Error::new(error.kind(), "no address is known for this host name");
    let addresses = lookup_host((host, port)).await.map_err(unknown)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    let mut other_family = 0;
    for address in addresses {
        if config
            .bind_address
            .is_some_and(|local| local.is_ipv4() != address.is_ipv4())
        {
            other_family += 1;
            continue;
        }
        match connect_from(config.bind_address, address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    if other_family > 0 && last.kind() == io::ErrorKind::NotFound {
        last = io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "the broker has no address of the local address's family",
        );
    }
    Err(last)
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
