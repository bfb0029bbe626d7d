//! Counts messages by what became of them, and says what is missing.

use iot_core::QoS;

/// Counts messages by what became of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Taken from the devices. The others are among them, except for the skipped ones.
    pub(crate) messages: u64,
    /// Not yet written (QoS 0), or not yet acknowledged (QoS 1 and 2).
    pub(crate) pending: u64,
    /// Written to a connection (QoS 0), or taken by it (QoS 1 and 2).
    pub(crate) sent: u64,
    /// Acknowledged by the broker (QoS 1 and 2).
    pub(crate) acknowledged: u64,
    /// Rejected by the broker.
    pub(crate) rejected: u64,
    /// QoS 0: due, or not yet written, while the broker was away.
    pub(crate) dropped: u64,
    /// QoS 0: written to a connection that ended before the broker had shown that it has read them.
    /// They are among the sent ones.
    pub(crate) maybe_lost: u64,
    /// Ticks that were missed.
    pub(crate) skipped: u64,
}

impl Counts {
    /// A connection has taken a message.
    pub(super) fn accepted(&mut self, qos: QoS) {
        self.pending += 1;
        if qos != QoS::AtMostOnce {
            self.sent += 1;
        }
    }

    /// A message is written (QoS 0) or acknowledged (QoS 1 and 2). It stays pending until the
    /// caller counts it off.
    pub(super) fn acknowledged(&mut self, qos: QoS) {
        if qos == QoS::AtMostOnce {
            self.sent += 1;
        } else {
            self.acknowledged += 1;
        }
    }

    /// Returns what is missing at the end, in one line; `None` if nothing is.
    pub(crate) fn missing(&self, qos: QoS) -> Option<String> {
        let pending = match qos {
            QoS::AtMostOnce => "not sent",
            QoS::AtLeastOnce | QoS::ExactlyOnce => "not acknowledged by the broker",
        };
        let all = self.messages;
        let mut missing: Vec<String> = Vec::new();
        for (count, what) in [
            (self.pending, pending),
            (self.rejected, "rejected by the broker"),
            (self.dropped, "dropped while the broker was away"),
        ] {
            let were = were(count);
            match (count, missing.is_empty()) {
                (0, _) => {}
                (_, true) if all == 1 => missing.push(format!("the message was {what}")),
                (_, true) => missing.push(format!("{count} of {all} messages {were} {what}")),
                (_, false) => missing.push(format!("{count} {were} {what}")),
            }
        }
        if self.maybe_lost > 0 {
            let which = match (missing.is_empty(), all) {
                (false, _) => format!("up to {} more may be lost", self.maybe_lost),
                (true, 1) => "the message may be lost".to_owned(),
                (true, all) => format!("up to {} of {all} messages may be lost", self.maybe_lost),
            };
            let them = if all == 1 { "it" } else { "them" };
            missing.push(format!(
                "{which}: when the connection ended, nothing showed that the broker had read {them}"
            ));
        }
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

/// Returns `1 message was` or `2 messages were`.
pub(crate) fn messages_were(count: u64) -> String {
    let messages = if count == 1 { "message" } else { "messages" };
    format!("{count} {messages} {}", were(count))
}

fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(qos: QoS, [messages, pending, rejected, dropped]: [u64; 4], expected: Option<&str>) {
        let counts = Counts {
            messages,
            pending,
            rejected,
            dropped,
            ..Counts::default()
        };
        assert_eq!(counts.missing(qos).as_deref(), expected);
    }

    #[test]
    fn messages_that_may_be_lost_are_an_upper_limit() {
        let line = |dropped, messages| {
            let counts = Counts {
                messages,
                dropped,
                maybe_lost: messages - dropped,
                ..Counts::default()
            };
            counts.missing(QoS::AtMostOnce).unwrap()
        };
        let why = "when the connection ended, nothing showed that the broker had read";
        assert_eq!(
            line(3, 5),
            format!(
                "3 of 5 messages were dropped while the broker was away, up to 2 more may be lost: {why} them"
            )
        );
        assert_eq!(
            line(0, 5),
            format!("up to 5 of 5 messages may be lost: {why} them")
        );
        assert_eq!(line(0, 1), format!("the message may be lost: {why} it"));
    }

    #[test]
    fn missing_messages_are_reported_as_a_sentence() {
        let (zero, one) = (QoS::AtMostOnce, QoS::AtLeastOnce);
        case(zero, [5, 0, 0, 0], None);
        case(
            one,
            [1, 1, 0, 0],
            Some("the message was not acknowledged by the broker"),
        );
        case(
            one,
            [5, 2, 1, 0],
            Some(
                "2 of 5 messages were not acknowledged by the broker, 1 was rejected by the broker",
            ),
        );
        case(
            zero,
            [5, 1, 0, 3],
            Some("1 of 5 messages was not sent, 3 were dropped while the broker was away"),
        );
    }
}
