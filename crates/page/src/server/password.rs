//! The password of the page, by HTTP Basic authentication (RFC 7617). The user name is not checked.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// What is asked for.
pub(super) const CHALLENGE: &str = r#"Basic realm="iot", charset="UTF-8""#;

/// A password, as its hash: comparing hashes takes the same time for each wrong password.
pub(super) struct Password([u8; 32]);

impl Password {
    pub(super) fn new(password: &str) -> Self {
        Self(Sha256::digest(password).into())
    }

    /// Whether the request has this password.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        given(headers).is_some_and(|given| {
            let given: [u8; 32] = Sha256::digest(given).into();
            let differing = given
                .iter()
                .zip(&self.0)
                .fold(0, |sum, (a, b)| sum | (a ^ b));
            differing == 0
        })
    }
}

fn given(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut credentials = STANDARD.decode(credentials.trim()).ok()?;
    let colon = credentials.iter().position(|byte| *byte == b':')?;
    Some(credentials.split_off(colon + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_checked_and_the_user_name_is_not() {
        let password = Password::new("gehei:m");
        let is_in = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().unwrap());
            password.is_in(&headers)
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(is_in(&basic("ada:gehei:m")));
        assert!(is_in(&basic(":gehei:m").replace("Basic", "basic")));
        for wrong in ["ada:", "ada:gehei", "gehei:m", "ada:gehei:m ", ""] {
            assert!(!is_in(&basic(wrong)), "{wrong}");
        }
        assert!(!is_in("Bearer gehei:m"));
        assert!(!is_in("Basic ***"));
        assert!(!password.is_in(&HeaderMap::new()));
    }
}
