//! `--forget`: removes a session at the broker and on this machine.
//!
//! The broker discards the messages that it has queued for the session. Entries in the spool were
//! acknowledged, so they stay there for the next run. The store need not be reachable, and no file
//! is created.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use iot_cli::{Notices, Signals, StoreUrl};
use iot_core::{
    ClientConfig, Connection, DisconnectRequest, Event, Properties, Protocol, ReasonCode,
};
use iot_store::sqlite::SqliteStore;
use iot_store::sqlite::held::{Change, SessionChange, SessionKey};

use crate::args::Plan;
use crate::output::Messages;
use crate::session::durable::Durable;
use crate::session::protocol_fallback::fall_back;
use crate::session::saved_session::SavedSession;
use crate::session::state_path;
use crate::spool::spool_file::{Content, Spool};

/// Removes the session at the broker and its files here.
///
/// # Errors
/// There is no session, another process uses it, or the broker is away or refuses the connection.
/// Then its files are unchanged.
pub(crate) async fn forget(
    plan: Plan,
    durable: &Durable,
    signals: &mut Signals,
    messages: &Messages,
) -> Result<()> {
    let broker = plan.broker();
    let store = match &plan.store.url {
        StoreUrl::Nowhere => "none".to_owned(),
        StoreUrl::Sqlite(path) => path.display().to_string(),
        StoreUrl::MongoDb(url) => mongodb_name(url, &plan.store.collection)?,
    };
    let given = durable.client_id.as_deref();
    let state = SavedSession::open(
        &broker,
        given,
        &store,
        &plan.config.client_id,
        "end it first",
    )?;
    if state.is_new() && given.is_none() {
        bail!("there is no session to forget at broker `{broker}`");
    }
    let config = ClientConfig {
        client_id: state.client_id().to_owned(),
        ..plan.config.clone()
    };
    tokio::select! {
        ended = end(config, durable) => ended.context("the session is not forgotten")?,
        () = signals.next() => bail!("the session is not forgotten: it was interrupted"),
    }
    let key = SessionKey {
        broker: broker.clone(),
        client_id: state.client_id().to_owned(),
    };
    let kept = release(&plan, &store, &key, messages);
    state.remove()?;
    messages.report(&format_args!(
        "the session of client identifier `{}` at broker `{broker}` is forgotten",
        key.client_id
    ));
    match kept
        .context("cannot remove the packet identifiers of messages with QoS 2 (they do no harm)")
    {
        Ok(Some((count, spool))) if count > 0 => messages.report(&format_args!(
            "messages in the spool `{spool}`: {count} (the next run delivers them)"
        )),
        Ok(_) => {}
        Err(error) => messages.report(&format_args!("{error:#}")),
    }
    Ok(())
}

/// Returns the name of a collection in messages and files.
#[cfg(feature = "mongodb")]
fn mongodb_name(url: &str, collection: &str) -> Result<String> {
    iot_store::mongodb::name(url, collection)
}

#[cfg(not(feature = "mongodb"))]
fn mongodb_name(_: &str, _: &str) -> Result<String> {
    bail!(crate::args::WITHOUT_MONGODB)
}

/// Starts a new session that ends with the connection, which replaces the old one, and disconnects.
async fn end(config: ClientConfig, durable: &Durable) -> Result<()> {
    let mut connection = Connection::new(ClientConfig {
        clean_session: true,
        session_expiry_interval: None,
        will: None,
        ..config
    })?;
    let handle = connection.handle();
    let mut notices = Notices::new(connection.config());
    let mut ended = false;
    while let Some(event) = connection.next().await {
        notices.line(&event, || handle.broker());
        match event {
            Event::Connected(_) => {
                ended = true;
                let at_once = Properties {
                    session_expiry_interval: Some(0),
                    ..Properties::default()
                };
                let request = DisconnectRequest::from(ReasonCode::SUCCESS);
                handle.disconnect(request.with_properties(at_once))?;
            }
            Event::Disconnected(Err(error)) if !ended => {
                let protocol = connection.config().protocol;
                match fall_back(protocol, &error) {
                    Some(next) if durable.falls_back && next != Protocol::V5 => {
                        connection.set_protocol(next)?;
                    }
                    _ if handle.tries_another_broker() => {}
                    _ => return Err(notices.failure(error)),
                }
            }
            Event::ConnectFailed(error) if !handle.tries_another_broker() => {
                return Err(notices.failure(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes the session's packet identifiers from the file that readings are committed to, if there
/// is one. Returns the number of readings in a spool, and the spool's name.
fn release(
    plan: &Plan,
    store: &str,
    key: &SessionKey,
    messages: &Messages,
) -> Result<Option<(u64, String)>> {
    let none = [SessionChange {
        session: Arc::new(key.clone()),
        change: Change::Forget,
    }];
    if let StoreUrl::Sqlite(path) = &plan.store.url
        && path.exists()
    {
        let mut file = SqliteStore::open_reporting(path, &[], &|line| messages.report(&line))?;
        file.commit_with(&[], &none)?;
        return Ok(None);
    }
    let Some(spool) = &plan.store.spool else {
        return Ok(None);
    };
    let path: PathBuf = match &spool.path {
        Some(path) => path.clone(),
        None => state_path::spool(&plan.broker(), &spool.client_id, store)?,
    };
    if !path.exists() {
        return Ok(None);
    }
    let mut spool = Spool::open(&path, "end it first", &|line| messages.report(&line))?;
    let content = Content {
        changes: &none,
        ..Content::default()
    };
    spool.commit_with(content, 0)?;
    Ok(Some((spool.len(), spool.name())))
}
