//! What is reported on stderr about the connections and about rejected messages.

use anyhow::anyhow;
use iot_cli::{Notices, notify};
use iot_core::{Error, Event, Handle, TopicName};

use super::counts::messages_were;
use crate::name::NAME;
use crate::plan::Plan;

/// Reports what happens to the connections: one line for all of them where they share the event.
#[derive(Debug)]
pub(super) struct BrokerNotices {
    notices: Notices,
    address: String,
    connections: usize,
    fail_fast: bool,
    /// The last loss was reported, so its end is, too.
    is_loss_reported: bool,
    /// How many connections are lost at present.
    lost: usize,
    /// How many messages were dropped when all connections were last up.
    dropped_before: u64,
    /// It was reported, since a connection was last up, that the schedule waits.
    is_wait_reported: bool,
    /// `cannot publish`, with the topic if all messages have the same.
    cannot_publish: String,
    /// The reason for a rejection that was reported last.
    rejection: Option<String>,
    /// Why the last connection failed.
    failure: Option<Error>,
}

impl BrokerNotices {
    pub(super) fn new(plan: &Plan) -> Self {
        let address = plan.config.address();
        let topic = match &plan.devices[..] {
            [device] => device.only_topic(),
            _ => None,
        };
        Self {
            notices: Notices::new(&plan.config),
            is_loss_reported: false,
            address,
            connections: plan.connections,
            fail_fast: plan.fail_fast,
            lost: 0,
            dropped_before: 0,
            is_wait_reported: false,
            cannot_publish: match topic {
                Some(topic) => format!("cannot publish to topic `{topic}`"),
                None => "cannot publish".into(),
            },
            rejection: None,
            failure: None,
        }
    }

    /// A connection is accepted, after `dropped` messages were dropped in all. `was_lost` says
    /// whether it was up before.
    pub(super) fn connected(
        &mut self,
        event: &Event,
        handle: &Handle,
        was_lost: bool,
        dropped: u64,
    ) {
        self.is_wait_reported = false;
        self.lost -= usize::from(was_lost);
        if self.lost > 0 {
            return;
        }
        let line = self.notices.line(event, || handle.broker());
        if !was_lost || !std::mem::replace(&mut self.is_loss_reported, false) {
            if let Some(line) = line.filter(|_| self.connections == 1) {
                notify(NAME, &line);
            }
            return;
        }
        let connections = self.connections;
        let address = match connections {
            1 => handle.broker(),
            _ => self.address.clone(),
        };
        let meanwhile = match dropped - self.dropped_before {
            0 => String::new(),
            dropped => format!("; {} dropped meanwhile", messages_were(dropped)),
        };
        self.dropped_before = dropped;
        let line = match connections {
            1 => format!("connected to broker `{address}` again{meanwhile}"),
            _ => format!(
                "all {connections} connections to broker `{address}` are open again{meanwhile}"
            ),
        };
        notify(NAME, &line);
    }

    /// A connection could not be made or is lost; `was_up` says which. Returns the error that ends
    /// the run, if this is one.
    pub(super) fn failed(
        &mut self,
        event: &Event,
        error: &Error,
        handle: &Handle,
        was_up: bool,
    ) -> Option<anyhow::Error> {
        self.lost += usize::from(was_up);
        self.failure = Some(error.clone());
        let is_ended = matches!(event, Event::Disconnected(_));
        let line = if is_ended && self.connections > 1 && self.lost > 0 {
            // Only the first loss is reported, until all connections are up again.
            let (address, connections) = (handle.broker(), self.connections);
            let is_first = !self.notices.is_lost();
            self.notices.line(event, || address.clone());
            is_first.then(|| {
                format!(
                    "lost one of {connections} connections to broker `{address}`: {error}; connecting again"
                )
            })
        } else {
            self.notices.line(event, || handle.broker())
        };
        let gives_up = self.fail_fast || error.is_permanent();
        if gives_up && !handle.tries_another_broker() {
            return Some(self.notices.failure(error.clone()));
        }
        if let Some(line) = line {
            self.is_loss_reported |= was_up;
            notify(NAME, &line);
        }
        None
    }

    /// The broker has acknowledged a message.
    pub(super) fn progress(&mut self) {
        self.notices.progress();
    }

    /// Returns the error of a program that no longer waits for its first connection.
    pub(super) fn given_up(&self) -> anyhow::Error {
        match &self.failure {
            Some(error) => self.notices.failure(error.clone()),
            None => anyhow!(
                "cannot connect to broker `{}`: it does not answer",
                self.address
            ),
        }
    }

    /// The broker has rejected a message. One line reports all that have the same reason.
    pub(super) fn rejected(&mut self, error: &Error) {
        let reason = error.to_string();
        if self.rejection.as_ref() != Some(&reason) {
            notify(NAME, &format!("{}: {reason}", self.cannot_publish));
            self.rejection = Some(reason);
        }
    }

    /// The broker closes the connection at this message each time: it is given up.
    pub(super) fn refused(topic: &TopicName, size: usize, error: &Error) {
        notify(
            NAME,
            &format!(
                "gave up a message of {size} bytes to topic `{topic}`, at which the connection ends each time: {error}"
            ),
        );
    }

    /// The schedule waits for a broker that is away, after `pending` messages.
    pub(super) fn waiting(&mut self, pending: u64) {
        if std::mem::replace(&mut self.is_wait_reported, true) {
            return;
        }
        let wait = match pending {
            1 => "1 message waits".to_owned(),
            count => format!("{count} messages wait"),
        };
        notify(
            NAME,
            &format!("{wait} for the broker; the next one waits until there is room"),
        );
    }
}
