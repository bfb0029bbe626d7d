//! A Sparkplug edge node: the numbers of its messages, and what its BIRTHs say.
//!
//! The node is one connection. Its topic in options and scenarios is that of its series,
//! `spBv1.0/GROUP/NODE[/DEVICE]`; the type of the message is added when one is sent.

use anyhow::Result;
use bytes::Bytes;
use iot_core::{Message, QoS, TopicFilter, TopicName, Will};
use iot_sparkplug::{
    DataType, MessageType, Metric, MetricValue, Payload, REBIRTH, SparkplugTopic, bd_seq_metric,
};

use crate::payload::format::Value;
use crate::payload::made::Sample;

/// One edge node.
#[derive(Debug)]
pub(crate) struct EdgeNode {
    group: String,
    node: String,
    /// The number of the session: that of the will of the present connection and its NBIRTH.
    bd_seq: u8,
    /// The number of the next message.
    seq: u8,
    /// The first one is the node itself, the others are its devices.
    members: Vec<Member>,
    /// How many metrics have an alias.
    aliases: u64,
}

/// The node itself, or one of its devices.
#[derive(Debug)]
struct Member {
    device: Option<String>,
    metrics: Vec<Measured>,
    /// Its first values have been sent, as its BIRTH.
    is_born: bool,
}

/// A metric, and its last value.
#[derive(Debug)]
struct Measured {
    value: Value,
    alias: u64,
    last: Option<f64>,
    timestamp: Option<u64>,
}

impl EdgeNode {
    pub(crate) fn new(group: &str, node: &str) -> Self {
        Self {
            group: group.to_owned(),
            node: node.to_owned(),
            bd_seq: 0,
            seq: 0,
            members: vec![Member::new(None)],
            aliases: 0,
        }
    }

    /// Adds a device with these metrics, or gives them to the node itself. Returns the index of the
    /// member. Each is to be added once.
    pub(crate) fn add(&mut self, device: Option<&str>, values: &[Value]) -> usize {
        let mut index = 0;
        if device.is_some() {
            index = self.members.len();
            self.members.push(Member::new(device));
        }
        for value in values {
            self.aliases += 1;
            self.members[index].metrics.push(Measured {
                value: value.clone(),
                alias: self.aliases,
                last: None,
                timestamp: None,
            });
        }
        index
    }

    /// Returns the will of the first connection.
    pub(crate) fn will(&self) -> Result<Will> {
        self.will_of(self.bd_seq)
    }

    /// Returns the will of the connection after this one.
    pub(crate) fn next_will(&self) -> Result<Will> {
        self.will_of(self.bd_seq.wrapping_add(1))
    }

    fn will_of(&self, bd_seq: u8) -> Result<Will> {
        Ok(Will {
            topic: self.topic(MessageType::NodeDeath, None)?,
            payload: death(bd_seq),
            // The specification asks for 1, and for 0 of everything else.
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: None,
        })
    }

    /// Returns the message that a node sends before it disconnects, because the broker then
    /// publishes no will.
    pub(crate) fn death(&self) -> Result<Message> {
        let topic = self.topic(MessageType::NodeDeath, None)?;
        Ok(Message::new(topic, death(self.bd_seq)))
    }

    /// Returns the topic filter of the commands to the node.
    pub(crate) fn commands(&self) -> Result<TopicFilter> {
        let topic = self.topic(MessageType::NodeCommand, None)?;
        Ok(TopicFilter::new(topic.as_str())?)
    }

    /// The broker has accepted another connection, whose will has the next number.
    pub(crate) fn reconnected(&mut self) {
        self.bd_seq = self.bd_seq.wrapping_add(1);
    }

