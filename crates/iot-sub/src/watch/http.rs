//! Answers HTTP: `/metrics` for Prometheus, `/livez` and `/readyz` for who starts and restarts programs.
//!
//! Whoever asks slowly, much or nonsense costs little: few connections, one request each, little memory, short times.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use iot_core::cli::io_reason;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::prometheus;
use crate::counts::Counts;

/// Connections at a time; others wait.
const CONNECTIONS: usize = 16;
/// How long a request may take to arrive, and all together.
const REQUEST: Duration = Duration::from_secs(2);
const CONNECTION: Duration = Duration::from_secs(5);
/// Most memory for a request's head.
const HEAD: usize = 16 << 10;
const PLAIN: &str = "text/plain; charset=utf-8";

/// Listens on `address`.
///
/// # Errors
/// The system's, with the address.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!(io_reason(&error)))
        .with_context(|| format!("cannot listen on `{address}` for --metrics"))
}

/// Answers for ever.
pub(super) async fn serve(listener: TcpListener, counts: Arc<Counts>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files: others will be closed.
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        let counts = Arc::clone(&counts);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = answer(request.method(), request.uri().path(), &counts);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST)
                .max_buf_size(HEAD)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // How it ends is the other side's concern.
            let _ = timeout(CONNECTION, connection).await;
            drop(place);
        });
    }
}

fn answer(method: &Method, path: &str, counts: &Counts) -> Response<String> {
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
            prometheus::CONTENT_TYPE,
            prometheus::render(counts),
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
