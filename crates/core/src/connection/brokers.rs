//! Which broker is tried next, and when.
//!
//! Each broker has its own delay, so one that is away does not hold up the others: the client waits
//! only if none is due.

mod redirects;

use std::sync::Arc;
use std::time::Duration;

use rand::seq::IteratorRandom;
use tokio::time::Instant;

use self::redirects::Redirects;
use super::reconnect::Reconnect;
use crate::config::{BrokerAddress, BrokerOrder, ClientConfig};
use crate::error::Error;

pub(super) struct Brokers {
    /// Of each broker of the configuration.
    states: Vec<State>,
    /// The broker of the present or last attempt, or the one that has referred to it.
    current: usize,
    redirects: Redirects,
}

struct State {
    reconnect: Reconnect,
    /// When it may be tried again.
    due: Option<Instant>,
    /// Another one comes first.
    is_tried: bool,
    /// The broker that has taken its place.
    moved: Option<BrokerAddress>,
}

impl State {
    fn new(delays: (Duration, Duration)) -> Self {
        Self {
            reconnect: Reconnect::new(delays),
            due: None,
            is_tried: false,
            moved: None,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}

/// What to do next.
pub(super) enum Next {
    /// Connect to the broker of this configuration.
    Dial(Arc<ClientConfig>),
    /// Wait until then.
    Wait(Instant),
}

impl Brokers {
    pub(super) fn new(config: &ClientConfig) -> Self {
        let state = || State::new(config.reconnect_delay);
        Self {
            states: (0..=config.brokers.len()).map(|_| state()).collect(),
            current: 0,
            redirects: Redirects::default(),
        }
    }

    /// Forgets all attempts if the brokers are others.
    pub(super) fn configure(&mut self, before: &ClientConfig, config: &ClientConfig) {
        if !before.all_brokers().eq(config.all_brokers()) {
            *self = Self::new(config);
        }
    }

    /// Selects the next broker.
    pub(super) fn next(&mut self, config: &Arc<ClientConfig>) -> Next {
        if let Some(address) = self.redirects.next() {
            return Next::Dial(Arc::new(config.toward(address)));
        }
        let now = Instant::now();
        let Some(index) = self.pick(config.broker_order, now) else {
            let due = self.states.iter().filter_map(|state| state.due).min();
            return Next::Wait(due.unwrap_or(now));
        };
        self.current = index;
        let state = &mut self.states[index];
        state.is_tried = true;
        let address = match &state.moved {
            None if index == 0 => {
                self.redirects.start(config.address());
                return Next::Dial(Arc::clone(config));
            }
            None => config.brokers[index - 1].clone(),
            Some(address) => address.clone(),
        };
        self.redirects.start(address.address());
        Next::Dial(Arc::new(config.toward(address)))
    }

    /// Returns a broker that is due: one that was not tried since the last connection, if there is
    /// one.
    fn pick(&mut self, order: BrokerOrder, now: Instant) -> Option<usize> {
        let is_due = |state: &State| state.is_due(now);
        if !self.states.iter().any(|it| is_due(it) && !it.is_tried) {
            self.start_round();
        }
        let mut due = { self.states.iter().enumerate() }
            .filter(|(_, state)| is_due(state) && !state.is_tried)
            .map(|(index, _)| index);
        match order {
            BrokerOrder::Given => due.next(),
            BrokerOrder::Random => due.choose(&mut rand::rng()),
        }
    }

    fn start_round(&mut self) {
        self.states.iter_mut().for_each(|it| it.is_tried = false);
    }

    /// Tries each broker once more without a delay.
    pub(super) fn restart(&mut self) {
        self.redirects = Redirects::default();
        for state in &mut self.states {
            (state.due, state.is_tried) = (None, false);
        }
    }

    /// Tries the broker of the last attempt once more without a delay.
    pub(super) fn retry(&mut self) {
        let state = &mut self.states[self.current];
        (state.due, state.is_tried) = (None, false);
    }

    /// Whether another broker is tried next, without a delay.
    pub(super) fn has_another(&self) -> bool {
        let now = Instant::now();
        let mut states = self.states.iter();
        !self.redirects.is_empty() || states.any(|it| it.is_due(now) && !it.is_tried)
    }

    pub(super) fn opened(&mut self) {
        self.reconnect().opened();
    }

    /// The broker has accepted the connection, and has sent something.
    pub(super) fn accepted(&mut self, longest_delay: Duration) {
        if !self.reconnect().is_accepted() {
            self.start_round();
            let moved = self.redirects.accepted();
            let state = &mut self.states[self.current];
            state.is_tried = true;
            state.moved = moved.or(state.moved.take());
        }
        self.reconnect().accepted(longest_delay);
    }

    /// The connection is lost, or could not be made. `delays` are the shortest and the longest. The
    /// broker's delay begins after the last of the brokers that it referred to.
    pub(super) fn failed(
        &mut self,
        error: &Error,
        config: &ClientConfig,
        delays: (Duration, Duration),
    ) {
        let state = &mut self.states[self.current];
        if config.follow_redirects {
            let (moved, index) = (state.moved.clone(), self.current);
            let configured = || moved.or_else(|| config.all_brokers().nth(index));
            self.redirects.follow(error, configured, delays.0);
        }
        if !self.redirects.is_empty() {
            return;
        }
        let delay = state.reconnect.next_delay(delays);
        tracing::debug!(?delay, "next try to connect to this broker");
        state.due = Some(Instant::now() + delay);
    }

    /// The connection has ended, in this way.
    pub(super) fn lost(&mut self, result: &Result<(), Error>, has_progressed: bool) {
        self.reconnect().lost(result, has_progressed);
    }

    fn reconnect(&mut self) -> &mut Reconnect {
        &mut self.states[self.current].reconnect
    }
}

#[cfg(test)]
mod tests;
