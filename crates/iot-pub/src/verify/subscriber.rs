//! The verifier's own connection: subscribes to all that is published, and hands over what arrives.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use iot_core::{Connection, Event, Handle, PacketId, QoS, TopicFilter};

use crate::device::Device;
use crate::engine::state::{Shared, State};

/// Filters in one SUBSCRIBE.
const CHUNK: usize = 200;

/// What is subscribed to.
#[derive(Debug)]
pub(crate) struct Wanted {
    filters: Vec<TopicFilter>,
    qos: QoS,
}

impl Wanted {
    /// Returns the topics of these devices, each once, with the highest QoS of all.
    pub(crate) fn of(devices: &[Device]) -> Result<Self, iot_core::Error> {
        let topics: BTreeSet<_> = devices.iter().map(|device| device.topic.as_str()).collect();
        let filters: Result<_, _> = topics.into_iter().map(TopicFilter::new).collect();
        let qos = devices.iter().map(|device| device.qos).max();
        Ok(Self {
            filters: filters?,
            qos: qos.unwrap_or_default(),
        })
    }

    fn ask(&self, handle: &Handle) -> Result<HashSet<PacketId>, iot_core::Error> {
        let asked = self
            .filters
            .chunks(CHUNK)
            .map(|chunk| handle.subscribe(chunk.iter().map(|filter| (filter.clone(), self.qos))));
        asked.collect()
    }
}

/// Drives the connection to its end.
pub(crate) async fn drive(shared: Arc<Shared>, mut connection: Connection, wanted: Wanted) {
    let handle = connection.handle();
    let mut asked = HashSet::new();
    while let Some(event) = connection.next().await {
        let now = Instant::now();
        let mut state = shared.lock();
        let mut news = take(&mut state, event, now, (&handle, &wanted, &mut asked));
        while let Some(event) = connection.try_next() {
            news |= take(&mut state, event, now, (&handle, &wanted, &mut asked));
        }
        drop(state);
        if news {
            shared.news.notify_one();
        }
    }
}

/// Takes an event. Returns whether that is news for who waits.
fn take(
    state: &mut State,
    event: Event,
    now: Instant,
    (handle, wanted, asked): (&Handle, &Wanted, &mut HashSet<PacketId>),
) -> bool {
    match event {
        Event::Received { message, .. } => state.arrived(&message, now),
        Event::Connected(_) => {
            match wanted.ask(handle) {
                Ok(ids) => *asked = ids,
                Err(error) => state.fails(anyhow!(error).context("cannot subscribe to verify")),
            }
            true
        }
        Event::Subscribed(answer) => {
            if answer.reasons.iter().any(|reason| reason.is_error()) {
                state.fails(anyhow!(
                    "cannot verify: the broker refuses the subscription"
                ));
            }
            asked.remove(&answer.id);
            state.subscribed |= asked.is_empty();
            true
        }
        Event::Disconnected(Err(error)) | Event::ConnectFailed(error) => {
            state.subscriber_lost(&error);
            true
        }
        _ => false,
    }
}
