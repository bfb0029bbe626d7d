//! Sparkplug B 3.0: topics and payloads, both ways.
//!
//! The decoder of `iot-sub` and the edge node of `iot-pub` share it. It knows neither a broker nor
//! a store: [`Payload`] and its parts are the messages of the specification, [`read_payload`] reads
//! one from a stranger within limits, and [`SparkplugTopic`] says who sent it.

mod array;
mod command;
mod data_type;
mod limits;
mod payload;
#[cfg(test)]
mod tests;
mod topic;

pub use array::{Array, ArrayError};
pub use command::{BD_SEQ, REBIRTH, asks_for_rebirth, bd_seq, bd_seq_metric, rebirth_request};
pub use data_type::DataType;
pub use limits::{DEPTH_LIMIT, Field, PART_LIMIT, ReadError, Schema, check_parts, read_payload};
pub use payload::{
    DataSet, DataSetValue, Metadata, Metric, MetricValue, Parameter, ParameterValue, Payload,
    PropertySet, PropertySetList, PropertyValue, Row, Scalar, Template, TypedProperty,
};
pub use topic::{MessageType, NAMESPACE, SparkplugTopic};
