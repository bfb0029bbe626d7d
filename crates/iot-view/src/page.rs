//! `page`: the stored readings in a browser, and those that arrive.

mod live;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use iot_cli::{Origins, Signals, listen_reason, notify, wait_for_clock};
use iot_page::{
    Broker, DEFAULT_ADDRESS, Health, OpenReader, Page, PageConfig, Sources, Status, StoreState,
};

use crate::args::PageCommand;
use crate::open::open;
use crate::page::live::Receiving;

/// Serves the page until a signal comes.
pub(crate) fn run(args: &PageCommand, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    // The headers of its answers cannot name a time before 1970.
    wait_for_clock("iot-view");
    let address = args.address.unwrap_or(DEFAULT_ADDRESS);
    let access = args.access.access(address, "the address", origins)?;
    let broker = args.broker.config(origins)?;
    // A store that cannot be read is an error at once, not in the browser.
    let name = open(&args.store)?.name().to_owned();
    let receiving = broker
        .map(|broker| Receiving::start(broker, &args.topic))
        .transpose()?;
    let config = PageConfig {
        address,
        password: access.password,
        hosts: access.hosts,
    };
    let sources = Sources {
        live: receiving.as_ref().map(|receiving| receiving.live.clone()),
        store: Some(opener(args)?),
        status: Arc::new(State { name, receiving }),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let code = runtime.block_on(serve(config, sources))?;
    runtime.shutdown_background();
    Ok(code)
}

async fn serve(config: PageConfig, sources: Sources) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let address = config.address;
    let is_open = config.password.is_some() && !address.ip().is_loopback();
    let page = Page::bind(config, sources)
        .await
        .map_err(|error| anyhow!(listen_reason(&error)))
        .with_context(|| format!("cannot listen on `{address}`"))?;
    notify(
        "iot-view",
        &format!("the page is at http://{}/", page.address()),
    );
    if is_open {
        notify(
            "iot-view",
            "HTTP does not encrypt the page or its password: put a reverse proxy with TLS before it \
             in a network that you do not trust",
        );
    }
    tokio::select! {
        () = page.serve() => {}
        () = signals.next() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns what opens the store.
fn opener(args: &PageCommand) -> Result<Arc<OpenReader>> {
    let url = args.store.text()?;
    let collection = args.store.collection.clone();
    Ok(Arc::new(move || iot_store::read::open(&url, &collection)))
}

struct State {
    name: String,
    receiving: Option<Receiving>,
}

impl Status for State {
    fn health(&self) -> Health {
        let receiving = self.receiving.as_ref();
        let connected = receiving.is_some_and(|receiving| receiving.client.is_connected());
        Health {
            program: concat!("iot-view ", env!("CARGO_PKG_VERSION")).to_owned(),
            broker: receiving.map(|receiving| Broker {
                address: receiving.address.clone(),
                connected,
                ..Broker::default()
            }),
            store: Some(StoreState {
                name: self.name.clone(),
                up: None,
            }),
            waits_for: (receiving.is_some() && !connected)
                .then(|| "there is no connection to the broker".to_owned()),
            ..Health::default()
        }
    }
}
