//! One edge node: its session, its tables, and what its messages become.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use iot_sparkplug::{MessageType, NAMESPACE, Payload, SparkplugTopic, rebirth_request};
use iot_store::Value;
use prost::Message as _;

use super::metrics::{Unknown, read_metrics};
use super::names::ONLINE;
use super::record;
use super::session::{Order, Session};
use super::table::Table;
use super::value::time_of;
use crate::decoded::{Decoded, Measured, SeriesFacts};
use crate::reason::Reason;
use crate::request::Request;
use crate::state::{STATE_VALUE_LIMIT, StateChange};

/// The shortest time from one request for a rebirth to the next one to the same node.
const REBIRTH_INTERVAL: TimeDelta = TimeDelta::seconds(5);

/// One edge node.
#[derive(Debug)]
pub(super) struct Node {
    /// `GROUP/NODE`
    name: Arc<str>,
    session_key: Arc<str>,
    /// `None` before its NBIRTH is received and after its NDEATH.
    session: Option<Session>,
    /// What the BIRTHs of its devices said; with `None`, that of the node itself.
    members: BTreeMap<Option<Arc<str>>, Member>,
    /// When a rebirth was last requested.
    requested: Option<DateTime<Utc>>,
}

/// The node itself or one of its devices, since its BIRTH.
#[derive(Debug)]
struct Member {
    /// `spBv1.0/GROUP/NODE[/DEVICE]`
    topic: Arc<str>,
    table: Table,
    heap_size: usize,
}

