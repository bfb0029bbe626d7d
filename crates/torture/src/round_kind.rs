//! The kinds of rounds: how `iot-sub` is started, with which store, and what is promised.

use torture::shape::Shape;

/// One kind.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Arguments of `iot-sub`, in addition to those of every round.
    pub(crate) arguments: &'static [&'static str],
    /// Into a replica set, instead of a single server.
    pub(crate) into_set: bool,
    /// The payload says which message it is: each is stored once, with QoS 1 as well.
    pub(crate) keyed: bool,
    /// How the readings are sent.
    pub(crate) shape: Shape,
    /// The broker is killed too, and loses what it acknowledged to the publishers.
    pub(crate) broker_dies: bool,
}

const PLAIN: Kind = Kind {
    name: "MQTT 3.1.1",
    arguments: &["-c"],
    into_set: false,
    keyed: false,
    shape: Shape::Json,
    broker_dies: false,
};

/// All kinds; the first four are what runs with the tests, and have each shape.
const KINDS: [Kind; 10] = [
    PLAIN,
    Kind {
        name: "MQTT 5, --durable, replica set, five values in JSON",
        arguments: &["--durable", "--decode", "leaves", "--leaves-text"],
        into_set: true,
        shape: Shape::Leaves,
        ..PLAIN
    },
    Kind {
        name: "MQTT 3.1.1, mosquitto killed, five values in Sparkplug",
        arguments: &["-c", "-t", "spBv1.0/+/DDATA/#", "--decode", "sparkplug"],
        shape: Shape::Sparkplug,
        broker_dies: true,
        ..PLAIN
    },
    Kind {
        name: "MQTT 5, --id-key",
        arguments: &["-c", "-V", "5", "--id-key", "/n"],
        keyed: true,
        ..PLAIN
    },
    Kind {
        name: "MQTT 5, five values in JSON",
        arguments: &["-c", "-V", "5", "--decode", "leaves", "--leaves-text"],
        shape: Shape::Leaves,
        ..PLAIN
    },
    Kind {
        name: "MQTT 3.1.1, five values in Sparkplug",
        arguments: &["-c", "-t", "spBv1.0/+/DDATA/#", "--decode", "sparkplug"],
        shape: Shape::Sparkplug,
        ..PLAIN
    },
    Kind {
        name: "MQTT 5, mosquitto killed",
        arguments: &["-c", "-V", "5"],
        broker_dies: true,
        ..PLAIN
    },
    Kind {
        name: "MQTT 3.1.1, replica set",
        into_set: true,
        ..PLAIN
    },
    Kind {
        name: "MQTT 3.1.1, --id-key, mosquitto killed",
        arguments: &["-c", "--id-key", "/n"],
        keyed: true,
        broker_dies: true,
        ..PLAIN
    },
    Kind {
        name: "MQTT 5, --durable, mosquitto killed",
        arguments: &["--durable"],
        broker_dies: true,
        ..PLAIN
    },
];

/// How many there are.
pub(crate) const COUNT: u64 = KINDS.len() as u64;

impl Kind {
    /// Returns the kind of the round with this seed.
    pub(crate) fn of(seed: u64) -> &'static Self {
        let index = usize::try_from(seed % COUNT).expect("a small number");
        &KINDS[index]
    }

    /// How often a reading may be stored that the broker has sent `times` times, in `runs` of its
    /// runs.
    pub(crate) fn most(&self, qos: u8, times: u64, runs: u64) -> u64 {
        match qos {
            _ if self.keyed => 1,
            // A killed broker may send finished messages again as new.
            2 => runs,
            _ => times,
        }
    }
}
