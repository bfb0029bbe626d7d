//! `--alert-url`: posts each report to a URL.

use std::time::Duration;

use iot_alert::Event;
use ureq::Agent;

use super::delivery::{Delivery, Undelivered};
use super::url_format::UrlFormat;

/// Limit of one request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Returns an address that reports can be posted to.
///
/// # Errors
/// It has another scheme, or no host.
pub(crate) fn parse_url(text: &str) -> Result<String, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(text.to_owned()),
        _ => Err("it begins with http:// or https:// and a host".into()),
    }
}

/// Posts reports.
pub(super) struct Url {
    agent: Agent,
    address: String,
    format: UrlFormat,
}

impl Url {
    pub(super) fn new(url: String, format: UrlFormat) -> Self {
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            address: url,
            format,
        }
    }
}

impl Delivery for Url {
    fn name(&self) -> String {
        // The path of a webhook is a secret.
        let rest = self
            .address
            .split_once("://")
            .map_or(&*self.address, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        format!("`{host}`")
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        let request = self.format.request(event);
        let mut call = self
            .agent
            .post(&self.address)
            .header("Content-Type", request.content_type);
        for (name, value) in request.headers {
            call = call.header(name, value);
        }
        let response = call
            .send(request.body)
            .map_err(|error| Undelivered::Later(error.to_string()))?;
        let status = response.status();
        let reason = || format!("it answers with status {}", status.as_u16());
        match status.as_u16() {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500.. => Err(Undelivered::Later(reason())),
            _ => Err(Undelivered::Never(reason())),
        }
    }
}
