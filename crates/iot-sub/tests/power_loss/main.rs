//! When the power goes, what was acknowledged is on the disk.
//!
//! A real run is recorded by strace: each write to the spool, each fsync, and what is sent to the
//! broker and received from it. Then the spool's files are made again as a disk would have them
//! after a loss of power at any of these moments, with what no fsync had covered missing, torn or
//! in disorder, and opened.

#[path = "../common/mod.rs"]
mod common;
mod packets;
mod record;
mod replay;

use std::collections::HashMap;

use common::sub;
use testkit::{Broker, Loss, Mongo, Program};

use packets::Packet;
use record::{COUNT, number, record};
use replay::{Left, Promise, replay};

/// What a PUBACK promises: the reading is there.
struct Acknowledged {
    count: usize,
    /// Readings go to the store, the oldest first, and are deleted from the spool.
    trims: bool,
}

impl Promise for Acknowledged {
    fn sent(&mut self, packet: &Packet) -> bool {
        let promises = *packet == Packet::Puback;
        self.count += usize::from(promises);
        promises
    }

    fn check(&self, left: &Left, loss: Loss) {
        let first = in_order(left, self.trims, loss);
        assert!(
            first + left.readings.len() >= self.count,
            "{loss:?}: {} were acknowledged, the spool holds {} from {first} on",
            self.count,
            left.readings.len()
        );
    }

    fn finish(&self) {
        assert_eq!(self.count, COUNT);
    }
}

/// The readings must be in order and without a gap; returns the first one's number.
fn in_order(left: &Left, trims: bool, loss: Loss) -> usize {
    let first = left.committed - left.readings.len();
    assert!(first == 0 || trims, "{loss:?}: it begins with {first}");
    let expected: Vec<usize> = (first..left.committed).collect();
    assert_eq!(left.readings, expected, "{loss:?}");
    first
}

/// What PUBREC and PUBCOMP promise: from the one on the packet identifier is held, with its
/// reading, and from the other on it isn't.
#[derive(Default)]
struct Held {
    /// By packet identifier: which reading, and how far it is.
    in_flight: HashMap<u16, (usize, Stage)>,
    done: usize,
    trims: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// PUBLISH has come.
    Come,
    /// PUBREC was sent.
    Acknowledged,
    /// PUBREL has come.
    Released,
}

impl Held {
    fn advance(&mut self, id: u16, from: Stage, to: Stage) {
        let (_, stage) = self
            .in_flight
            .get_mut(&id)
            .expect("an identifier in flight");
        assert_eq!(*stage, from);
        *stage = to;
    }
}

impl Promise for Held {
    fn sent(&mut self, packet: &Packet) -> bool {
        match packet {
            Packet::Pubrec(id) => self.advance(*id, Stage::Come, Stage::Acknowledged),
            Packet::Pubcomp(id) => {
                let known = self.in_flight.remove(id);
                assert!(matches!(known, Some((_, Stage::Released))), "{known:?}");
                self.done += 1;
            }
            _ => return false,
        }
        true
    }

    fn received(&mut self, packet: &Packet) {
        match packet {
            Packet::Publish { topic, id } => {
                let number = number(topic.as_bytes()).expect("a topic of ours");
                let before = self.in_flight.insert(*id, (number, Stage::Come));
                assert_eq!(
                    before, None,
                    "packet identifier {id} is used again before its end"
                );
            }
            Packet::Pubrel(id) => self.advance(*id, Stage::Acknowledged, Stage::Released),
            _ => {}
        }
    }

    fn check(&self, left: &Left, loss: Loss) {
        in_order(left, self.trims, loss);
        for (id, (number, stage)) in &self.in_flight {
            let (is_there, is_held) = (*number < left.committed, left.held.contains(id));
            let as_promised = match stage {
                // Committed together, or not at all.
                Stage::Come => is_there == is_held,
                Stage::Acknowledged => is_there && is_held,
                // The removal may be committed, and PUBCOMP in flight.
                Stage::Released => is_there,
            };
            assert!(
                as_promised,
                "{loss:?}: reading {number} under packet identifier {id} is {stage:?}; it is there: {is_there}, held: {is_held}"
            );
        }
        let ended = left.held.iter();
        let ended = ended.filter(|id| !self.in_flight.contains_key(id));
        let ended: Vec<_> = ended.collect();
        assert!(ended.is_empty(), "{loss:?}: held after PUBCOMP: {ended:?}");
    }

    fn finish(&self) {
        assert_eq!((self.done, self.in_flight.len()), (COUNT, 0));
    }
}

#[test]
fn what_was_acknowledged_before_the_power_went_is_in_the_spool() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mongo = Mongo::reserve();
    let recording = record(folder.path(), &mongo, 1, false);
    let mut promise = Acknowledged {
        count: 0,
        trims: false,
    };
    let disk = replay(folder.path(), &recording, &mut promise);

    // And iot-sub itself takes what there is.
    let after = folder.path().join("after");
    std::fs::create_dir(&after).expect("a folder");
    disk.lose_power(Loss::All, &after);
    let broker = Broker::reserve();
    let program: Program = sub(&[
        "-p",
        &broker.port().to_string(),
        "--store",
        &mongo.url(),
        "--spool",
        &after.join("s").display().to_string(),
    ]);
    let program = program.spawn();
    program.wait_for_stderr(&format!("found in the spool: {COUNT}"));
}

#[test]
fn what_was_acknowledged_is_in_the_spool_or_the_store_while_that_takes_readings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = record(folder.path(), &Mongo::start(), 1, true);
    let mut promise = Acknowledged {
        count: 0,
        trims: true,
    };
    replay(folder.path(), &recording, &mut promise);
}

#[test]
fn packet_ids_are_held_from_pubrec_to_pubcomp_whenever_the_power_goes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = record(folder.path(), &Mongo::reserve(), 2, false);
    replay(folder.path(), &recording, &mut Held::default());
}

#[test]
fn packet_ids_are_held_while_the_store_takes_readings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = record(folder.path(), &Mongo::start(), 2, true);
    let mut promise = Held {
        trims: true,
        ..Held::default()
    };
    replay(folder.path(), &recording, &mut promise);
}
