//! What one message became: readings or a rejection.

use std::slice;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::reading::Reading;
use crate::reading_id::ReadingId;
use crate::readings::Readings;
use crate::rejection::Rejection;

/// What one message became. It counts as one message, however many readings it holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// One value, of the message's own topic: nothing is allocated for this frequent case.
    Reading(Reading),
    /// Any number of readings, and what the message says about series.
    Readings(Box<Readings>),
    /// It could not be read.
    Rejection(Rejection),
}

impl Entry {
    /// Returns the id given when the message was read.
    pub fn id(&self) -> ReadingId {
        match self {
            Self::Reading(reading) => reading.id,
            Self::Readings(readings) => readings.id,
            Self::Rejection(rejection) => rejection.id,
        }
    }

    /// Returns the topic name of the message.
    pub fn topic(&self) -> &Arc<str> {
        match self {
            Self::Reading(reading) => &reading.topic,
            Self::Readings(readings) => &readings.topic,
            Self::Rejection(rejection) => &rejection.topic,
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
            Self::Readings(readings) => readings.received,
            Self::Rejection(rejection) => rejection.reg_date,
        }
    }

    /// Returns all readings of the message: none of a rejection.
    pub fn readings(&self) -> &[Reading] {
        match self {
            Self::Reading(reading) => slice::from_ref(reading),
            Self::Readings(readings) => &readings.readings,
            Self::Rejection(_) => &[],
        }
    }

    /// Returns the reading, if it is a single one.
    pub fn as_reading(&self) -> Option<&Reading> {
        match self {
            Self::Reading(reading) => Some(reading),
            Self::Readings(_) | Self::Rejection(_) => None,
        }
    }

    /// Returns the rejection, if it is one.
    pub fn as_rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Reading(_) | Self::Readings(_) => None,
            Self::Rejection(rejection) => Some(rejection),
        }
    }

    /// Returns roughly how many bytes of memory this takes, for the limits of queues.
    pub fn size(&self) -> usize {
        /// An `Arc<str>` has two counters before its text.
        const ARC: usize = 16;
        size_of::<Self>()
            + match self {
                Self::Reading(reading) => reading.heap_size(),
                Self::Readings(readings) => readings.heap_size(),
                Self::Rejection(rejection) => {
                    ARC + rejection.topic.len() + rejection.payload.len() + rejection.reason.len()
                }
            }
    }
}
