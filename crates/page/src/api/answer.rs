//! Answers as JSON.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Response, StatusCode};
use iot_store::read::ReadError;
use serde::Serialize;

/// Returns an answer, or why there is none.
pub(super) fn json(answer: Result<impl Serialize, ReadError>) -> Response<Body> {
    match answer {
        Ok(answer) => respond(StatusCode::OK, &answer),
        Err(error) => {
            let status = match error {
                ReadError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            refusal(status, &error.to_string())
        }
    }
}

/// Returns why there is no answer, in one line.
pub(super) fn refusal(status: StatusCode, line: &str) -> Response<Body> {
    #[derive(Serialize)]
    struct Refusal<'a> {
        error: &'a str,
    }
    respond(status, &Refusal { error: line })
}

fn respond(status: StatusCode, answer: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(answer).unwrap_or_default();
    Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(Body::from(body))
        .unwrap_or_default()
}
