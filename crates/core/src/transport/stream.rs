//! The byte stream to the broker, put together as configured.

use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsFd;
#[cfg(windows)]
use std::os::windows::io::AsSocket;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use super::duplex::Duplex;
#[cfg(feature = "tls")]
use super::tls;
#[cfg(feature = "websocket")]
use super::websocket;
use super::{proxy, tcp};
use crate::config::ClientConfig;
use crate::config::Transport;

/// An open byte stream to the broker.
pub(crate) struct Stream {
    duplex: Box<dyn Duplex>,
    /// Nothing lies between the packets and TCP.
    is_bare: bool,
}

impl Stream {
    /// Connects to the broker, as configured.
    pub(crate) async fn dial(config: &ClientConfig) -> io::Result<Self> {
        #[cfg(unix)]
        if let Some(path) = config.transport.path() {
            return Ok(Self::new(UnixStream::connect(path).await?));
        }
        let socket = match &config.proxy {
            None => tcp::connect(config, &config.host, config.port).await?,
            Some(proxy) => proxy::connect(proxy, config).await?,
        };
        socket.set_nodelay(config.nodelay)?;
        #[cfg(feature = "tls")]
        if let Some(tls) = &config.tls {
            let secured = tls::connect(tls, &config.host, socket).await?;
            return Self::layered(config, secured).await;
        }
        if let Transport::Tcp = config.transport {
            return Ok(Self {
                duplex: Box::new(socket),
                is_bare: true,
            });
        }
        Self::layered(config, socket).await
    }

    /// Returns whether nothing lies between the packets and TCP.
    pub(crate) fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Returns the same socket, not blocking, for other threads to write packets to, if nothing
    /// lies between the packets and TCP.
    pub(crate) fn duplicate(&self) -> Option<std::net::TcpStream> {
        let socket = self.duplex.socket().filter(|_| self.is_bare)?;
        duplicate(socket).ok()
    }

    /// Drops the bytes that have arrived, layers included, so that closing the socket doesn't reset
    /// the connection. To be called when nothing more is to be read.
    pub(crate) fn discard_received(&self) {
        let mut bytes = [0; 4096];
        if let Some(socket) = self.duplex.socket()
            // The runtime may not know yet that there are any.
            && let Ok(mut socket) = duplicate(socket)
        {
            let mut reads = 0;
            while reads < 256 && matches!(socket.read(&mut bytes), Ok(1..)) {
                reads += 1;
            }
        }
    }

    /// Makes TCP acknowledge received bytes at once, or with the next write (`false`): until then,
    /// a broker with Nagle's algorithm holds back all its answers but the first. A write may change
    /// the setting. Returns whether the system supports it.
    pub(crate) fn set_quick_ack(&self, at_once: bool) -> bool {
        #[cfg(target_os = "linux")]
        return self
            .duplex
            .socket()
            .is_some_and(|socket| socket.set_quickack(at_once).is_ok());
        #[cfg(not(target_os = "linux"))]
        {
            let _ = at_once;
            false
        }
    }

    fn new(duplex: impl Duplex + 'static) -> Self {
        Self {
            duplex: Box::new(duplex),
            is_bare: false,
        }
    }

    /// Puts WebSocket on top, if it is configured.
    #[cfg_attr(
        not(feature = "websocket"),
        expect(clippy::unused_async, reason = "the other build waits for an answer")
    )]
    async fn layered(config: &ClientConfig, stream: impl Duplex + 'static) -> io::Result<Self> {
        #[cfg(feature = "websocket")]
        if let Transport::WebSocket(options) = &config.transport {
            let stream = websocket::connect(options, &config.address(), stream).await?;
            return Ok(Self::new(stream));
        }
        let _ = config;
        Ok(Self::new(stream))
    }
}

fn duplicate(socket: &TcpStream) -> io::Result<std::net::TcpStream> {
    #[cfg(unix)]
    let owned = socket.as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = socket.as_socket().try_clone_to_owned()?;
    Ok(owned.into())
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.duplex).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_packets_are_sent_at_once_unless_they_are_to_be_coalesced() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        for nodelay in [true, false] {
            let config = ClientConfig {
                host: "127.0.0.1".into(),
                port: listener.local_addr().unwrap().port(),
                nodelay,
                ..ClientConfig::default()
            };
            let stream = Stream::dial(&config).await.unwrap();
            let socket = stream.duplicate().unwrap();
            assert_eq!(socket.nodelay().unwrap(), nodelay);
        }
    }
}
