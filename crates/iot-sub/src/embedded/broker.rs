//! The inner broker: the `mqtt5` crate's, on a private port of this machine, behind the [gateway](super::gateway).
//!
//! It keeps sessions, subscriptions, retained messages and the queues of subscribers. It
//! acknowledges a message when the message is in its **memory**. The gateway forwards that
//! acknowledgement only when the reading is on disk, so an acknowledged message is in the store.
//! For other subscribers only the inner broker's files count: it writes them a quarter of a second
//! late and without fsync, except for retained messages and sessions.
//!
//! Its measured limits: it closes MQTT 3.1 connections without a CONNACK; it refuses a client
//! identifier with a `/`; a retained message whose topic is too long for a file name stays in
//! memory only; a payload takes up to nine times its size in its files, which the limits of
//! [queues](QUEUE_FILE_BYTES) and of [retained messages](super::retained) count.
//!
//! It logs through `tracing` with targets that begin with `mqtt5`, and writes nothing by itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use iot_core::{Message, Properties, QoS, Subscription, TopicName};
use mqtt5::broker::config::{AuthConfig, BrokerConfig, RateLimitConfig, StorageConfig};
use mqtt5::broker::router::MessageRouter;
use mqtt5::broker::storage::{DynamicStorage, RetainedMessage, StorageBackend};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use mqtt5::packet::publish::PublishPacket;
use tokio::task::JoinHandle;

use super::admission::Admission;
use super::retained::{self, Retained};

/// Clients that can be connected at once.
pub(super) const MAX_CLIENTS: usize = 10_000;
/// The longest packet.
pub(super) const MAX_PACKET_SIZE: usize = 16 << 20;
/// Messages in each of the two channels to a connected client. When the channel for QoS 0 is full,
/// the broker drops further messages; when the one for QoS 1 and 2 is full, they go to the queue.
/// The gateway empties both without waiting for the client.
const CHANNEL: usize = 4_096;
/// Messages with QoS 1 and 2 that are queued for one client, connected or not. Beyond this limit or
/// [`QUEUE_BYTES`] the broker drops the oldest of them.
const QUEUE_MESSAGES: usize = 100_000;
/// The same limit in bytes of the files. The broker writes a payload as a JSON array, with up to
/// nine bytes for each byte.
const QUEUE_FILE_BYTES: usize = 64 << 20;
/// The same limit in bytes of payloads.
const QUEUE_BYTES: usize = QUEUE_FILE_BYTES / 9;
/// Messages sent to one client and not yet acknowledged; an MQTT 5 client may ask for fewer.
pub(super) const MAX_INFLIGHT: u16 = 100;
/// Topic aliases of a connection.
pub(super) const TOPIC_ALIASES: u16 = 256;

/// A broker that runs inside this process, on the runtime that started it.
pub(super) struct Broker {
    address: SocketAddr,
    dir: PathBuf,
    files: Arc<DynamicStorage>,
    router: Arc<MessageRouter>,
    stop: BrokerShutdownHandle,
    running: JoinHandle<mqtt5::Result<()>>,
}

impl Broker {
    /// Starts a broker that keeps its files in the existing folder `dir`. When this returns, the
    /// gateway can connect.
    ///
    /// # Errors
    /// The files cannot be used.
    pub(super) async fn start(dir: &Path, admission: Arc<Admission>) -> anyhow::Result<Self> {
        let broker = MqttBroker::with_config(config(dir)).await;
        let mut broker = broker
            .map_err(|error| explain(dir, &error))?
            .with_auth_provider(admission);
        let address = broker.local_addr();
        let address = address.context("the embedded broker does not listen")?;
        let files = broker.storage();
        let files = files.context("the embedded broker has no files")?;
        let (stop, router) = (broker.shutdown_handle(), broker.router());
        let mut ready = broker.ready_receiver();
        let storage = Arc::clone(&files);
        let running = tokio::spawn(async move {
            broker.run().await?;
            // The broker writes its queues before the clients' tasks end, which return what was not
            // acknowledged to those queues. So they are written once more here.
            storage.shutdown().await
        });
        if ready.wait_for(|&ready| ready).await.is_err() {
            let why = match running.await {
                Ok(Err(error)) => error.to_string(),
                _ => "it ended at once".to_owned(),
            };
            return Err(anyhow!(why)).context("cannot start the embedded broker");
        }
        let broker = Self {
            address,
            dir: dir.to_owned(),
            files,
            router,
            stop,
            running,
        };
        broker.remove_orphans().await;
        Ok(broker)
    }

    /// Returns the folder of its files.
    pub(super) fn folder(&self) -> &Path {
        &self.dir
    }

    /// Returns its private address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it has a session of this client.
    pub(super) async fn has_session(&self, client_id: &str) -> bool {
        !matches!(self.files.get_session(client_id).await, Ok(None))
    }

