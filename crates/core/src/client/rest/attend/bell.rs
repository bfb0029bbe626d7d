//! What wakes a thread that waits for a socket.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(super) struct Bell {
    hears: PipeReader,
    rings: Arc<PipeWriter>,
}

/// Rings once.
pub(in super::super) struct Ring(Arc<PipeWriter>);

impl Ring {
    pub(in super::super) fn ring(self) {
        // There is room: each ring is heard before the next one is handed out.
        let _ = (&*self.0).write(&[1]);
    }
}

impl Bell {
    pub(super) fn new() -> Option<Self> {
        let (hears, rings) = std::io::pipe().ok()?;
        let rings = Arc::new(rings);
        Some(Self { hears, rings })
    }

    pub(super) fn ring(&self) -> Ring {
        Ring(Arc::clone(&self.rings))
    }

    /// Takes the ring that has come, or is just coming.
    pub(super) fn heard(&self) {
        let _ = (&self.hears).read(&mut [0]);
    }

    /// Waits until there is something to read from the socket, or it rings, or a signal comes. Returns `false` at the
    /// deadline.
    pub(super) fn wait(&self, socket: Option<&TcpStream>, deadline: Option<Instant>) -> bool {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let hears = self.hears.as_fd();
        // The same twice where there is no socket.
        let socket = socket.map_or(hears, AsFd::as_fd);
        let mut both =
            [hears, socket].map(|either| PollFd::from_borrowed_fd(either, PollFlags::IN));
        poll(&mut both, timeout.as_ref()) != Ok(0)
    }
}
