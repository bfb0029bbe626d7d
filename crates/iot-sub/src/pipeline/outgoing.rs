//! Publishes what the intake wants to be published: removals of retained messages, and what
//! decoders ask for.

use iot_core::Handle;

use super::intake::Intake;

/// Publishes what there is, while there is a connection. A removal that fails is not waited for;
/// what decoders have asked for, they ask for again.
pub(super) fn publish_outgoing(intake: &mut Intake, handle: &Handle) {
    for removal in intake.selector.take_removals() {
        let topic = removal.topic.clone();
        if handle.publish(removal).is_err() {
            intake.selector.not_removed(&topic);
        }
    }
    if !intake.counts.gauges.is_connected() {
        return;
    }
    for message in intake.decoding.take_outgoing() {
        let _ = handle.publish(message);
    }
}