    /// Returns the BIRTH of the node, made at this time in milliseconds since 1970 (UTC), and those
    /// of the devices that have sent values. The numbers begin again.
    pub(crate) fn births(&mut self, now: u64) -> Result<Vec<Message>> {
        self.seq = 0;
        let mut births = Vec::new();
        for index in 0..self.members.len() {
            let member = &self.members[index];
            let mut metrics = Vec::new();
            let kind = match member.device {
                Some(_) if !member.is_born => continue,
                Some(_) => MessageType::DeviceBirth,
                None => {
                    let rebirth = MetricValue::Boolean(false);
                    metrics.push(bd_seq_metric(self.bd_seq.into()));
                    metrics.push(Metric::new(REBIRTH, DataType::Boolean, rebirth));
                    MessageType::NodeBirth
                }
            };
            metrics.extend(member.metrics.iter().map(|it| it.birth(now)));
            let device = member.device.as_deref();
            let topic = self.topic(kind, device)?;
            births.push(Message::new(topic, self.payload(now, metrics)));
            self.seq = self.seq.wrapping_add(1);
        }
        Ok(births)
    }

    /// Returns the message with these values of a member: its BIRTH if they are the first ones of a
    /// device. [`sent`](Self::sent) makes it count.
    pub(crate) fn message(&self, member: usize, sample: &Sample) -> Result<Message> {
        let member = &self.members[member];
        let timestamp = sample.timestamp;
        let values = member.metrics.iter().zip(&sample.values);
        let (kind, metrics): (_, Vec<Metric>) = match (&member.device, member.is_born) {
            (Some(_), false) => {
                let births = values.map(|(it, value)| it.birth_of(*value, timestamp));
                (MessageType::DeviceBirth, births.collect())
            }
            (device, _) => {
                let data = values.map(|(it, value)| it.data(*value, timestamp));
                let kind = match device {
                    Some(_) => MessageType::DeviceData,
                    None => MessageType::NodeData,
                };
                (kind, data.collect())
            }
        };
        let topic = self.topic(kind, member.device.as_deref())?;
        Ok(Message::new(topic, self.payload(timestamp, metrics)))
    }

    /// The connection has taken the message with these values.
    pub(crate) fn sent(&mut self, member: usize, sample: &Sample) {
        self.seq = self.seq.wrapping_add(1);
        let member = &mut self.members[member];
        member.is_born = true;
        for (metric, value) in member.metrics.iter_mut().zip(&sample.values) {
            metric.last = *value;
            metric.timestamp = Some(sample.timestamp);
        }
    }

    fn payload(&self, timestamp: u64, metrics: Vec<Metric>) -> Bytes {
        let payload = Payload {
            timestamp: Some(timestamp),
            metrics,
            seq: Some(self.seq.into()),
            ..Payload::default()
        };
        payload.to_bytes().into()
    }

    fn topic(&self, message: MessageType, device: Option<&str>) -> Result<TopicName> {
        let topic = SparkplugTopic::Node {
            message,
            group: &self.group,
            node: &self.node,
            device,
        };
        Ok(TopicName::new(topic.to_string())?)
    }
}

/// Returns the payload of an NDEATH.
fn death(bd_seq: u8) -> Bytes {
    let payload = Payload {
        metrics: vec![bd_seq_metric(bd_seq.into())],
        ..Payload::default()
    };
    payload.to_bytes().into()
}

impl Member {
    fn new(device: Option<&str>) -> Self {
        Self {
            device: device.map(str::to_owned),
            metrics: Vec::new(),
            is_born: false,
        }
    }
}

impl Measured {
    fn birth(&self, now: u64) -> Metric {
        self.birth_of(self.last, self.timestamp.unwrap_or(now))
    }

    /// Returns the metric of a BIRTH: all that is known of it.
    fn birth_of(&self, value: Option<f64>, timestamp: u64) -> Metric {
        let mut metric = self.data(value, timestamp);
        metric.name = Some(self.value.name.clone());
        metric.datatype = Some(DataType::Double.number());
        if let Some(unit) = &self.value.unit {
            metric.set_text_property("engUnit", unit);
        }
        metric
    }

