//! Topic names and topic filters, checked when they are made, so that other code can trust them.

mod error;
mod filter;
mod name;
mod recent;
mod text;

pub use error::TopicError;
pub use filter::TopicFilter;
pub use name::TopicName;
pub use recent::RecentTopics;
