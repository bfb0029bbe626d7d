//! A session that outlives this process: who we are to the broker, and what we have subscribed to.
//!
//! Both are kept in a small file beside the spools, one for each broker and client id; where no client id is given, one for each
//! broker and store, with the id that was drawn at random once. A lock beside it keeps a second process on this machine from
//! taking the session over.
//!
//! The file says whether its filters are certain: not from before each CONNECT until all that was asked for is answered. Who
//! dies in between may leave a session that the broker has begun anew, or with other subscriptions; the next run subscribes to
//! everything.
//!
//! So on a full disk there is no connection until the file says “uncertain”. From then on it may stay as it is, whatever
//! becomes of the session; it is written when there is room.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use iot_cli::io_reason;
use iot_core::{Error, Protocol, QoS, Subscription, TopicFilter};
use serde_json::{Value, json};

use crate::file_lock::Lock;
use crate::session::state_path;

/// What `--durable` asks for beyond a session that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The client id that was given.
    pub(crate) client_id: Option<String>,
    /// MQTT 3.1.1 does as well where the broker doesn't take MQTT 5.
    pub(crate) falls_back: bool,
    /// The session is to be ended.
    pub(crate) forget: bool,
}

/// The file, open; nobody else has it open.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing of its own about the file"
)]
pub(crate) struct State {
    path: PathBuf,
    client_id: String,
    /// Topic filters and their QoS that the session has.
    filters: Vec<(String, u8)>,
    /// The filters are the session's.
    certain: bool,
    /// The file says that they are, or there is none.
    must_doubt: bool,
    /// What is to be written once there is room.
    unwritten: bool,
    /// The answer to SUBSCRIBE is under way.
    subscribing: bool,
    /// The answer to UNSUBSCRIBE is under way.
    unsubscribing: bool,
    /// There was no file.
    is_new: bool,
    /// Another version of the protocol does as well, as long as there was no connection.
    pub(crate) falls_back: bool,
    _lock: Lock,
}

impl State {
    /// Opens the file of the session at `broker`; in a new one the client id is `random`, unless one is given. `advice` is for
    /// who finds that another process uses it.
    ///
    /// # Errors
    /// Another process uses it, or it can't be read.
    pub(crate) fn open(
        broker: &str,
        given: Option<&str>,
        store: &str,
        random: &str,
        advice: &str,
    ) -> Result<Self> {
        let path = match given {
            Some(client_id) => state_path::session(broker, client_id, "")?,
            None => state_path::session(broker, "", store)?,
        };
        Self::open_at(&path, given.unwrap_or(random), advice)
            .with_context(|| format!("cannot use session `{}`", path.display()))
    }

    fn open_at(path: &Path, client_id: &str, advice: &str) -> Result<Self> {
        let lock = Lock::take(path, advice)?;
        let mut state = Self {
            path: path.to_owned(),
            client_id: client_id.to_owned(),
            filters: Vec::new(),
            certain: false,
            must_doubt: true,
            unwritten: false,
            subscribing: false,
            unsubscribing: false,
            is_new: true,
            falls_back: false,
            _lock: lock,
        };
        let text = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(state),
            Err(error) => return Err(anyhow!(io_reason(&error))),
            Ok(text) => text,
        };
        let known = "it is not one of iot-sub's, or damaged (remove it to begin anew)";
        let value: Value = serde_json::from_slice(&text).context(known)?;
        let client_id = value["client_id"].as_str().context(known)?;
        client_id.clone_into(&mut state.client_id);
        let filters = value["filters"].as_array().into_iter().flatten();
        state.filters = filters
            .filter_map(|pair| {
                let qos = u8::try_from(pair[1].as_u64()?).ok()?;
                Some((pair[0].as_str()?.to_owned(), qos))
            })
            .collect();
        state.certain = value["certain"] == true;
        state.must_doubt = state.certain;
        state.is_new = false;
        Ok(state)
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Whether there was no session before, as far as is known here.
    pub(crate) fn is_new(&self) -> bool {
        self.is_new
    }

    /// Is told that a connection will be made: until [`resumed`](Self::resumed) nobody knows what session that finds.
    ///
    /// Returns why there is to be no connection yet: the disk is full, and the file says that the filters are certain.
    pub(crate) fn connecting(&mut self) -> Result<Option<anyhow::Error>> {
        // What becomes of the session is seen at its next connection.
        self.unwritten = false;
        if !self.must_doubt {
            return Ok(None);
        }
        match self.write(false) {
            Ok(()) => Ok(None),
            Err(error) if is_full(&error) => Ok(Some(self.unwritable(&error))),
            Err(error) => Err(self.unwritable(&error)),
        }
    }

