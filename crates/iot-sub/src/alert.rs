//! Alerts: watches what is received, and reports what begins and what is over.
//!
//! iot-alert decides. A change is written to a file of its own before the reading that caused it is
//! committed, so it is neither forgotten nor decided twice. One thread for each destination
//! delivers reports from that file, oldest first.

mod alert_topic;
mod alerts;
mod courier;
mod coverage;
mod delivery;
mod discovery;
mod exec;
mod history;
mod known;
mod lines;
mod mqtt;
mod plan;
mod source;
mod start;
mod url;
mod url_format;

pub(crate) use alert_topic::AlertTopic;
pub(crate) use alerts::{Alerts, Origin};
pub(crate) use plan::{AlertPlan, Exec};
pub(crate) use start::start;
pub(crate) use url::parse_url;
pub(crate) use url_format::UrlFormat;
