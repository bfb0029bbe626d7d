//! The two collections of a MongoDB deployment that readings and rejections go to.

use std::time::Duration;

use anyhow::Context;
use mongodb::bson::{Document, RawDocumentBuf, cstr, rawdoc};
use mongodb::error::Error;
use mongodb::options::{Acknowledgment, ClientOptions, ServerMonitoringMode, WriteConcern};
use mongodb::{Client, Collection, Database};
use tokio::time::timeout;

use super::failure;
use super::monitor::Monitor;
use super::url::Url;
use crate::failure::Failure;

/// How long an answer may take. A server that is gone or frozen is noticed by heartbeats, within
/// seconds; this is for what they don't see.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the server waits for a majority, before it says so, in milliseconds.
const MAJORITY_TIMEOUT_MILLIS: u16 = 20_000;

/// Used where the URL says nothing else: by these a frozen server is noticed in about four seconds
/// instead of a minute.
const HEARTBEAT: Duration = Duration::from_secs(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
const APP_NAME: &str = "iot-sub";

/// The collections, and what is known about the servers that have them.
pub(super) struct Collections {
    /// What a person calls the first: its URL without password, with database and collection.
    pub(super) name: String,
    pub(super) database: Database,
    pub(super) readings: Collection<RawDocumentBuf>,
    pub(super) rejections: Collection<RawDocumentBuf>,
    pub(super) monitor: Monitor,
}

/// Returns what a person calls the collection at `url`, without looking for it.
///
/// # Errors
/// The URL is malformed.
pub fn name(url: &str, collection: &str) -> anyhow::Result<String> {
    Ok(Url::parse(url)?.name(collection))
}

impl Collections {
    /// Prepares for the deployment at `url`, whether it is there or not.
    ///
    /// # Errors
    /// The URL is malformed, or asks for a weaker write concern than majority and journal; or no
    /// collection can have this name. No error shows the URL's password.
    pub(super) async fn open(url: &str, collection: &str) -> anyhow::Result<Self> {
        let url = Url::parse(url)?;
        let name = url.name(collection);
        let cannot_use = || format!("cannot use store `{name}`");

        let database = url.database;
        let monitor = Monitor::default();
        let explain = |error| monitor.failure(&error, &database);
        let mut options = ClientOptions::parse(url.connection)
            .await
            .map_err(explain)
            .with_context(cannot_use)?;
        options.app_name.get_or_insert_with(|| APP_NAME.to_owned());
        options.heartbeat_freq.get_or_insert(HEARTBEAT);
        options.connect_timeout.get_or_insert(CONNECT_TIMEOUT);
        options
            .server_selection_timeout
            .get_or_insert(SELECTION_TIMEOUT);
        // Not by a stream of heartbeats that come by themselves: they would go on coming where a
        // network loses all that we say.
        options
            .server_monitoring_mode
            .get_or_insert(ServerMonitoringMode::Poll);
        options.sdam_event_handler = Some(monitor.handler());
        options.write_concern = Some(
            WriteConcern::builder()
                .w(Acknowledgment::Majority)
                .journal(true)
                .w_timeout(Duration::from_millis(MAJORITY_TIMEOUT_MILLIS.into()))
                .build(),
        );
        let client = Client::with_options(options)
            .map_err(explain)
            .with_context(cannot_use)?;
        let database = client.database(&database);
        Ok(Self {
            readings: database.collection(collection),
            rejections: database.collection(&format!("{collection}_rejected")),
            name,
            database,
            monitor,
        })
    }

    /// Returns the name of the collection that is called like the readings' with a suffix.
    pub(super) fn beside_name(&self, suffix: &str) -> String {
        format!("{}{suffix}", self.readings.name())
    }

    /// Waits for the answer to a request, but not for ever.
    ///
    /// The driver's future itself must not be dropped halfway, so it gets a task of its own, which
    /// goes on after a timeout.
    ///
    /// # Errors
    /// There is no answer.
    pub(super) async fn answer<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Result<T, Error>, Failure> {
        match timeout(ANSWER_TIMEOUT, tokio::spawn(request)).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(_)) => Err(Failure::Unknown("the driver broke down".to_owned())),
            Err(_) => Err(Failure::Unknown("no answer in time".to_owned())),
        }
    }

    /// The same, where an error of the server is a failure of the whole request.
    pub(super) async fn request<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Failure> {
        let answer = self.answer(request).await?;
        answer.map_err(|error| self.failure(&error))
    }

    /// Runs a command that writes several documents, in any order, and returns the server's reply.
    ///
    /// # Errors
    /// There is no answer, or the majority has not confirmed the write.
    pub(super) async fn write(&self, command: Document) -> Result<Document, Failure> {
        let command = RawDocumentBuf::try_from(command);
        let command = command.map_err(|error| Failure::Unknown(error.to_string()))?;
        self.write_raw(command).await
    }

    /// The same with a command in the form in which it is sent.
    pub(super) async fn write_raw(&self, mut command: RawDocumentBuf) -> Result<Document, Failure> {
        let timeout = i32::from(MAJORITY_TIMEOUT_MILLIS);
        let concern = rawdoc! {"w": "majority", "j": true, "wtimeout": timeout};
        command.append(cstr!("ordered"), false);
        command.append(cstr!("writeConcern"), concern);
        let database = self.database.clone();
        let write = async move { database.run_raw_command(command).await };
        let reply = self.request(write).await?;
        if let Ok(error) = reply.get_document("writeConcernError") {
            let reason = error.get_str("errmsg").unwrap_or_default();
            return Err(Failure::Unknown(failure::one_line(reason)));
        }
        Ok(reply)
    }

    /// Returns the database for commands about the whole deployment.
    pub(super) fn admin(&self) -> Database {
        self.readings.client().database("admin")
    }

    /// Returns what `error` means for the whole request.
    pub(super) fn failure(&self, error: &Error) -> Failure {
        self.monitor.failure(error, self.database.name())
    }

    /// Returns why no server answers, if that is so.
    pub(super) fn away(&self) -> Option<Failure> {
        self.monitor.all_away(self.database.name())
    }
}
