//! The options that both programs share, by their effect.

#[path = "../common/mod.rs"]
mod common;
mod completions;
mod helpers;
mod option_file;
mod output;
mod password;
mod properties;
mod session;
mod will;
