//! A session that outlives this process: who we are to the broker, and what we have subscribed to.
//!
//! Both are kept in a small file beside the spools, one for each broker and client identifier.
//! Without a given client identifier it is one for each broker and store, with the identifier that
//! was drawn at random once.
//!
//! The file says whether its filters are certain: not from before each CONNECT until all that was
//! asked for is answered. A process that dies in between may leave a session that the broker has
//! started again, or with other subscriptions; the next run subscribes to everything.
//!
//! So on a full disk there is no connection until the file says “uncertain”. From then on it may
//! stay as it is, whatever becomes of the session; it is written when there is room.

use anyhow::{Context, Result};
use iot_core::{QoS, Subscription, TopicFilter};

use super::session_file::{Content, SessionFile, is_full};
use super::state_path;

/// What is kept of the session, and what is known about it in this run.
#[derive(Debug)]
pub(crate) struct SavedSession {
    file: SessionFile,
    content: Content,
    knowledge: Knowledge,
    /// The file is to be written once there is room.
    unwritten: bool,
    /// Another version of the protocol does as well, as long as there was no connection.
    pub(crate) falls_back: bool,
}

/// How well the session's filters are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// As well as the file says: there was no connection yet.
    FromFile { certain: bool },
    /// They are the session's, but for what these answers will change.
    Awaiting { suback: bool, unsuback: bool },
}

impl Knowledge {
    /// Whether the filters are the session's, and no answer will change that.
    fn is_complete(self) -> bool {
        match self {
            Self::FromFile { certain } => certain,
            Self::Awaiting { suback, unsuback } => !suback && !unsuback,
        }
    }

    fn suback_came(&mut self) {
        if let Self::Awaiting { suback, .. } = self {
            *suback = false;
        }
    }

    fn unsuback_came(&mut self) {
        if let Self::Awaiting { unsuback, .. } = self {
            *unsuback = false;
        }
    }
}

impl SavedSession {
    /// Opens the file of the session at `broker`; in a new one the client identifier is `random`,
    /// unless one is given. `advice` is for the user who finds that another process uses it.
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
        let (file, content) = SessionFile::open(&path, advice)
            .with_context(|| format!("cannot use session `{}`", path.display()))?;
        let content = content.unwrap_or_else(|| Content {
            client_id: given.unwrap_or(random).to_owned(),
            filters: Vec::new(),
        });
        let certain = file.is_certain();
        Ok(Self {
            file,
            content,
            knowledge: Knowledge::FromFile { certain },
            unwritten: false,
            falls_back: false,
        })
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.content.client_id
    }

    /// Whether there was no session before, as far as is known here.
    pub(crate) fn is_new(&self) -> bool {
        self.file.is_new()
    }

    /// Is called before a connection is made: until [`resumed`](Self::resumed) it is unknown what
    /// session that finds.
    ///
    /// Returns why there is to be no connection yet: the disk is full, and the file says that the
    /// filters are certain.
    pub(crate) fn connecting(&mut self) -> Result<Option<anyhow::Error>> {
        // What becomes of the session is seen at its next connection.
        self.unwritten = false;
        if self.file.is_uncertain() {
            return Ok(None);
        }
        match self.file.write(&self.content, false) {
            Ok(()) => Ok(None),
            Err(error) if is_full(&error) => Ok(Some(self.file.unwritable(&error))),
            Err(error) => Err(self.file.unwritable(&error)),
        }
    }

    /// Writes what there was no room for, if anything.
    pub(crate) fn catch_up(&mut self) -> Result<()> {
        if self.unwritten { self.save() } else { Ok(()) }
    }

    /// Is called when there is a connection, with whether the broker still has the session.
    pub(crate) fn connected(&mut self, session_present: bool) {
        self.falls_back = false;
        if !session_present {
            self.content.filters.clear();
        }
    }

    /// Returns what is to be subscribed to and unsubscribed from for the session to have these
    /// subscriptions, after [`connected`](Self::connected).
    pub(crate) fn resumed(
        &mut self,
        wanted: &[Subscription],
    ) -> Result<(Vec<Subscription>, Vec<TopicFilter>)> {
        let known = match self.knowledge {
            Knowledge::FromFile { certain } => certain,
            Knowledge::Awaiting { .. } => true,
        };
        let has = |wanted: &&Subscription| {
            let (filter, qos) = (wanted.filter.as_str(), wanted.qos as u8);
            known
                && self
                    .content
                    .filters
                    .iter()
                    .any(|had| had.0 == filter && had.1 == qos)
        };
        let missing = wanted.iter().filter(|wanted| !has(wanted));
        let missing: Vec<_> = missing.cloned().collect();
        let dropped = self.content.filters.iter().map(|(filter, _)| filter);
        let dropped = dropped
            .filter(|had| wanted.iter().all(|wanted| wanted.filter.as_str() != *had))
            .filter_map(|had| TopicFilter::new(had.clone()).ok());
        let dropped: Vec<_> = dropped.collect();
        self.knowledge = Knowledge::Awaiting {
            suback: !missing.is_empty(),
            unsuback: !dropped.is_empty(),
        };
        self.save()?;
        Ok((missing, dropped))
    }

    /// The session has these subscriptions now, with the QoS that was granted. If that is less than
    /// was asked for, the next run asks again, and reports it again.
    pub(crate) fn subscribed<'a>(
        &mut self,
        granted: impl IntoIterator<Item = (&'a TopicFilter, QoS)>,
    ) -> Result<()> {
        for (filter, qos) in granted {
            let filter = filter.as_str();
            self.content.filters.retain(|had| had.0 != filter);
            self.content.filters.push((filter.to_owned(), qos as u8));
        }
        self.knowledge.suback_came();
        self.save()
    }

    /// The session has only those of its subscriptions that are among these.
    pub(crate) fn unsubscribed(&mut self, wanted: &[Subscription]) -> Result<()> {
        self.content
            .filters
            .retain(|had| wanted.iter().any(|wanted| wanted.filter.as_str() == had.0));
        self.knowledge.unsuback_came();
        self.save()
    }

    /// Writes what the session has; later, where the disk is full: the file says “uncertain” then.
    fn save(&mut self) -> Result<()> {
        let written = self.file.write(&self.content, self.knowledge.is_complete());
        self.unwritten = written.is_err();
        match written {
            Err(error) if !is_full(&error) => Err(self.file.unwritable(&error)),
            _ => Ok(()),
        }
    }

    /// Removes the file.
    pub(crate) fn remove(&self) -> Result<()> {
        self.file.remove()
    }
}