    /// Returns the metric of DATA: its alias and its value.
    fn data(&self, value: Option<f64>, timestamp: u64) -> Metric {
        Metric {
            alias: Some(self.alias),
            timestamp: Some(timestamp),
            is_null: value.is_none().then_some(true),
            value: value.map(MetricValue::Double),
            ..Metric::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use iot_sparkplug::{bd_seq, read_payload};

    use super::*;

    fn value(name: &str, unit: Option<&str>) -> Value {
        Value {
            name: name.into(),
            unit: unit.map(str::to_owned),
        }
    }

    fn sample(value: Option<f64>, timestamp: u64) -> Sample {
        Sample {
            values: vec![value],
            timestamp,
        }
    }

    /// Sends the values of a member. Returns topic and payload.
    fn send(node: &mut EdgeNode, member: usize, value: f64) -> (String, Payload) {
        let sample = sample(Some(value), 5);
        let message = node.message(member, &sample).unwrap();
        node.sent(member, &sample);
        read(&message)
    }

    fn read(message: &Message) -> (String, Payload) {
        let payload = read_payload(&message.payload).unwrap();
        (message.topic.to_string(), payload)
    }

    #[test]
    fn a_session_from_birth_to_death() {
        let mut node = EdgeNode::new("plant", "line1");
        assert_eq!(node.add(Some("press"), &[value("force", Some("kN"))]), 1);
        assert_eq!(node.add(None, &[value("load", None)]), 0);

        let births = node.births(1).unwrap();
        let [birth] = &births[..] else {
            panic!("{births:?}");
        };
        let (topic, payload) = read(birth);
        assert_eq!(topic, "spBv1.0/plant/NBIRTH/line1");
        assert_eq!((payload.seq, bd_seq(&payload)), (Some(0), Some(0)));
        let names: Vec<_> = payload
            .metrics
            .iter()
            .map(|it| it.name.as_deref().unwrap())
            .collect();
        assert_eq!(names, ["bdSeq", "Node Control/Rebirth", "load"]);
        assert_eq!(payload.metrics[2].is_null, Some(true));

        // The first values of a device are its BIRTH.
        let (topic, payload) = send(&mut node, 1, 2.5);
        assert_eq!(topic, "spBv1.0/plant/DBIRTH/line1/press");
        assert_eq!(payload.seq, Some(1));
        let force = &payload.metrics[0];
        assert_eq!(
            (force.name.as_deref(), force.alias),
            (Some("force"), Some(1))
        );
        assert_eq!(force.text_property("engUnit"), Some("kN"));
        let (topic, payload) = send(&mut node, 1, 3.5);
        assert_eq!(topic, "spBv1.0/plant/DDATA/line1/press");
        let force = &payload.metrics[0];
        assert_eq!((force.name.as_deref(), force.alias), (None, Some(1)));
        assert_eq!(force.value, Some(MetricValue::Double(3.5)));
        let (topic, payload) = send(&mut node, 0, 80.0);
        assert_eq!(
            (topic.as_str(), payload.seq),
            ("spBv1.0/plant/NDATA/line1", Some(3))
        );

        // The next connection.
        let death = read_payload(&node.next_will().unwrap().payload).unwrap();
        assert_eq!(bd_seq(&death), Some(1));
        node.reconnected();
        let births = node.births(9).unwrap();
        let births: Vec<_> = births.iter().map(read).collect();
        assert_eq!(births.len(), 2);
        assert_eq!(bd_seq(&births[0].1), Some(1));
        assert_eq!(births[1].1.seq, Some(1));
        let force = &births[1].1.metrics[0];
        assert_eq!(force.value, Some(MetricValue::Double(3.5)));
        assert_eq!(force.timestamp, Some(5));
        let (topic, payload) = read(&node.death().unwrap());
        assert_eq!(
            (topic.as_str(), bd_seq(&payload)),
            ("spBv1.0/plant/NDEATH/line1", Some(1))
        );
    }

    #[test]
    fn numbers_of_messages_begin_again_after_255() {
        let mut node = EdgeNode::new("g", "n");
        node.add(None, &[value("a", None)]);
        node.births(1).unwrap();
        let seqs: Vec<_> = (0..300)
            .map(|_| send(&mut node, 0, 1.0).1.seq.unwrap())
            .collect();
        assert_eq!(seqs[..3], [1, 2, 3]);
        assert_eq!(seqs[253..257], [254, 255, 0, 1]);
    }
}
