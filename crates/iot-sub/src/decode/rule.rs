//! A rule: what becomes of the messages of some topics.

use iot_core::TopicFilter;
use iot_decode::Format;

use super::Pointer;
use super::shape::Shape;

/// What becomes of the messages whose topics match a filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) filter: TopicFilter,
    pub(crate) decode: Option<Format>,
    /// A jq program; with `decode`, its payload is the decoded value.
    pub(crate) map: Option<String>,
    pub(crate) time: Option<Pointer>,
    pub(crate) shape: Shape,
}
