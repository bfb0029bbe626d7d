//! What the page asks for: its files, and data as JSON and server-sent events.

mod alerts;
mod answer;
mod buckets;
mod events;
mod export;
mod parameters;
mod rejections;
mod series;
mod streams;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Extension, Router};

use self::answer::{json, refusal};
use self::parameters::{Pairs, Parameters};
use self::streams::EventStreams;
pub(crate) use self::streams::Peer;
use crate::assets;
use crate::health::Status;
use crate::live::Live;
use crate::queries::{Kind, Queries};
use crate::sources::Sources;

/// What requests are answered from.
#[derive(Clone)]
struct App {
    live: Live,
    queries: Option<Arc<Queries>>,
    status: Arc<dyn Status>,
    streams: EventStreams,
}

/// Returns the routes.
pub(crate) fn router(sources: Sources, live: Live) -> Router {
    let app = App {
        live,
        queries: sources.store.map(|open| Arc::new(Queries::new(open))),
        status: sources.status,
        streams: EventStreams::default(),
    };
    Router::new()
        .route("/api/events", get(events))
        .route("/api/series", get(series))
        .route("/api/buckets", get(buckets))
        .route("/api/export.csv", get(export))
        .route("/api/rejections", get(rejections))
        .route("/api/alerts", get(alerts))
        .fallback(file)
        .with_state(app)
}

async fn events(State(app): State<App>, Extension(peer): Extension<Peer>) -> Response<Body> {
    events::respond(app.live.subscribe(&*app.status), app.streams.add(peer))
}

async fn series(State(app): State<App>) -> Response<Body> {
    let Some(queries) = app.queries else {
        return nothing_is_stored();
    };
    json(queries.ask(Kind::Question, series::find).await)
}

async fn buckets(State(app): State<App>, Query(pairs): Query<Pairs>) -> Response<Body> {
    let Some(queries) = app.queries else {
        return nothing_is_stored();
    };
    match Parameters::read(pairs) {
        Ok(parameters) => {
            let find =
                move |reader: &mut dyn iot_store::read::Reader| buckets::find(reader, &parameters);
            json(queries.ask(Kind::Question, find).await)
        }
        Err(line) => refusal(StatusCode::BAD_REQUEST, &line),
    }
}

async fn export(State(app): State<App>, Query(pairs): Query<Pairs>) -> Response<Body> {
    let Some(queries) = app.queries else {
        return nothing_is_stored();
    };
    match Parameters::read(pairs) {
        Ok(parameters) => export::respond(&queries, parameters),
        Err(line) => refusal(StatusCode::BAD_REQUEST, &line),
    }
}

async fn rejections(State(app): State<App>) -> Response<Body> {
    let Some(queries) = app.queries else {
        return nothing_is_stored();
    };
    json(queries.ask(Kind::Question, rejections::find).await)
}

async fn alerts(State(app): State<App>) -> Response<Body> {
    let Some(queries) = app.queries else {
        return nothing_is_stored();
    };
    json(queries.ask(Kind::Question, alerts::find).await)
}

fn nothing_is_stored() -> Response<Body> {
    refusal(StatusCode::NOT_FOUND, "nothing is stored")
}

async fn file(request: Request) -> Response<Body> {
    assets::respond(request.uri().path(), request.headers())
        .unwrap_or_else(|| (StatusCode::NOT_FOUND, "there is no such file\n").into_response())
}
