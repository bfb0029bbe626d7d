//! Notices silent sensors and values out of bounds, and reports each change once.
//!
//! An [`Engine`] is given each reading and the time, and returns [`Change`]s: an alert of a series
//! begins, or it is over. It has no clock and no file, so each rule is tested without either. An
//! [`AlertFile`] keeps the states and what is still to be delivered across restarts.
//!
//! How a change reaches a person is the program's.

mod change;
mod condition;
mod engine;
mod file;
mod instance;
mod interval;
mod observation;
mod parse;
mod report;
mod rule;
mod sample;
mod seen;
mod series_table;
mod silence;
mod window;

pub use change::{Change, Phase};
pub use condition::{Comparison, Condition, Operand};
pub use engine::{Engine, Settings};
pub use file::{AlertFile, FileError, STORE};
pub use interval::Interval;
pub use iot_store::alerts::{AlertState, Event};
pub use observation::Observation;
pub use parse::{RuleError, parse_clear, parse_name};
pub use rule::{Rule, SILENT, SilenceRule, SilentAfter};
pub use sample::Sample;
pub use seen::{Seen, SeenBefore, Tag};
