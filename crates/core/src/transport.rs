//! How bytes travel: a TCP connection, from a chosen local address where one is wanted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::config::ClientConfig;

/// An open byte stream to the broker.
#[derive(Debug)]
pub(crate) struct Transport(TcpStream);

impl Transport {
    /// Dials the broker: each address of its host name in turn, until one answers.
    pub(crate) async fn dial(config: &ClientConfig) -> io::Result<Self> {
        let addresses = lookup_host((config.host.as_str(), config.port)).await?;
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
            match Self::dial_address(config, address).await {
                Ok(transport) => return Ok(transport),
                Err(error) => last = error,
            }
        }
        if other_family > 0 && last.kind() == io::ErrorKind::NotFound {
            last = io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "the broker has no address of the family that the local address has",
            );
        }
        Err(last)
    }

    async fn dial_address(config: &ClientConfig, address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(local) = config.bind_address {
            socket.bind(SocketAddr::new(local, 0))?;
        }
        let stream = socket.connect(address).await?;
        // Packets are gathered here before they are written: waiting for more would only delay.
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
