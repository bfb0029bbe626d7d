//! What became of the messages, counted and said.

use iot_core::QoS;

/// Counts messages by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Taken up to be sent; the others are among them.
    pub(crate) messages: u64,
    /// Not yet sent (QoS 0), or not yet acknowledged (1, 2).
    pub(crate) pending: u64,
    /// QoS 0 messages that were due, or not yet sent, while the broker was away.
    pub(crate) dropped: u64,
    /// Rejected by the broker.
    pub(crate) rejected: u64,
}

impl Counts {
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
            dropped,
            rejected,
        };
        assert_eq!(counts.missing(qos).as_deref(), expected);
    }

    #[test]
    fn what_is_missing_reads_as_a_sentence() {
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
