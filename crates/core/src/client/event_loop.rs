//! The connection of a client and the runtime that it runs on, for one thread at a time.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::Error;
use crate::session::Event;

/// How a wait for the connection ended.
pub(super) enum Waited {
    Event(Event),
    /// The time is over, or another thread has a request.
    Nothing,
    /// There is no connection, and none is to be made.
    Ended,
}

pub(super) struct EventLoop {
    connection: Connection,
    reconnects: bool,
    runtime: ClientRuntime,
}

impl EventLoop {
    pub(super) fn new(mut connection: Connection) -> Result<Self, Error> {
        connection.let_handles_write();
        Ok(Self {
            connection,
            reconnects: true,
            runtime: ClientRuntime::new()?,
        })
    }

    pub(super) fn set_reconnects(&mut self, reconnects: bool) {
        self.reconnects = reconnects;
        self.connection.set_reconnects(reconnects);
    }

    pub(super) fn reconnects(&self) -> bool {
        self.reconnects
    }

    /// Returns whether there is a connection, or one that is closing.
    pub(super) fn is_up(&self) -> bool {
        self.connection.is_up()
    }

    /// Returns whether a connection is closing because the client has disconnected.
    pub(super) fn is_ending(&self) -> bool {
        self.connection.is_stopped() && self.connection.is_up()
    }

    /// Closes a connection that the client has disconnected.
    pub(super) fn finish(&mut self) {
        self.runtime.block_on(self.connection.finish());
    }

    pub(super) fn connect(&mut self, config: &Arc<ClientConfig>) -> Result<(), Error> {
        self.connection.configure(config);
        self.runtime.block_on(self.connection.connect())
    }

    /// Waits for an event, for ever without `timeout`. Without `config` there is no broker to
    /// connect to.
    pub(super) fn wait(
        &mut self,
        config: Option<&Arc<ClientConfig>>,
        timeout: Option<Duration>,
        wake: &Notify,
    ) -> Waited {
        if let Some(config) = config {
            self.connection.configure(config);
        }
        let connection = &mut self.connection;
        let next = async {
            match config {
                Some(_) => connection.next().await,
                None if connection.is_stopped() => None,
                None => pending().await,
            }
        };
        let timeout = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => pending().await,
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                event = next => event.map_or(Waited::Ended, Waited::Event),
                () = wake.notified() => Waited::Nothing,
                () = timeout => Waited::Nothing,
            }
        })
    }

    /// Returns an event that has come together with the one before.
    pub(super) fn try_next(&mut self) -> Option<Event> {
        self.connection.try_next()
    }
}

/// A runtime without a thread: the thread that waits in it serves the socket and the timers.
struct ClientRuntime(Option<Runtime>);

impl ClientRuntime {
    fn new() -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        // There is one socket.
        builder.enable_all().max_io_events_per_tick(16);
        Ok(Self(Some(builder.build()?)))
    }

    /// Runs a future to its end. A thread that belongs to another runtime may not do so itself, so
    /// a thread is borrowed there: the calls of a client block, wherever they are made.
    fn block_on<T: Send>(&self, future: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.as_ref().expect("it is there until the drop");
        // It is not moved again: each move would have a copy on the thread's stack.
        let future = pin!(future);
        if Handle::try_current().is_err() {
            return runtime.block_on(future);
        }
        std::thread::scope(
            |scope| match scope.spawn(|| runtime.block_on(future)).join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            },
        )
    }
}

impl Drop for ClientRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Inside another runtime a drop that waits for threads would panic.
            runtime.shutdown_background();
        }
    }
}
