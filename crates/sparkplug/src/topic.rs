//! Topics: `spBv1.0/GROUP/TYPE/NODE[/DEVICE]` and `spBv1.0/STATE/HOST`.

/// The first level of every topic but that of an old STATE message.
pub const NAMESPACE: &str = "spBv1.0";

/// What a message of an edge node or to it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the specification")]
pub enum MessageType {
    NodeBirth,
    DeviceBirth,
    NodeData,
    DeviceData,
    NodeDeath,
    DeviceDeath,
    NodeCommand,
    DeviceCommand,
}

/// A topic, by its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SparkplugTopic<'a> {
    /// A message of an edge node or to it.
    Node {
        /// What it is.
        message: MessageType,
        /// The group of the node.
        group: &'a str,
        /// The node.
        node: &'a str,
        /// Its device, if the message is about one.
        device: Option<&'a str>,
    },
    /// A host application says whether it is there.
    State {
        /// The application.
        host: &'a str,
    },
}

impl MessageType {
    const ALL: [(Self, &'static str); 8] = [
        (Self::NodeBirth, "NBIRTH"),
        (Self::DeviceBirth, "DBIRTH"),
        (Self::NodeData, "NDATA"),
        (Self::DeviceData, "DDATA"),
        (Self::NodeDeath, "NDEATH"),
        (Self::DeviceDeath, "DDEATH"),
        (Self::NodeCommand, "NCMD"),
        (Self::DeviceCommand, "DCMD"),
    ];

    /// Returns its level in a topic.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(it, _)| *it == self);
        found.map_or("", |(_, name)| name)
    }

    /// Returns whether it is about a device, and not about its node.
    pub fn is_of_device(self) -> bool {
        self.name().starts_with('D')
    }
}

impl<'a> SparkplugTopic<'a> {
    /// Reads a topic; `None` if it is not one of Sparkplug's.
    pub fn read(topic: &'a str) -> Option<Self> {
        let mut levels = topic.split('/');
        let levels = [(); 6].map(|()| levels.next());
        match levels {
            [Some(NAMESPACE | "STATE"), Some(""), ..] => None,
            [Some("STATE"), Some(host), None, ..]
            | [Some(NAMESPACE), Some("STATE"), Some(host), None, ..]
            // As mqtt-spb-wrapper has it.
            | [Some(NAMESPACE), Some(_), Some("STATE"), Some(host), None, _] => {
                (!host.is_empty()).then_some(Self::State { host })
            }
            [Some(NAMESPACE), Some(group), Some(name), Some(node), device, None] => {
                let (message, _) = *MessageType::ALL.iter().find(|(_, it)| *it == name)?;
                let is_whole = message.is_of_device() == device.is_some();
                let is_named = !node.is_empty() && device != Some("");
                (is_whole && is_named).then_some(Self::Node {
                    message,
                    group,
                    node,
                    device,
                })
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for SparkplugTopic<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Node {
                message,
                group,
                node,
                device,
            } => {
                write!(f, "{NAMESPACE}/{group}/{}/{node}", message.name())?;
                device.map_or(Ok(()), |device| write!(f, "/{device}"))
            }
            Self::State { host } => write!(f, "{NAMESPACE}/STATE/{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_written() {
        let node = |message, device| SparkplugTopic::Node {
            message,
            group: "g 1",
            node: "n",
            device,
        };
        for (topic, expected) in [
            ("spBv1.0/g 1/NBIRTH/n", node(MessageType::NodeBirth, None)),
            ("spBv1.0/g 1/NDATA/n", node(MessageType::NodeData, None)),
            ("spBv1.0/g 1/NDEATH/n", node(MessageType::NodeDeath, None)),
            ("spBv1.0/g 1/NCMD/n", node(MessageType::NodeCommand, None)),
            (
                "spBv1.0/g 1/DBIRTH/n/d",
                node(MessageType::DeviceBirth, Some("d")),
            ),
            (
                "spBv1.0/g 1/DDATA/n/d",
                node(MessageType::DeviceData, Some("d")),
            ),
            (
                "spBv1.0/g 1/DDEATH/n/d",
                node(MessageType::DeviceDeath, Some("d")),
            ),
            (
                "spBv1.0/g 1/DCMD/n/d",
                node(MessageType::DeviceCommand, Some("d")),
            ),
            (
                "spBv1.0/STATE/scada",
                SparkplugTopic::State { host: "scada" },
            ),
        ] {
            assert_eq!(SparkplugTopic::read(topic), Some(expected));
            assert_eq!(expected.to_string(), topic);
        }
        for old in ["STATE/scada", "spBv1.0/g/STATE/scada"] {
            let expected = Some(SparkplugTopic::State { host: "scada" });
            assert_eq!(SparkplugTopic::read(old), expected);
        }
    }

    #[test]
    fn other_topics_are_not() {
        for topic in [
            "",
            "spBv1.0",
            "spBv1.0/g",
            "spBv1.0/g/NDATA",
            "spBv1.0/g/NDATA/",
            "spBv1.0/g/NDATA/n/d",
            "spBv1.0/g/DDATA/n",
            "spBv1.0/g/DDATA/n/",
            "spBv1.0/g/DDATA/n/d/e",
            "spBv1.0/g/ddata/n/d",
            "spBv1.0//NDATA/n",
            "spAv1.0/g/NDATA/n",
            "STATE",
            "STATE/",
            "STATE/a/b",
            "home/g/NDATA/n",
        ] {
            assert_eq!(SparkplugTopic::read(topic), None, "{topic}");
        }
    }
}