    /// Writes what there was no room for, if anything.
    pub(crate) fn catch_up(&mut self) -> Result<()> {
        if self.unwritten { self.save() } else { Ok(()) }
    }

    /// Is told that there is a connection, and whether the broker still has the session.
    pub(crate) fn connected(&mut self, session_present: bool) {
        self.falls_back = false;
        if !session_present {
            self.filters.clear();
        }
    }

    /// Returns what is to be subscribed to and unsubscribed from for the session to have these subscriptions, after
    /// [`connected`](Self::connected).
    pub(crate) fn resumed(
        &mut self,
        wanted: &[Subscription],
    ) -> Result<(Vec<Subscription>, Vec<TopicFilter>)> {
        let known = std::mem::replace(&mut self.certain, true);
        let has = |wanted: &&Subscription| {
            let (filter, qos) = (wanted.filter.as_str(), wanted.qos as u8);
            known
                && self
                    .filters
                    .iter()
                    .any(|had| had.0 == filter && had.1 == qos)
        };
        let missing = wanted.iter().filter(|wanted| !has(wanted));
        let missing: Vec<_> = missing.cloned().collect();
        let dropped = self.filters.iter().map(|(filter, _)| filter);
        let dropped = dropped
            .filter(|had| wanted.iter().all(|wanted| wanted.filter.as_str() != *had))
            .filter_map(|had| TopicFilter::new(had.clone()).ok());
        let dropped: Vec<_> = dropped.collect();
        (self.subscribing, self.unsubscribing) = (!missing.is_empty(), !dropped.is_empty());
        self.save()?;
        Ok((missing, dropped))
    }

    /// The session has these subscriptions now, with the QoS that was granted: where that is less than was asked for, the next
    /// run asks again, and is told.
    pub(crate) fn subscribed<'a>(
        &mut self,
        granted: impl IntoIterator<Item = (&'a TopicFilter, QoS)>,
    ) -> Result<()> {
        for (filter, qos) in granted {
            let filter = filter.as_str();
            self.filters.retain(|had| had.0 != filter);
            self.filters.push((filter.to_owned(), qos as u8));
        }
        self.subscribing = false;
        self.save()
    }

    /// The session has only those of its subscriptions that are among these.
    pub(crate) fn unsubscribed(&mut self, wanted: &[Subscription]) -> Result<()> {
        self.filters
            .retain(|had| wanted.iter().any(|wanted| wanted.filter.as_str() == had.0));
        self.unsubscribing = false;
        self.save()
    }

    /// Writes what the session has; later, where the disk is full: the file says “uncertain” then.
    fn save(&mut self) -> Result<()> {
        let certain = !self.subscribing && !self.unsubscribing;
        let written = self.write(certain);
        self.unwritten = written.is_err();
        match written {
            Err(error) if !is_full(&error) => Err(self.unwritable(&error)),
            _ => Ok(()),
        }
    }

    /// Writes the file anew: whole, whatever happens meanwhile. That takes as long as the disk does, a few times for each
    /// connection, before it has brought anything.
    fn write(&mut self, certain: bool) -> io::Result<()> {
        let text = json!({
            "client_id": self.client_id,
            "filters": self.filters,
            "certain": certain,
        });
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(format!("{text:#}\n").as_bytes())?;
        file.sync_all()?;
        // Even if the directory can't be synced, the file may say so.
        self.must_doubt |= certain;
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.must_doubt = certain;
        Ok(())
    }

    fn unwritable(&self, error: &io::Error) -> anyhow::Error {
        let what = format!("cannot write session `{}`", self.path.display());
        anyhow!(io_reason(error)).context(what)
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let what = format!("cannot remove `{}`", self.path.display());
                Err(anyhow!(io_reason(&error)).context(what))
            }
            _ => Ok(()),
        }
    }
}

/// There is no room, or none for this user: there may be some later.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

/// Returns the version to try next where the broker didn't take `tried`: old brokers refuse MQTT 5 with a code, or just close
/// the connection. So does one that is about to stop, so it is 5's turn again then.
pub(crate) fn fall_back(tried: Protocol, error: &Error) -> Option<Protocol> {
    match (tried, error) {
        (Protocol::V5, Error::Refused { code, .. }) if code.is_protocol_version() => {
            Some(Protocol::V311)
        }
        (Protocol::V5, Error::Closed) => Some(Protocol::V311),
        (Protocol::V311, Error::Closed) => Some(Protocol::V5),
        _ => None,
    }
}
