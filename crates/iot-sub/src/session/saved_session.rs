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

use super::overlap::{Copies, Planned};
use super::session_file::{Content, Noted, SessionFile, is_full};
use super::state_path;

/// How many identifiers of earlier subscriptions are kept, the latest.
const EARLIER_LIMIT: usize = 256;

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
            earlier: Vec::new(),
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
            self.content.earlier.clear();
        }
    }

    /// Returns what is to be subscribed to and unsubscribed from for the session to have these
    /// subscriptions, after [`connected`](Self::connected).
    pub(crate) fn resumed(
        &mut self,
        wanted: &[Planned],
    ) -> Result<(Vec<Planned>, Vec<TopicFilter>)> {
        let known = match self.knowledge {
            Knowledge::FromFile { certain } => certain,
            Knowledge::Awaiting { .. } => true,
        };
        // mosquitto 2.0 restores sessions after its restart, but not their shared subscriptions.
        let is_kept = |wanted: &Planned| known && !wanted.subscription.filter.is_shared();
        let missing: Vec<_> = wanted
            .iter()
            .filter_map(|wanted| match self.noted(&wanted.subscription) {
                Some(noted) if is_kept(wanted) && has_identifier(noted, wanted) => None,
                Some(_) if known => Some(wanted.without_retained()),
                _ => Some(wanted.clone()),
            })
            .collect();
        let is_wanted = |noted: &Noted| {
            let mut wanted = wanted.iter().map(|one| &one.subscription.filter);
            wanted.any(|filter| filter.as_str() == noted.filter)
        };
        let dropped = self.content.filters.iter().filter(|had| !is_wanted(had));
        let dropped = dropped.filter_map(|had| TopicFilter::new(had.filter.clone()).ok());
        let dropped: Vec<_> = dropped.collect();
        self.keep_identifiers();
        self.knowledge = Knowledge::Awaiting {
            suback: !missing.is_empty(),
            unsuback: !dropped.is_empty(),
        };
        self.save()?;
        Ok((missing, dropped))
    }

    /// Returns the subscription that the session has, with the same QoS.
    fn noted(&self, wanted: &Subscription) -> Option<&Noted> {
        let mut filters = self.content.filters.iter();
        filters.find(|had| had.filter == wanted.filter.as_str() && had.qos == wanted.qos as u8)
    }

    /// Adds the identifiers of the session's subscriptions to those of earlier ones: messages that
    /// wait at the broker have them.
    fn keep_identifiers(&mut self) {
        let Content {
            filters, earlier, ..
        } = &mut self.content;
        let identifiers = filters.iter().filter_map(|noted| noted.identifier.as_ref());
        for (number, preceding) in identifiers.filter(|(_, preceding)| !preceding.is_empty()) {
            earlier.retain(|(other, _)| other != number);
            earlier.push((*number, preceding.clone()));
        }
        let surplus = earlier.len().saturating_sub(EARLIER_LIMIT);
        earlier.drain(..surplus);
    }

    /// Returns the identifiers that the session's subscriptions had before.
    pub(crate) fn earlier(&self) -> impl Iterator<Item = (u32, Vec<TopicFilter>)> {
        self.content.earlier.iter().map(|(number, preceding)| {
            let filters = preceding.iter();
            let filters = filters.filter_map(|filter| TopicFilter::new(filter.as_str()).ok());
            (*number, filters.collect())
        })
    }

    /// Returns the subscriptions that the session has, with the QoS that was granted.
    pub(crate) fn granted(&self) -> impl Iterator<Item = (TopicFilter, QoS)> {
        self.content.filters.iter().filter_map(|noted| {
            let filter = TopicFilter::new(noted.filter.as_str()).ok()?;
            Some((filter, QoS::try_from(noted.qos).ok()?))
        })
    }

    /// The broker has answered these: the session has those that `copies` has as granted. If that
    /// is less than was asked for, the next run asks again, and reports it again.
    pub(crate) fn subscribed(&mut self, requested: &[Planned], copies: &Copies) -> Result<()> {
        for Planned {
            subscription,
            identifier,
        } in requested
        {
            let Some(qos) = copies.granted().get(&subscription.filter) else {
                continue;
            };
            let filter = subscription.filter.as_str();
            self.content.filters.retain(|had| had.filter != filter);
            let texts = |filters: Vec<TopicFilter>| {
                let filters = filters.iter().map(|filter| filter.as_str().to_owned());
                filters.collect()
            };
            self.content.filters.push(Noted {
                filter: filter.to_owned(),
                qos: *qos as u8,
                identifier: identifier
                    .as_ref()
                    .map(|it| (it.number, texts(copies.granted_before(it)))),
            });
        }
        self.knowledge.suback_came();
        self.save()
    }

    /// The session has only those of its subscriptions that are among these.
    pub(crate) fn unsubscribed(&mut self, wanted: &[Subscription]) -> Result<()> {
        self.content.filters.retain(|had| {
            wanted
                .iter()
                .any(|wanted| wanted.filter.as_str() == had.filter)
        });
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

/// Whether the session's subscription tells copies of a message apart as is wanted.
fn has_identifier(noted: &Noted, wanted: &Planned) -> bool {
    match (&noted.identifier, &wanted.identifier) {
        (None, None) => true,
        (Some((had, _)), Some(wanted)) => *had == wanted.number,
        // Its copies are used in any case.
        (Some((_, preceding)), None) => preceding.is_empty(),
        (None, Some(_)) => false,
    }
}
