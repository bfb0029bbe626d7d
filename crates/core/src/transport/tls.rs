//! TLS by rustls: authorities to trust, the client's certificate, and errors that say what helps.

mod client_pair;
mod errors;
mod key_log;
mod load;
mod pem;
mod verifier;
mod version_1;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::duplex::Duplex;
use crate::config::{Tls, server_name};

/// Does the handshake with the broker of that name.
pub(super) async fn connect(tls: &Tls, host: &str, socket: TcpStream) -> io::Result<Secured> {
    let name = server_name(host).map_err(io::Error::other)?;
    match TlsConnector::from(tls.rustls()).connect(name, socket).await {
        Ok(stream) => Ok(Secured(stream)),
        Err(error) => Err(errors::no_connection(error)),
    }
}

/// A TLS connection whose errors say what helps.
#[derive(Debug)]
pub(super) struct Secured(TlsStream<TcpStream>);

impl Duplex for Secured {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self.0.get_ref().0)
    }
}

impl AsyncRead for Secured {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.0).poll_read(cx, buf) {
            // Brokers that close without TLS's close_notify are common. MQTT has its own framing
            // and acknowledgements: an attacker who cuts the stream gains nothing by that.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(()))
            }
            result => result.map_err(errors::broken),
        }
    }
}

impl AsyncWrite for Secured {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0)
            .poll_write(cx, bytes)
            .map_err(errors::broken)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx).map_err(errors::broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0)
            .poll_shutdown(cx)
            .map_err(errors::broken)
    }
}