impl Node {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            session_key: record::session_key(&name),
            name,
            session: None,
            members: BTreeMap::new(),
            requested: None,
        }
    }

    /// Takes a message of this node.
    pub(super) fn take(
        &mut self,
        kind: MessageType,
        device: Option<&str>,
        payload: Payload,
        received: DateTime<Utc>,
        decoded: &mut Decoded,
    ) {
        use MessageType::{DeviceBirth, DeviceDeath, NodeBirth, NodeDeath};
        let device: Option<Arc<str>> = device.map(Arc::from);
        let is_whole = match kind {
            NodeBirth => {
                self.forget_members(decoded);
                self.session = Some(Session::begin(&payload));
                true
            }
            NodeDeath => {
                self.die(&payload, decoded);
                return;
            }
            _ => self.follow(&payload, decoded),
        };
        self.keep_session(decoded);
        let unknown = match kind {
            DeviceDeath => {
                self.device_dies(device.as_ref(), &payload, decoded);
                Ok(Unknown::default())
            }
            NodeBirth | DeviceBirth => self.be_born(device, payload, decoded),
            _ => self.data(device.as_ref(), payload, decoded),
        };
        decoded.rejection = match unknown {
            Ok(unknown) => {
                if !is_whole || unknown.count > 0 || unknown.is_unborn {
                    self.request_rebirth(received, decoded);
                }
                unknown.reason(&self.name)
            }
            Err(reason) => {
                decoded.readings.clear();
                Some(reason)
            }
        };
    }

    /// Takes the number of a message. Returns whether the session is known, and nothing is missing.
    fn follow(&mut self, payload: &Payload, decoded: &mut Decoded) -> bool {
        let order = match &mut self.session {
            Some(session) => session.follow(payload),
            None => Order::Gap,
        };
        if order == Order::OtherSession {
            self.forget_members(decoded);
            self.session = None;
        }
        order == Order::Next
    }

    fn be_born(
        &mut self,
        device: Option<Arc<str>>,
        payload: Payload,
        decoded: &mut Decoded,
    ) -> Result<Unknown, Reason> {
        let member = self.member(device.as_deref(), Table::of(&payload.metrics));
        let key = record::table_key(&self.name, device.as_deref());
        let value = Some(member.table.to_bytes()).filter(|it| it.len() <= STATE_VALUE_LIMIT);
        decoded.state.push(StateChange {
            key,
            value: value.map(Bytes::from),
        });
        member.describe(decoded);
        let time = payload.timestamp.and_then(time_of);
        decoded.readings.push(member.online(true, time));
        let result = read_metrics((&member.topic, &member.table), payload, decoded);
        self.members.insert(device, member);
        result
    }

    fn data(
        &mut self,
        device: Option<&Arc<str>>,
        payload: Payload,
        decoded: &mut Decoded,
    ) -> Result<Unknown, Reason> {
        if let Some(member) = self.members.get(&device.cloned()) {
            return read_metrics((&member.topic, &member.table), payload, decoded);
        }
        let topic = self.topic(device.map(AsRef::as_ref));
        let result = read_metrics((&topic, &Table::of(&[])), payload, decoded);
        // Its BIRTH is missing, even if each metric has a name.
        result.map(Unknown::or_no_birth)
    }

    /// A device is away, as its node says.
    fn device_dies(&mut self, device: Option<&Arc<str>>, payload: &Payload, decoded: &mut Decoded) {
        let time = payload.timestamp.and_then(time_of);
        let topic = self.topic(device.map(AsRef::as_ref));
        decoded.readings.push(online(topic, false, time));
        if self.members.remove(&device.cloned()).is_some() {
            decoded.state.push(StateChange {
                key: record::table_key(&self.name, device.map(AsRef::as_ref)),
                value: None,
            });
        }
    }

    /// The node is away, and its devices with it. Its will was made when it connected, so the time
    /// of receipt counts.
    fn die(&mut self, payload: &Payload, decoded: &mut Decoded) {
        if self.session.is_some_and(|it| !it.is_ended_by(payload)) {
            return;
        }
        if !self.members.contains_key(&None) {
            decoded.readings.push(online(self.topic(None), false, None));
        }
        let members = self.members.values();
        decoded
            .readings
            .extend(members.map(|member| member.online(false, None)));
        self.forget_members(decoded);
        self.session = None;
        self.keep_session(decoded);
    }

    fn request_rebirth(&mut self, now: DateTime<Utc>, decoded: &mut Decoded) {
        // A clock that was set back must not end the requests.
        let is_recent = |at: DateTime<Utc>| (now - at).abs() < REBIRTH_INTERVAL;
        if self.requested.is_some_and(is_recent) {
            return;
        }
        self.requested = Some(now);
        let Some((group, node)) = self.name.split_once('/') else {
            return;
        };
        let topic = SparkplugTopic::Node {
            message: MessageType::NodeCommand,
            group,
            node,
            device: None,
        };
        let timestamp = now.timestamp_millis().try_into().unwrap_or_default();
        decoded.requests.push(Request::Publish {
            topic: topic.to_string(),
            payload: rebirth_request(timestamp).encode_to_vec().into(),
        });
    }

    fn member(&self, device: Option<&str>, table: Table) -> Member {
        let topic = self.topic(device);
        Member {
            heap_size: table.heap_size() + 2 * topic.len(),
            topic,
            table,
        }
    }

    /// Returns the topic of the series of the node, or of its device.
    fn topic(&self, device: Option<&str>) -> Arc<str> {
        let name = &self.name;
        match device {
            None => format!("{NAMESPACE}/{name}").into(),
            Some(device) => format!("{NAMESPACE}/{name}/{device}").into(),
        }
    }

    fn keep_session(&self, decoded: &mut Decoded) {
        decoded.state.push(StateChange {
            key: Arc::clone(&self.session_key),
            value: self.session.map(|session| session.to_bytes().into()),
        });
    }

    fn forget_members(&mut self, decoded: &mut Decoded) {
        for device in std::mem::take(&mut self.members).into_keys() {
            decoded.state.push(StateChange {
                key: record::table_key(&self.name, device.as_deref()),
                value: None,
            });
        }
    }

    /// Removes what is kept of this node.
    pub(super) fn forget(mut self, decoded: &mut Decoded) {
        self.session = None;
        self.keep_session(decoded);
        self.forget_members(decoded);
    }

    /// Forgets all devices but this one, if the node takes more than `limit_bytes`.
    pub(super) fn limit(
        &mut self,
        limit_bytes: usize,
        device: Option<&str>,
        decoded: &mut Decoded,
    ) {
        if self.heap_size() <= limit_bytes {
            return;
        }
        let device: Option<Arc<str>> = device.map(Arc::from);
        let kept = self.members.remove_entry(&device);
        self.forget_members(decoded);
        self.members.extend(kept);
    }

    /// Returns roughly how many bytes it holds on the heap.
    pub(super) fn heap_size(&self) -> usize {
        /// A place in a tree.
        const PLACE: usize = 2 * size_of::<(Option<Arc<str>>, Member)>();
        let members = self.members.values();
        let members = members.map(|member| PLACE + member.heap_size);
        2 * self.name.len() + self.session_key.len() + members.sum::<usize>()
    }

    /// Takes what was kept under one of its keys.
    pub(super) fn restore(&mut self, key: &str, value: &[u8]) {
        if !record::is_table(key) {
            self.session = Session::from_bytes(value);
        } else if let Some(table) = Table::from_bytes(value) {
            let device = record::device_of(key, &self.name);
            let member = self.member(device, table);
            self.members.insert(device.map(Arc::from), member);
        }
    }
}

impl Member {
    fn online(&self, is_online: bool, time: Option<DateTime<Utc>>) -> Measured {
        online(Arc::clone(&self.topic), is_online, time)
    }

    /// Adds what its BIRTH says of its series.
    fn describe(&self, decoded: &mut Decoded) {
        let facts = self.table.definitions().iter();
        let facts = facts.filter(|it| it.unit.is_some()).map(|it| SeriesFacts {
            topic: Some(Arc::clone(&self.topic)),
            metric: Some(Arc::clone(&it.name)),
            unit: it.unit.clone(),
            ..SeriesFacts::default()
        });
        decoded.series.extend(facts);
    }
}

fn online(topic: Arc<str>, is_online: bool, time: Option<DateTime<Utc>>) -> Measured {
    Measured {
        topic: Some(topic),
        metric: Some(Arc::from(ONLINE)),
        time,
        ..Measured::new(Value::Json(is_online.into()))
    }
}
