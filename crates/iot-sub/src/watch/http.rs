//! The HTTP server: `/metrics` for Prometheus, `/livez` and `/readyz` for service managers.
//!
//! Slow, endless or malformed requests cost little: few connections, one request each, little
//! memory, short timeouts. A new connection never waits for old ones: when there are too many, the
//! oldest one is closed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use iot_cli::listen_reason;
use iot_page::Hosts;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::prometheus::{self, Format};
use crate::counts::Counts;

/// Limit of open connections. Beyond it the oldest one is closed.
const MAX_CONNECTIONS: usize = 16;
/// Timeout for the head of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout for a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Delay after a failed accept, such as for too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Limit of the memory for the head of a request.
const MAX_HEAD_BYTES: usize = 16 << 10;
const PLAIN: &str = "text/plain; charset=utf-8";

/// Listens on `address`.
///
/// # Errors
/// The address cannot be listened on.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!(listen_reason(&error)))
        .with_context(|| format!("cannot listen on `{address}` for --metrics"))
}

/// Answers requests until the task is dropped.
pub(super) async fn serve(listener: TcpListener, counts: Arc<Counts>) {
    let is_local = listener
        .local_addr()
        .is_ok_and(|address| address.ip().is_loopback());
    // At other addresses, Prometheus may ask by any name.
    let hosts = is_local.then(|| Arc::new(Hosts::new(&[])));
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_RETRY_DELAY).await;
            continue;
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        let connection = tokio::spawn(answer_one(stream, hosts.clone(), Arc::clone(&counts)));
        open.push_back(connection.abort_handle());
    }
}

/// Answers the only request of a connection.
async fn answer_one(stream: TcpStream, hosts: Option<Arc<Hosts>>, counts: Arc<Counts>) {
    let service = service_fn(|request: Request<Incoming>| {
        let accept = request.headers().get(ACCEPT);
        let format = Format::accepted(accept.and_then(|accept| accept.to_str().ok()));
        let response = if is_foreign(hosts.as_deref(), &request) {
            plain(
                StatusCode::FORBIDDEN,
                "this server has no such name (use localhost or its address)",
            )
        } else {
            answer(request.method(), request.uri().path(), format, &counts)
        };
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // A connection that fails is the client's concern.
    let _ = timeout(CONNECTION_TIMEOUT, connection).await;
}

/// Whether a browser asks for another site, which names this address as its own.
fn is_foreign(hosts: Option<&Hosts>, request: &Request<Incoming>) -> bool {
    match (hosts, request.headers().get(HOST)) {
        (Some(hosts), Some(host)) => !host.to_str().is_ok_and(|host| hosts.accepts(host)),
        _ => false,
    }
}

fn answer(method: &Method, path: &str, format: Format, counts: &Counts) -> Response<String> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
        let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
        return response;
    }
    let gauges = &counts.gauges;
    match path {
        "/metrics" => response(
            StatusCode::OK,
            format.content_type(),
            prometheus::render(counts, format),
        ),
        "/livez" => match gauges.stuck() {
            None => plain(StatusCode::OK, "alive"),
            Some(stuck) => plain(StatusCode::SERVICE_UNAVAILABLE, &stuck),
        },
        "/readyz" => match gauges.unready() {
            None => match gauges.refused_filters() {
                0 => plain(StatusCode::OK, "ready"),
                refused => plain(
                    StatusCode::OK,
                    &format!("ready, but the broker refuses {refused} of the subscriptions"),
                ),
            },
            Some(reason) => plain(
                StatusCode::SERVICE_UNAVAILABLE,
                &format!("not ready: {reason}"),
            ),
        },
        _ => plain(
            StatusCode::NOT_FOUND,
            "there are /metrics, /livez and /readyz",
        ),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<String> {
    response(status, PLAIN, format!("{text}\n"))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
