//! Starts alerts for a plan.

#[cfg(feature = "embedded")]
use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use iot_alert::Seen;
use iot_cli::StoreUrl;
use iot_core::ClientConfig;

use super::alerts::{AlertThreads, Alerts};
use super::known::learn;
use super::source::Source;
use crate::args::Plan;
use crate::output::Messages;
use crate::path_suffix::with_suffix;
use crate::session::state_path;
use crate::watch::Gauges;

/// Starts what the plan asks for, and connects it with the plan's intake. `store` is the store's
/// name.
///
/// # Errors
/// The file of alerts cannot be used.
pub(crate) fn start(
    plan: &mut Plan,
    store: &str,
    gauges: &Gauges,
    messages: &Messages,
) -> Result<Option<AlertThreads>> {
    let Some(alerts) = plan.alerts.take() else {
        return Ok(None);
    };
    let path = match (&alerts.file, &plan.store.url) {
        (Some(path), _) => path.clone(),
        (None, StoreUrl::Sqlite(path)) => with_suffix(path, ".alerts"),
        (None, _) => state_path::alerts(&plan.broker(), &plan.config.client_id, store)?,
    };
    let source = Source::new(&plan.store.url, &plan.store.collection);
    let publisher = publisher(plan);
    let seen = seen(plan);
    let threads = Alerts::start(alerts, &path, &publisher, source.clone(), seen, messages)?;
    gauges.set_alerts(threads.numbers());
    if let Some(source) = source {
        tokio::task::block_in_place(|| learn(&threads.alerts(), source, messages));
    }
    plan.intake.alerts = Some(threads.alerts());
    Ok(Some(threads))
}

/// Returns an empty list of messages that may come again after a restart.
fn seen(plan: &Plan) -> Seen {
    // The broker sends up to the receive maximum without an acknowledgement, and after a lost
    // connection all of it again, with what follows.
    let kept = 2 * usize::from(plan.config.receive_maximum);
    #[cfg(feature = "embedded")]
    if plan.embedded.is_some() {
        return Seen::of_clients(kept);
    }
    Seen::new(kept)
}

/// Returns the configuration of the connection that alerts are published over.
fn publisher(plan: &Plan) -> ClientConfig {
    let mut config = ClientConfig {
        clean_session: true,
        session_expiry_interval: None,
        manual_ack: false,
        payload_limit: None,
        will: None,
        ..plan.config.clone()
    };
    if !config.client_id.is_empty() {
        config.client_id.push_str("-alerts");
    }
    #[cfg(feature = "embedded")]
    if let Some(listen) = plan.embedded {
        let ip = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        config.host = ip.to_string();
        config.port = listen.port();
    }
    config
}
