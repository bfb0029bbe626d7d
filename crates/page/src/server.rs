//! Listens, limits connections, and passes requests on.

mod guard;
mod hosts;
mod password;
mod silent;
mod stall;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use self::guard::Guard;
pub use self::hosts::Hosts;
use self::password::Password;
use self::silent::{HasAsked, SilentConnections};
use self::stall::StallTimeout;
use crate::api::{self, Peer};
use crate::health::Status;
use crate::live::Live;
use crate::sources::Sources;

/// Where the page is unless another address is given.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8188));

/// Limit of open connections. A further one takes the place of the oldest one that has not sent a
/// request, or waits.
const MAX_CONNECTIONS: usize = 256;
/// Timeout for the head of a request, and for an idle connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Limit of the memory for the head of a request.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// A connection to which nothing could be written for this time is closed.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Delay after a failed accept, such as for too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Where the page is, and what a browser needs to see it.
#[derive(Clone, Debug)]
pub struct PageConfig {
    /// Where it listens; port 0 uses a free port.
    pub address: SocketAddr,
    /// What browsers have to give, with any user name.
    pub password: Option<String>,
    /// Names of this machine in the page's address, beside `localhost`, the machine's own name and
    /// all addresses.
    pub hosts: Vec<String>,
}

/// A page that listens.
pub struct Page {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    live: Live,
    status: Arc<dyn Status>,
}

impl Page {
    /// Listens. Connections wait until [`serve`](Self::serve) is called.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn bind(config: PageConfig, sources: Sources) -> io::Result<Self> {
        let listener = TcpListener::bind(config.address).await?;
        let address = listener.local_addr()?;
        let guard = Guard {
            hosts: Hosts::new(&config.hosts),
            password: config.password.map(|password| Password::new(&password)),
        };
        let live = sources.live.clone().unwrap_or_default();
        let status = Arc::clone(&sources.status);
        let guarded = middleware::from_fn_with_state(Arc::new(guard), guard::check);
        let router = api::router(sources, live.clone()).layer(guarded);
        Ok(Self {
            listener,
            address,
            router,
            live,
            status,
        })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until it is dropped.
    pub async fn serve(self) {
        tokio::select! {
            () = self.live.broadcast(&*self.status) => {}
            () = accept(self.listener, self.router) => {}
        }
    }
}

async fn accept(listener: TcpListener, router: Router) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Connections end with this task.
    let mut open = tokio::task::JoinSet::new();
    let mut silent = SilentConnections::default();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        if room.available_permits() == 0 {
            silent.end_oldest();
        }
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let has_asked = HasAsked::default();
        let connection = Connection {
            stream,
            peer: Peer(peer.ip()),
            has_asked: has_asked.clone(),
            _permit: permit,
        };
        let task = open.spawn(connection.answer(router.clone()));
        silent.add(has_asked, task);
        while open.try_join_next().is_some() {}
    }
}

/// A connection that is open.
struct Connection {
    stream: TcpStream,
    peer: Peer,
    has_asked: HasAsked,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    /// Answers its requests.
    async fn answer(self, router: Router) {
        let _ = self.stream.set_nodelay(true);
        let (peer, has_asked) = (self.peer, self.has_asked);
        let router = TowerToHyperService::new(router);
        let service = service_fn(move |mut request: Request<Incoming>| {
            has_asked.set();
            request.extensions_mut().insert(peer);
            router.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(
                TokioIo::new(StallTimeout::new(self.stream, STALL_TIMEOUT)),
                service,
            );
        // A connection that fails is the browser's concern.
        let _ = connection.await;
    }
}

#[cfg(test)]
mod tests;
