//! The network side of a connection.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use tokio::io::AsyncWrite;
use tokio::time::Sleep;

use crate::config::ClientConfig;
use crate::error::Error;
use crate::transport::Stream;

pub(super) type Dialing = Pin<Box<dyn Future<Output = Result<Stream, Error>> + Send>>;

pub(super) enum Link {
    /// There is no connection, and none is being made.
    Down,
    /// One has been lost or refused; the next try follows.
    Waiting(Pin<Box<Sleep>>),
    Dialing(Dialing),
    Up(Stream),
    /// DISCONNECT is sent; what still arrives is read, to the end of the stream.
    Closing(Stream, Pin<Box<Sleep>>),
}

/// Begins to dial. On its own, for this has kilobytes on the stack until it is in its box, and
/// every thread of a client would keep them.
#[inline(never)]
pub(super) fn dial(config: &Arc<ClientConfig>) -> Dialing {
    Box::pin(dialed(Arc::clone(config)))
}

async fn dialed(config: Arc<ClientConfig>) -> Result<Stream, Error> {
    let dialing = Stream::dial(&config);
    match tokio::time::timeout(config.connect_timeout, dialing).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
    .map_err(|error| Error::Connect {
        address: config.address(),
        reason: Arc::new(error),
    })
}

/// Sends the last packet, as far as the socket takes it without waiting, and closes our side. The
/// broker will notice the end of the connection in any case.
pub(super) fn send_last(stream: &mut Stream, packet: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    let _ = Pin::new(&mut *stream).poll_write(&mut cx, packet);
    let _ = Pin::new(&mut *stream).poll_shutdown(&mut cx);
    // Closing with unread bytes would reset the stream, and the packet might be lost.
    stream.discard_received();
}
