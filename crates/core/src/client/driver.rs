//! The connection and the runtime that it runs on, for one thread at a time.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::Error;
use crate::session::Event;

thread_local! {
    /// The clients whose callbacks this thread runs at present, one inside the other.
    static RUNS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread runs a callback of the client.
pub(super) fn runs_here(client: u64) -> bool {
    RUNS.with_borrow(|runs| runs.contains(&client))
}

/// Marks this thread as the one that runs the client's callbacks, until the guard is dropped.
pub(super) fn enter(client: u64) -> impl Drop {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            RUNS.with_borrow_mut(Vec::pop);
        }
    }
    RUNS.with_borrow_mut(|runs| runs.push(client));
    Leave
}

/// How a wait for the connection ended.
pub(super) enum Waited {
    Event(Event),
    /// The time is over, or another thread wants something.
    Nothing,
    /// Nothing has happened for [`LINGER`].
    Idle,
    /// There is no connection, and none is to be made.
    Ended,
}

/// How long to wait for the connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    Endless,
    AtMost(Duration),
    /// Until nothing has happened for [`LINGER`].
    Linger,
}

/// How long nothing happens, at least, before a client is idle. Who comes to rest and is woken again
/// within such a time isn't.
const LINGER: Duration = Duration::from_millis(20);

pub(super) struct Driver {
    connection: Connection,
    reconnects: bool,
    /// Something has happened since `idle` was set.
    active: bool,
    /// One timer for many waits: setting it for each would cost more than the wait.
    idle: Option<Pin<Box<Sleep>>>,
    rested_at: Option<Instant>,
}

impl Driver {
    pub(super) fn new(mut connection: Connection) -> Result<Self, Error> {
        // Where there can be none, that is told here, and not in the middle of a loop.
        runtime()?;
        connection.set_direct();
        Ok(Self {
            connection,
            reconnects: true,
            active: false,
            idle: None,
            rested_at: None,
        })
    }

    pub(super) fn set_reconnects(&mut self, reconnects: bool) {
        self.reconnects = reconnects;
        self.connection.set_reconnects(reconnects);
    }

    pub(super) fn reconnects(&self) -> bool {
        self.reconnects
    }

    /// Whether there is a connection, or one that comes to its end.
    pub(super) fn is_up(&self) -> bool {
        self.connection.is_up()
    }

    /// Whether a connection comes to its end because the client has asked for it.
    pub(super) fn is_ending(&self) -> bool {
        self.connection.is_stopped() && self.connection.is_up()
    }

    /// Brings a connection that the client has asked the end of to its end.
    pub(super) fn finish(&mut self) {
        block_on(self.connection.finish());
    }

    pub(super) fn connect(&mut self, config: &Arc<ClientConfig>) -> Result<(), Error> {
        self.connection.configure(config);
        block_on(self.connection.connect())
    }

    /// Waits for an event. Without `config` there is no broker to connect to.
    pub(super) fn wait(
        &mut self,
        config: Option<&Arc<ClientConfig>>,
        patience: Patience,
        wake: &Notify,
    ) -> Waited {
        block_on(self.waited(config, patience, wake))
    }

    /// Waits for an event as long as it takes, on no thread of its own.
    pub(super) async fn rest(
        &mut self,
        config: Option<&Arc<ClientConfig>>,
        wake: &Notify,
    ) -> Waited {
        self.idle = None;
        self.rested_at = Some(Instant::now());
        self.waited(config, Patience::Endless, wake).await
    }

    /// Whether so much happens that a rest isn't worth it.
    pub(super) fn is_busy(&self) -> bool {
        self.rested_at.is_some_and(|at| at.elapsed() < LINGER)
    }

    async fn waited(
        &mut self,
        config: Option<&Arc<ClientConfig>>,
        patience: Patience,
        wake: &Notify,
    ) -> Waited {
        if let Some(config) = config {
            self.connection.configure(config);
        }
        let Self {
            connection,
            active,
            idle,
            ..
        } = self;
        let next = async {
            if config.is_none() {
                if connection.is_stopped() {
                    return None;
                }
                std::future::pending::<()>().await;
            }
            connection.next().await
        };
        let is_active = *active;
        let over = async {
            match patience {
                Patience::Endless => std::future::pending().await,
                Patience::AtMost(timeout) => {
                    tokio::time::sleep(timeout).await;
                    Waited::Nothing
                }
                Patience::Linger => {
                    let idle = idle.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
                    idle.as_mut().await;
                    if is_active {
                        idle.as_mut().reset(Instant::now() + LINGER);
                        Waited::Nothing
                    } else {
                        Waited::Idle
                    }
                }
            }
        };
        let waited = tokio::select! {
            biased;
            event = next => event.map_or(Waited::Ended, Waited::Event),
            () = wake.notified() => Waited::Nothing,
            over = over => over,
        };
        self.active = matches!(waited, Waited::Event(_));
        waited
    }

    pub(super) fn try_next(&mut self) -> Waited {
        self.connection
            .try_next()
            .map_or(Waited::Nothing, Waited::Event)
    }
}

/// The runtime of all clients: one of their own would cost each more memory than all else it has. It
/// has no thread. Of those that wait in it, one waits for the sockets and timers of all and wakes the
/// others; where there is only one, it does so for itself.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let new = Builder::new_current_thread().enable_all().build()?;
    if let Err(second) = RUNTIME.set(new) {
        // Dropped inside another runtime, it must not wait for its threads; it has none.
        second.shutdown_background();
    }
    Ok(RUNTIME.get().expect("it is set"))
}

/// Has this thread make timers and sockets of the runtime, until the guard is dropped.
pub(super) fn inside() -> io::Result<impl Sized> {
    Ok(runtime()?.enter())
}

/// Runs a future to its end. A thread that belongs to another runtime may not do so itself, so a
/// thread is borrowed there: the calls of this client block, wherever they are made.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> T {
    let runtime = runtime().expect("each client has made sure that there is one");
    // It stays here: each function that it is handed through would have a copy on the thread's stack.
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
