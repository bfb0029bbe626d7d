//! Publishes what the intake wants to be published: removals of retained messages, and what
//! decoders ask for.

use iot_core::Handle;

use super::intake::Intake;

/// Publishes removals of retained messages.
pub(super) fn publish_removals(intake: &mut Intake, handle: &Handle) {
    for removal in intake.selector.take_removals() {
        let topic = removal.topic.clone();
        if handle.publish(removal).is_err() {
            intake.selector.not_removed(&topic);
        }
    }
}

/// Publishes what decoders have asked for, while there is a connection. What is lost with one is
/// asked for again.
pub(super) fn publish_requests(intake: &mut Intake, handle: &Handle) {
    if !intake.counts.gauges.is_connected() {
        return;
    }
    for message in intake.decoding.take_outgoing() {
        let _ = handle.publish(message);
    }
}
