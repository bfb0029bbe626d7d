//! Server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use futures_util::stream;

use crate::live::Subscription;

/// Returns a response that goes on until the browser or the program ends.
pub(super) fn respond(subscription: Subscription) -> Response<Body> {
    let events = stream::unfold(subscription, async |mut subscription| {
        let event = subscription.next().await?;
        Some((Ok::<_, Infallible>(event), subscription))
    });
    Response::builder()
        .header(CONTENT_TYPE, "text/event-stream")
        .header(CACHE_CONTROL, "no-store")
        // A reverse proxy such as nginx passes each event on at once.
        .header("x-accel-buffering", "no")
        .body(Body::from_stream(events))
        .unwrap_or_default()
}
