//! What the benchmarks share: a cheap peer that is no broker, the clients that are measured against
//! it, and the measuring.

pub mod client;
pub mod measure;
pub mod peer;

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Error, Result, bail, ensure};
use iot_core::QoS;

/// QoS 1 messages in flight.
pub const WINDOW: u16 = 1_000;
/// Topics that the messages are spread over.
pub const TOPICS: usize = 100;

/// A way to use iot-core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// `Client`, with Paho's callbacks.
    Callbacks,
    /// `Connection`, async.
    Connection,
}

impl FromStr for Face {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "callbacks" => Ok(Self::Callbacks),
            "connection" => Ok(Self::Connection),
            _ => bail!("`{text}` is neither `callbacks` nor `connection`"),
        }
    }
}

impl Face {
    /// Returns what [`from_str`](Self::from_str) takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Callbacks => "callbacks",
            Self::Connection => "connection",
        }
    }
}

/// Returns the path of a program that was built beside this one.
///
/// # Errors
/// There is none.
pub fn program(name: &str) -> Result<PathBuf> {
    let path = env::current_exe()?.with_file_name(name);
    ensure!(path.is_file(), "there is no {}", path.display());
    Ok(path)
}

/// The two QoS that are measured.
pub const QOS: [QoS; 2] = [QoS::AtMostOnce, QoS::AtLeastOnce];
