//! What each request has to pass, and the headers of each response.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderName,
    REFERRER_POLICY, TRANSFER_ENCODING, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use axum::middleware::Next;
use tokio::time::sleep;

use super::hosts::Hosts;
use super::password::{CHALLENGE, Password};

/// Delay of the answer to a wrong password.
const WRONG_PASSWORD_DELAY: Duration = Duration::from_millis(500);

/// Scripts and styles are files of this server; nothing else is loaded, and no text becomes HTML.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The conditions of a request.
pub(super) struct Guard {
    pub(super) hosts: Hosts,
    pub(super) password: Option<Password>,
}

/// Passes an allowed request on, and sets the headers of the response.
pub(super) async fn check(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut response = match guard.refusal(&head).await {
        Some(refusal) => refusal,
        None => next.run(Request::from_parts(head, body)).await,
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

impl Guard {
    async fn refusal(&self, request: &Parts) -> Option<Response<Body>> {
        let headers = &request.headers;
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        if !host.is_some_and(|host| self.hosts.accepts(host)) {
            return Some(plain(
                StatusCode::MISDIRECTED_REQUEST,
                "this page does not have that name; --page-host adds a name",
            ));
        }
        if !matches!(request.method, Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return Some(response);
        }
        if has_body(headers) {
            return Some(plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "only requests without a body",
            ));
        }
        if is_from_another_site(headers) && request.uri.path().starts_with("/api") {
            return Some(plain(StatusCode::FORBIDDEN, "only this page may ask"));
        }
        let password = self.password.as_ref()?;
        if password.is_in(headers) {
            return None;
        }
        if headers.contains_key("authorization") {
            sleep(WRONG_PASSWORD_DELAY).await;
        }
        let mut response = plain(StatusCode::UNAUTHORIZED, "the page has a password");
        let challenge = HeaderValue::from_static(CHALLENGE);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        Some(response)
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH);
    headers.contains_key(TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// Another site's page may make a browser ask, though it cannot read the answer.
fn is_from_another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site")
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
