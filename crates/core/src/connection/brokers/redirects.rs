//! Server references: the broker names another one to use (MQTT 5 §4.11).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{BrokerAddress, Transport};
use crate::error::Error;
use crate::reason::ReasonCode;
use crate::url::Authority;

/// How many references are followed, one after the other.
const MAX_HOPS: usize = 4;

/// The references that are followed from one broker of the configuration on.
#[derive(Default)]
pub(super) struct Redirects {
    /// What is to be tried.
    next: VecDeque<BrokerAddress>,
    /// The addresses that were tried, the first one included.
    visited: Vec<String>,
    /// How many references led to the present one.
    hops: usize,
    /// Each of them was “server moved”.
    is_permanent: bool,
    /// Whom the present or last attempt was for, if that is not the broker of the configuration.
    current: Option<BrokerAddress>,
    /// When the present or last attempt was accepted; `None` if it was not.
    accepted_at: Option<Instant>,
}

impl Redirects {
    /// A broker of the configuration is tried, which has this address.
    pub(super) fn start(&mut self, address: String) {
        *self = Self {
            visited: vec![address],
            is_permanent: true,
            ..Self::default()
        };
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Returns the next broker that was referred to.
    pub(super) fn next(&mut self) -> Option<BrokerAddress> {
        let address = self.next.pop_front()?;
        self.visited.push(address.address());
        self.accepted_at = None;
        self.current = Some(address.clone());
        Some(address)
    }

    /// The broker has accepted the connection. Returns it if it has taken the place of the one of
    /// the configuration.
    pub(super) fn accepted(&mut self) -> Option<BrokerAddress> {
        self.next.clear();
        self.accepted_at = Some(Instant::now());
        self.current.clone().filter(|_| self.is_permanent)
    }

    /// Notes the brokers that the error refers to. Those that were tried are left out, and so are
    /// all after some references in a row. `configured` is the broker of the configuration. A
    /// connection that has lasted for `lasting` since the broker accepted it was no mere reference:
    /// the row starts again.
    pub(super) fn follow(
        &mut self,
        error: &Error,
        configured: impl FnOnce() -> Option<BrokerAddress>,
        lasting: Duration,
    ) {
        let Some((reference, moved)) = reference(error) else {
            return;
        };
        let Some(broker) = self.current.clone().or_else(configured) else {
            return;
        };
        if self.accepted_at.is_some_and(|at| at.elapsed() >= lasting) {
            self.hops = 0;
            self.visited = vec![broker.address()];
        }
        if self.hops >= MAX_HOPS {
            tracing::debug!(reference, "too many server references in a row");
            return;
        }
        self.hops += 1;
        self.is_permanent &= moved;
        let visited = &self.visited;
        self.next = { reference.split_ascii_whitespace() }
            .filter_map(|text| referred(text, &broker))
            .filter(|address| !visited.contains(&address.address()))
            .collect();
    }
}

/// Returns the server reference of an error that has one, and whether it says “server moved”.
fn reference(error: &Error) -> Option<(&str, bool)> {
    let (code, properties) = match error {
        Error::Refused {
            code, properties, ..
        } => (code.0, properties),
        Error::ServerDisconnect {
            reason, properties, ..
        } => (reason.0, properties),
        _ => return None,
    };
    let moved = code == ReasonCode::SERVER_MOVED.0;
    let is_reference = moved || code == ReasonCode::USE_ANOTHER_SERVER.0;
    let reference = properties.as_ref()?.server_reference.as_deref()?;
    is_reference.then_some((reference, moved))
}

/// Returns the broker of `HOST` or `HOST:PORT`, which is reached as the one that refers to it.
fn referred(text: &str, from: &BrokerAddress) -> Option<BrokerAddress> {
    // Not as a URL's: a `%` means nothing here, and there is no user.
    let authority = Authority::parse(text).ok();
    let Some(authority) = authority.filter(|it| it.username.is_none() && !text.contains('%'))
    else {
        tracing::debug!(text, "this server reference is not HOST or HOST:PORT");
        return None;
    };
    #[cfg(unix)]
    let is_local = from.transport.path().is_some();
    #[cfg(not(unix))]
    let is_local = false;
    Some(BrokerAddress {
        host: authority.host,
        port: authority.port.unwrap_or(from.port),
        transport: if is_local {
            Transport::Tcp
        } else {
            from.transport.clone()
        },
        #[cfg(feature = "tls")]
        tls: from.tls.clone(),
    })
}
