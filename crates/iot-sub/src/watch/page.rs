//! The page in the browser: starts it, and gives it the state of the run.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use iot_cli::{StoreUrl, listen_reason};
use iot_page::{
    Broker, Commits, Health, OpenReader, Page, PageConfig, Sources, Spool, Status, StoreState,
};
use iot_store::read;
use tokio::task::JoinHandle;

use super::gauges::StoreMode;
use crate::args::Plan;
use crate::counts::Counts;
use crate::output::Messages;

/// Starts the page of this plan, if there is one. It ends with the program.
///
/// # Errors
/// The address cannot be listened on.
pub(crate) async fn start(
    plan: &Plan,
    counts: &Arc<Counts>,
    messages: &Messages,
) -> Result<Option<JoinHandle<()>>> {
    let Some(config) = plan.page.clone() else {
        return Ok(None);
    };
    let state = State {
        counts: Arc::clone(counts),
        broker: plan.broker(),
        is_embedded: is_embedded(plan),
        store: store_name(&plan.store.url),
    };
    let sources = Sources {
        live: counts.live.clone(),
        store: open_reader(plan),
        status: Arc::new(state),
    };
    let (address, has_password) = (config.address, config.password.is_some());
    let page = listen(config, sources).await?;
    messages.report(&format_args!("the page is at http://{}/", page.address()));
    if has_password && !address.ip().is_loopback() {
        messages.report(
            &"HTTP does not encrypt the page or its password: put a reverse proxy with TLS before it \
              in a network that you do not trust",
        );
    }
    Ok(Some(tokio::spawn(page.serve())))
}

async fn listen(config: PageConfig, sources: Sources) -> Result<Page> {
    let address = config.address;
    Page::bind(config, sources)
        .await
        .map_err(|error| anyhow!(listen_reason(&error)))
        .with_context(|| format!("cannot listen on `{address}` for --page"))
}

fn is_embedded(plan: &Plan) -> bool {
    #[cfg(feature = "embedded")]
    return plan.embedded.is_some();
    #[cfg(not(feature = "embedded"))]
    return {
        let _ = plan;
        false
    };
}

/// Returns what opens the store for reading, if there is one.
fn open_reader(plan: &Plan) -> Option<Arc<OpenReader>> {
    let url = match &plan.store.url {
        StoreUrl::Nowhere => return None,
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::MongoDb(url) => url.clone(),
    };
    let collection = plan.store.collection.clone();
    Some(Arc::new(move || read::open(&url, &collection)))
}

/// Returns the store's name without user, password and options.
fn store_name(url: &StoreUrl) -> Option<String> {
    match url {
        StoreUrl::Nowhere => None,
        StoreUrl::Sqlite(path) => Some(path.display().to_string()),
        StoreUrl::MongoDb(url) => {
            let url = url.split('?').next().unwrap_or_default();
            let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            Some(format!("mongodb://{rest}"))
        }
    }
}

/// The state of the run.
struct State {
    counts: Arc<Counts>,
    broker: String,
    is_embedded: bool,
    store: Option<String>,
}

impl Status for State {
    fn health(&self) -> Health {
        let gauges = &self.counts.gauges;
        let stores = gauges.store_mode() != StoreMode::Nowhere;
        let is_spooled = gauges.store_mode() == StoreMode::Spooled;
        Health {
            program: concat!("iot-sub ", env!("CARGO_PKG_VERSION")).to_owned(),
            messages: Some(self.messages()),
            broker: Some(Broker {
                address: self.broker.clone(),
                embedded: self.is_embedded,
                connected: gauges.is_connected(),
                reconnects: gauges.connections().saturating_sub(1),
                refused_filters: gauges.refused_filters(),
            }),
            store: self.store.clone().map(|name| StoreState {
                name,
                up: Some(gauges.is_store_up()),
            }),
            spool: is_spooled.then(|| self.spool()),
            commits: stores.then(|| self.commits()),
            waits_for: gauges.unready().map(str::to_owned),
            stuck: gauges.stuck(),
        }
    }
}

impl State {
    fn messages(&self) -> iot_page::Messages {
        let totals = self.counts.totals();
        iot_page::Messages {
            received: totals.received,
            found: totals.found,
            stored: totals.stored,
            duplicates: totals.duplicates,
            rejected: totals.rejected,
            skipped: totals.skipped,
            spooled: totals.spooled,
            in_flight: totals.in_flight,
        }
    }

    fn spool(&self) -> Spool {
        let gauges = &self.counts.gauges;
        let (bytes, limit_bytes) = gauges.spool_bytes();
        Spool {
            bytes,
            limit_bytes,
            full: gauges.is_spool_full(),
            oldest_seconds: gauges.age_of_oldest().as_ref().map(Duration::as_secs),
            failed_deliveries: gauges.failed_deliveries(),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "what is lost is below what is shown"
    )]
    fn commits(&self) -> Commits {
        let (_, count, microseconds) = self.counts.gauges.commit_time.snapshot();
        Commits {
            count,
            mean_seconds: microseconds as f64 / 1e6 / count.max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_s_name_has_no_password_and_no_options() {
        let name = |url: &str| store_name(&url.parse().unwrap());
        assert_eq!(name("none"), None);
        assert_eq!(name("sqlite:iot.db").as_deref(), Some("iot.db"));
        assert_eq!(
            name("mongodb://ada:p%40ss@h1,h2/home?replicaSet=rs").as_deref(),
            Some("mongodb://h1,h2/home")
        );
    }
}
