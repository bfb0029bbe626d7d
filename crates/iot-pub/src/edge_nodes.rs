//! Which devices belong to which Sparkplug edge node.

use std::collections::{HashMap, HashSet};

use crate::device::{Device, EdgePlace};
use crate::edge_node::EdgeNode;
use crate::payload::Source;

/// Returns the edge nodes that these devices name with their topics, and gives each device its
/// place.
///
/// # Errors
/// One line: a topic that is not of this form, or one that two devices have.
pub(crate) fn assign(devices: &mut [Device]) -> Result<Vec<EdgeNode>, String> {
    let mut nodes: Vec<EdgeNode> = Vec::new();
    let mut by_name: HashMap<String, usize> = HashMap::new();
    let mut topics: HashSet<String> = HashSet::new();
    for device in devices {
        let Source::Sensor(sensor) = &device.source else {
            continue;
        };
        let Some(values) = sensor.sparkplug() else {
            continue;
        };
        let topic = device.topic.as_str();
        let name = SeriesTopic::read(topic)?;
        if !topics.insert(topic.to_owned()) {
            return Err(format!("two devices have the topic `{topic}`"));
        }
        let node = *by_name.entry(name.of_node()).or_insert_with(|| {
            nodes.push(EdgeNode::new(name.group, name.node));
            nodes.len() - 1
        });
        let member = nodes[node].add(name.device, values);
        device.edge = Some(EdgePlace { node, member });
    }
    Ok(nodes)
}

/// The topic of a series, `spBv1.0/GROUP/NODE[/DEVICE]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesTopic<'a> {
    group: &'a str,
    node: &'a str,
    device: Option<&'a str>,
}

impl<'a> SeriesTopic<'a> {
    /// Reads a topic.
    ///
    /// # Errors
    /// One line that says what it has to be.
    pub(crate) fn read(topic: &'a str) -> Result<Self, String> {
        let mut levels = topic.split('/');
        let levels = [(); 5].map(|()| levels.next());
        let [
            Some(iot_sparkplug::NAMESPACE),
            Some(group),
            Some(node),
            device,
            None,
        ] = levels
        else {
            return Err(wanted(topic));
        };
        let is_name = |level: &str| !level.is_empty() && level != "STATE";
        if ![Some(group), Some(node), device]
            .into_iter()
            .flatten()
            .all(is_name)
        {
            return Err(wanted(topic));
        }
        Ok(Self {
            group,
            node,
            device,
        })
    }

    fn of_node(&self) -> String {
        format!("{}/{}", self.group, self.node)
    }
}

fn wanted(topic: &str) -> String {
    format!("`{topic}`: with Sparkplug, a topic is spBv1.0/GROUP/NODE or spBv1.0/GROUP/NODE/DEVICE")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_those_of_series() {
        let read = SeriesTopic::read("spBv1.0/plant/line1/press").unwrap();
        assert_eq!(
            (read.group, read.node, read.device),
            ("plant", "line1", Some("press"))
        );
        assert_eq!(SeriesTopic::read("spBv1.0/g/n").unwrap().device, None);
        for topic in [
            "iot/a",
            "spBv1.0/g",
            "spBv1.0//n",
            "spBv1.0/g/n/",
            "spBv1.0/g/n/d/e",
            "spBv1.0/STATE/n",
        ] {
            let why = SeriesTopic::read(topic).unwrap_err();
            assert!(
                why.starts_with(&format!("`{topic}`: with Sparkplug, ")),
                "{why}"
            );
        }
    }
}
