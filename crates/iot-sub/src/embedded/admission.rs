//! Admits only the gateway's own connections to the inner broker. It would acknowledge a message
//! from any other connection without storing it.

use std::collections::HashSet;
use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt5::broker::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;

/// The local addresses of the gateway's connections.
#[derive(Debug, Default)]
pub(super) struct Admission {
    own: Mutex<HashSet<SocketAddr>>,
}

/// Admits one address while this value lives.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    address: SocketAddr,
}

impl Admission {
    fn lock(&self) -> MutexGuard<'_, HashSet<SocketAddr>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits the connection from this address.
    pub(super) fn admit(self: &Arc<Self>, address: SocketAddr) -> Admitted {
        self.lock().insert(address);
        Admitted {
            admission: Arc::clone(self),
            address,
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.lock().remove(&self.address);
    }
}

type Response<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Admission {
    fn authenticate<'a>(
        &'a self,
        _connect: &'a ConnectPacket,
        client: SocketAddr,
    ) -> Response<'a, mqtt5::Result<AuthResult>> {
        let result = if self.lock().contains(&client) {
            AuthResult::success()
        } else {
            AuthResult::fail(ReasonCode::NotAuthorized)
        };
        Box::pin(ready(Ok(result)))
    }

    /// Topics that begin with `$` are the broker's own (MQTT 3.1.1 §4.7.2).
    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        topic: &'a str,
    ) -> Response<'a, bool> {
        Box::pin(ready(!topic.starts_with('$')))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user_id: Option<&'a str>,
        _filter: &'a str,
    ) -> Response<'a, bool> {
        Box::pin(ready(true))
    }
}
