//! What one message became: a reading or a rejection.

use chrono::{DateTime, Utc};

use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;

/// What one message became.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// It could be read.
    Reading(Reading),
    /// It could not be read.
    Rejection(Rejection),
}

impl Entry {
    /// Returns the id given when the message was read.
    pub fn id(&self) -> ReadingId {
        match self {
            Self::Reading(reading) => reading.id,
            Self::Rejection(rejection) => rejection.id,
        }
    }

    /// Returns when it was received.
    pub fn received(&self) -> DateTime<Utc> {
        match self {
            Self::Reading(reading) => {
                let extra = reading.extra.as_ref();
                let received = extra.and_then(|extra| extra.received());
                received.unwrap_or(reading.reg_date)
            }
            Self::Rejection(rejection) => rejection.reg_date,
        }
    }

    /// Returns the reading, if it is one.
    pub fn as_reading(&self) -> Option<&Reading> {
        match self {
            Self::Reading(reading) => Some(reading),
            Self::Rejection(_) => None,
        }
    }

    /// Returns the rejection, if it is one.
    pub fn as_rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Reading(_) => None,
            Self::Rejection(rejection) => Some(rejection),
        }
    }

    /// Returns roughly how many bytes of memory this takes, for the limits of queues.
    pub fn size(&self) -> usize {
        /// An `Arc<str>` has two counters before its text.
        const ARC: usize = 16;
        size_of::<Self>()
            + match self {
                Self::Reading(reading) => {
                    let extra = reading.extra.as_ref().map_or(0, |extra| extra.heap_size());
                    let value = reading.value.heap_size() + reading.payload.heap_size();
                    ARC + reading.topic.len() + value + extra
                }
                Self::Rejection(rejection) => {
                    ARC + rejection.topic.len() + rejection.payload.len() + rejection.reason.len()
                }
            }
    }
}