    /// Removes messages in flight of clients without a session, which a crash leaves behind.
    async fn remove_orphans(&self) {
        let Ok(folders) = std::fs::read_dir(self.dir.join("inflight")) else {
            return;
        };
        for folder in folders.flatten() {
            let name = folder.file_name();
            let Some(client_id) = name.to_str() else {
                continue;
            };
            if !self.has_session(client_id).await {
                // A file that cannot be removed only takes space.
                let _ = self.files.remove_all_inflight_messages(client_id).await;
            }
        }
    }

    /// Returns the retained messages that match these subscriptions, each once. All of them count
    /// for the `limit`.
    pub(super) async fn retained(
        &self,
        subscriptions: &[Subscription],
        limit: &Retained,
    ) -> Vec<Message> {
        let mut messages = Vec::new();
        let found = self.files.get_retained_messages("#").await;
        for (topic, retained) in found.unwrap_or_default() {
            limit.set(&topic, &retained.payload, topic.len());
            let Ok(topic) = TopicName::new(topic) else {
                continue;
            };
            let matches = |subscription: &&Subscription| {
                subscription.retain_handling != 2
                    && !subscription.filter.is_shared()
                    && subscription.filter.matches(topic.as_str())
            };
            if let Some(subscription) = subscriptions.iter().find(matches)
                && !retained.is_expired()
            {
                messages.push(message(topic, retained, subscription.qos));
            }
        }
        messages
    }

    /// Returns a publisher for messages of iot-sub itself.
    pub(super) fn publisher(&self) -> Publisher {
        Publisher(Arc::clone(&self.router))
    }

    /// Disconnects all clients and writes the queues of persistent sessions to their files.
    ///
    /// # Errors
    /// The broker has failed.
    pub(super) async fn shutdown(self) -> anyhow::Result<()> {
        self.stop.shutdown();
        self.running
            .await
            .context("the embedded broker has stopped unexpectedly")?
            .map_err(|error| anyhow!("cannot stop the embedded broker: {error}"))
    }
}

/// Publishes messages of iot-sub itself.
pub(super) struct Publisher(Arc<MessageRouter>);

impl Publisher {
    /// Publishes the message; the broker retains it if its retain flag is set.
    pub(super) fn publish(&self, message: &Message) {
        let topic = message.topic.as_str().to_owned();
        let mut packet =
            PublishPacket::new(topic, message.payload.clone(), mqtt5::QoS::AtLeastOnce);
        packet.retain = message.retain;
        let router = Arc::clone(&self.0);
        tokio::spawn(async move { router.route_message(&packet, None).await });
    }
}

fn message(topic: TopicName, retained: RetainedMessage, granted: QoS) -> Message {
    let qos = QoS::try_from(retained.qos as u8).unwrap_or(QoS::AtMostOnce);
    let properties = Properties {
        payload_format_indicator: retained.payload_format_indicator.map(u8::from),
        message_expiry_interval: retained.message_expiry_interval,
        content_type: retained.content_type,
        response_topic: retained.response_topic,
        correlation_data: retained.correlation_data.map(Into::into),
        user_properties: retained.user_properties,
        ..Properties::default()
    };
    let message = Message::new(topic, retained.payload)
        .with_qos(qos.min(granted))
        .with_retain(true);
    if properties == Properties::default() {
        message
    } else {
        message.with_properties(properties)
    }
}

fn config(dir: &Path) -> BrokerConfig {
    let storage = StorageConfig::new()
        .with_base_dir(dir.to_owned())
        .with_max_queued_messages_per_client(QUEUE_MESSAGES)
        .with_max_queued_bytes_per_client(QUEUE_BYTES);
    let mut auth = AuthConfig::new().with_allow_anonymous(true);
    // Rate limits protect passwords, and there are none.
    auth.rate_limit = RateLimitConfig {
        enabled: false,
        ..RateLimitConfig::default()
    };
    let mut config = BrokerConfig::new()
        .with_bind_address((Ipv4Addr::LOCALHOST, 0))
        .with_max_clients(MAX_CLIENTS)
        .with_max_packet_size(MAX_PACKET_SIZE)
        .with_client_channel_capacity(CHANNEL)
        .with_max_outbound_inflight(MAX_INFLIGHT)
        .with_max_retained_messages(retained::MESSAGES)
        .with_storage(storage)
        .with_auth(auth)
        .with_sys_topics_enabled(false);
    config.topic_alias_maximum = TOPIC_ALIASES;
    config
}

/// Returns why the broker did not start, in one line.
fn explain(dir: &Path, error: &mqtt5::MqttError) -> anyhow::Error {
    let dir = dir.display();
    let text = error.to_string();
    if text.contains("already in use by another broker") {
        return anyhow!("cannot use the broker's files in `{dir}`: another broker uses them");
    }
    let first_line = text.lines().next().unwrap_or_default();
    anyhow!("cannot start the embedded broker with its files in `{dir}`: {first_line}")
}
