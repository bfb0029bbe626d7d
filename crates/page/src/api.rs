//! What the page asks for: its files, and data as JSON and server-sent events.

mod events;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::assets;
use crate::health::Status;
use crate::live::Live;
use crate::sources::Sources;

/// What requests are answered from.
#[derive(Clone)]
struct App {
    live: Live,
    status: Arc<dyn Status>,
}

/// Returns the routes.
pub(crate) fn router(sources: Sources, live: Live) -> Router {
    let app = App {
        live,
        status: sources.status,
    };
    Router::new()
        .route("/api/events", get(events))
        .fallback(file)
        .with_state(app)
}

async fn events(State(app): State<App>) -> Response<Body> {
    events::respond(app.live.subscribe(&*app.status))
}

async fn file(request: Request) -> Response<Body> {
    assets::respond(request.uri().path(), request.headers())
        .unwrap_or_else(|| (StatusCode::NOT_FOUND, "there is no such file\n").into_response())
}
