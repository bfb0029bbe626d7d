//! Server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use futures_util::stream;

use super::streams::OpenStream;
use crate::live::Subscription;

/// Returns a response that goes on until the browser or the program ends, or `open` says so.
pub(super) fn respond(subscription: Subscription, open: OpenStream) -> Response<Body> {
    let events = stream::unfold((subscription, open), async |(mut subscription, open)| {
        let event = tokio::select! {
            () = open.ended() => None,
            event = subscription.next() => event,
        };
        Some((Ok::<_, Infallible>(event?), (subscription, open)))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .header(CACHE_CONTROL, "no-store")
        // A reverse proxy such as nginx passes each event on at once.
        .header("x-accel-buffering", "no")
        // A connection whose stream has ended has its place for nothing.
        .header(CONNECTION, "close")
        .body(Body::from_stream(events))
        .unwrap_or_default()
}
