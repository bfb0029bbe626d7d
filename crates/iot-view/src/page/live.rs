//! Readings from a broker, for the page only: nothing is stored or acknowledged for others.

use anyhow::Result;
use bytes::Bytes;
use chrono::SubsecRound;
use iot_cli::notify;
use iot_core::Client;
use iot_core::config::ClientConfig;
use iot_decode::{Decoder, Format, Message, Settings};
use iot_page::Live;
use iot_store::{Entry, IdGenerator, Reading, ReceivedPayload, Rejection};

/// A subscription, and what comes of it.
pub(super) struct Receiving {
    pub(super) live: Live,
    pub(super) client: Client<()>,
    /// `HOST:PORT`, or the path of a socket.
    pub(super) address: String,
}

impl Receiving {
    /// Connects to a broker; tries until it succeeds.
    ///
    /// # Errors
    /// The options are wrong, or a thread cannot be started.
    pub(super) fn start(config: ClientConfig, topics: &[String]) -> Result<Self> {
        let (host, port) = (config.host.clone(), config.port);
        let (keep_alive, bind) = (config.keep_alive, config.bind_address);
        let name = config.address();
        let client = Client::new(config, ())?;
        let topics = topics.to_vec();
        client.on_connect(move |client, (), _flags, code| {
            if !code.is_accepted() {
                return;
            }
            for topic in &topics {
                if let Err(error) = client.subscribe(topic.as_str(), 0) {
                    notify(
                        "iot-view",
                        &format!("cannot subscribe to `{topic}`: {error}"),
                    );
                }
            }
        });
        client.on_disconnect(|_client, (), ended| {
            if let Err(error) = ended {
                notify(
                    "iot-view",
                    &format!("the connection to the broker has ended: {error}"),
                );
            }
        });
        let mut reported = Vec::new();
        client.on_connect_fail(move |client, (), error| {
            let broker = client.broker();
            if !reported.contains(&broker) {
                notify(
                    "iot-view",
                    &format!("waiting for broker `{broker}`: {error}"),
                );
                reported.push(broker);
            }
        });
        let live = Live::new();
        let (shown, mut decoder) = (live.clone(), EntryDecoder::new()?);
        client.on_message(move |_client, (), message| {
            let entries = decoder.entries(message.topic.as_str(), &message.payload);
            shown.record(&entries);
        });
        client.connect_async(&host, port, keep_alive, bind)?;
        client.loop_start()?;
        Ok(Self {
            live,
            client,
            address: name,
        })
    }
}

/// Reads messages as `iot-sub` does without options: a number, JSON, or nothing.
struct EntryDecoder {
    decoder: Decoder,
    ids: IdGenerator,
}

impl EntryDecoder {
    fn new() -> Result<Self> {
        let decoder = Decoder::new(Format::default(), Settings::default());
        Ok(Self {
            decoder: decoder.map_err(anyhow::Error::msg)?,
            ids: IdGenerator::new(),
        })
    }

    fn entries(&mut self, topic: &str, payload: &Bytes) -> Vec<Entry> {
        let now = iot_store::now().trunc_subsecs(3);
        let decoded = match self.decoder.decode(&Message::new(topic, payload, now)) {
            Ok(decoded) => decoded,
            Err(reason) => {
                let id = self.ids.next(now);
                let reason = reason.to_string();
                let rejection = Rejection::new(id, topic.into(), payload, reason, now);
                return vec![Entry::Rejection(rejection)];
            }
        };
        let readings = decoded.readings.into_iter().map(|measured| {
            Entry::Reading(Reading {
                id: self.ids.next(now),
                topic: measured.topic.unwrap_or_else(|| topic.into()),
                metric: measured.metric,
                value: measured.value,
                unit: measured.unit,
                reg_date: measured.time.unwrap_or(now),
                extra: None,
                payload: ReceivedPayload::default(),
            })
        });
        readings.collect()
    }
}
