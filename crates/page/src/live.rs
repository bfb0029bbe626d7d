//! The latest readings, and the updates that browsers get.

mod encode;
mod feed;
mod rejections;
mod shown_value;
mod table;

pub use feed::Live;
pub(crate) use feed::Subscription;
pub(crate) use shown_value::ShownValue;
