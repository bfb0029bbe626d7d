//! The connection of the verifier: subscribes to everything that is published, and passes on what
//! arrives.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use anyhow::anyhow;
use iot_core::{Connection, Event, Handle, PacketId, QoS, TopicFilter};

use super::shared::{RunState, Shared};
use crate::device::Device;

/// Filters in one SUBSCRIBE.
const FILTERS_PER_PACKET: usize = 200;

/// The subscriptions.
#[derive(Debug)]
pub(super) struct Subscriptions {
    filters: Vec<TopicFilter>,
    qos: QoS,
    fail_fast: bool,
    /// The SUBSCRIBE packets that the broker has not answered.
    unanswered: HashSet<PacketId>,
}

impl Subscriptions {
    /// Returns the topics of these devices, each once, with the highest QoS of all.
    pub(super) fn new(devices: &[Device], fail_fast: bool) -> Result<Self, iot_core::Error> {
        let topics: BTreeSet<_> = devices.iter().map(|device| device.topic.as_str()).collect();
        let filters: Result<_, _> = topics.into_iter().map(TopicFilter::new).collect();
        let qos = devices.iter().map(|device| device.qos).max();
        Ok(Self {
            filters: filters?,
            qos: qos.unwrap_or_default(),
            fail_fast,
            unanswered: HashSet::new(),
        })
    }

    fn subscribe(&mut self, handle: &Handle) -> Result<(), iot_core::Error> {
        let packets = self.filters.chunks(FILTERS_PER_PACKET);
        let ids = packets.map(|filters| {
            handle.subscribe(filters.iter().map(|filter| (filter.clone(), self.qos)))
        });
        self.unanswered = ids.collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Takes an event. Returns whether the engine has to look at the state.
    fn event(&mut self, state: &mut RunState, handle: &Handle, event: Event, now: Instant) -> bool {
        match event {
            Event::Received { message, .. } => state.arrived(&message, now),
            Event::Connected(_) => {
                if let Err(error) = self.subscribe(handle) {
                    state.fail(anyhow!(error).context("cannot subscribe to verify"));
                }
                true
            }
            Event::Subscribed(answer) => {
                if answer.reasons.iter().any(|reason| reason.is_error()) {
                    state.fail(anyhow!(
                        "cannot verify: the broker refuses the subscription"
                    ));
                }
                self.unanswered.remove(&answer.id);
                if let Some(verification) = &mut state.verification {
                    verification.is_subscribed |= self.unanswered.is_empty();
                }
                true
            }
            Event::Disconnected(Err(error)) | Event::ConnectFailed(error) => {
                state.subscriber_failed(&error, self.fail_fast);
                true
            }
            _ => false,
        }
    }
}

/// Drives the connection until it is closed.
pub(super) async fn drive(
    shared: Arc<Shared>,
    mut connection: Connection,
    mut subscriptions: Subscriptions,
) {
    let handle = connection.handle();
    while let Some(event) = connection.next().await {
        let now = Instant::now();
        let mut state = shared.lock();
        let mut is_news = subscriptions.event(&mut state, &handle, event, now);
        while let Some(event) = connection.try_next() {
            is_news |= subscriptions.event(&mut state, &handle, event, now);
        }
        drop(state);
        if is_news {
            shared.changed.notify_one();
        }
    }
}
