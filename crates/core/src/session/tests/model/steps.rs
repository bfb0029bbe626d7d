//! The random steps of a run.

use proptest::prelude::*;

use super::input::{Limits, TOPICS};
use crate::protocol::Protocol;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// The application publishes. With QoS 0 it may track the message.
    Publish {
        qos: u8,
        topic: usize,
        retain: bool,
        size: usize,
        tracked: bool,
    },
    Subscribe,
    Unsubscribe,
    /// The application takes so many events.
    Take(usize),
    /// It acknowledges one of the messages that it has.
    Ack(usize),
    /// It refuses one (MQTT 5).
    Refuse(usize),
    /// It acknowledges a message again.
    AckAgain(usize),
    Release(usize),
    Manual(bool),
    MaxInflight(u16),
    /// It ends the connection.
    Disconnect,
    /// It restarts with the packet identifiers that it holds on disk.
    Restart,
    /// So many packets are sent.
    Send(usize),
    /// So many reach the broker.
    Reach(usize),
    /// So many packets of the broker arrive.
    Arrive(usize),
    /// Another client publishes a message that this one is subscribed to.
    Offer {
        qos: u8,
        topic: usize,
        size: usize,
    },
    /// The broker refuses the next message (MQTT 5).
    Reject,
    /// It acknowledges a message that was not sent on this connection, and one that never existed.
    Stray,
    Lose {
        forget: bool,
    },
    Connect(Limits),
    Pass(u64),
}

/// The kind of client and broker of a run.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent choices")]
pub(super) struct Setup {
    pub(super) protocol: Protocol,
    pub(super) clean: bool,
    pub(super) manual: bool,
    /// The broker delivers QoS 2 at the PUBLISH.
    pub(super) early: bool,
    /// It sends again without DUP, as mosquitto does after a restart.
    pub(super) forgets_dup: bool,
    /// The application may be restarted; then it publishes no QoS 2, whose packet identifiers would
    /// be lost.
    pub(super) restarts: bool,
    pub(super) max_inflight: u16,
    pub(super) max_queued: u16,
    pub(super) max_queued_bytes: usize,
    pub(super) receive_maximum: u16,
    pub(super) alias_maximum: u16,
}

fn limits() -> impl Strategy<Value = Limits> {
    let free = Just(Limits::NONE);
    let tight = (1_u16..5, 0_u8..=2, any::<bool>(), 20_u32..60, 0_u16..4);
    let tight = tight.prop_map(|(receive, qos, retain, size, alias)| Limits {
        receive_maximum: receive,
        maximum_qos: qos,
        retain_available: retain,
        maximum_packet_size: size,
        alias_maximum: alias,
    });
    let window = (1_u16..5, 0_u16..4).prop_map(|(receive_maximum, alias_maximum)| Limits {
        receive_maximum,
        alias_maximum,
        ..Limits::NONE
    });
    prop_oneof![2 => free, 2 => window, 1 => tight]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let publish = (
        0_u8..=2,
        0..TOPICS.len(),
        any::<bool>(),
        0_usize..40,
        any::<bool>(),
    );
    let publish = publish.prop_map(|(qos, topic, retain, size, tracked)| Step::Publish {
        qos,
        topic,
        retain,
        size,
        tracked,
    });
    let offer = (0_u8..=2, 0..TOPICS.len(), 0_usize..40);
    let offer = offer.prop_map(|(qos, topic, size)| Step::Offer { qos, topic, size });
    prop_oneof![
        12 => publish,
        10 => offer,
        2 => Just(Step::Subscribe),
        1 => Just(Step::Unsubscribe),
        14 => (1_usize..6).prop_map(Step::Send),
        14 => (1_usize..6).prop_map(Step::Reach),
        14 => (1_usize..6).prop_map(Step::Arrive),
        10 => (1_usize..6).prop_map(Step::Take),
        8 => (0_usize..8).prop_map(Step::Ack),
        1 => (0_usize..8).prop_map(Step::Refuse),
        1 => (0_usize..8).prop_map(Step::AckAgain),
        6 => (0_usize..8).prop_map(Step::Release),
        1 => any::<bool>().prop_map(Step::Manual),
        1 => (1_u16..6).prop_map(Step::MaxInflight),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Restart),
        1 => Just(Step::Reject),
        1 => Just(Step::Stray),
        5 => prop::bool::weighted(0.2).prop_map(|forget| Step::Lose { forget }),
        8 => limits().prop_map(Step::Connect),
        2 => (1_u64..70).prop_map(Step::Pass),
    ]
}

pub(super) fn setup() -> impl Strategy<Value = Setup> {
    let protocol = prop_oneof![
        Just(Protocol::V31),
        Just(Protocol::V311),
        Just(Protocol::V5)
    ];
    let flags = (
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.3),
    );
    let bytes = prop_oneof![Just(64 * 1024), 60_usize..200];
    // Small windows fill up; large ones get gaps.
    let windows = prop_oneof![
        3 => (1_u16..6, 1_u16..10),
        1 => (1_u16..60, 30_u16..100),
    ];
    let sizes = (windows, bytes, 1_u16..5, 0_u16..4);
    (protocol, flags, sizes).prop_map(|(protocol, flags, sizes)| {
        let (clean, manual, early, forgets_dup, restarts) = flags;
        let ((max_inflight, max_queued), max_queued_bytes, receive_maximum, alias_maximum) = sizes;
        Setup {
            protocol,
            clean,
            manual,
            early,
            forgets_dup,
            restarts: restarts && manual,
            max_inflight,
            max_queued,
            max_queued_bytes,
            receive_maximum,
            alias_maximum,
        }
    })
}
