//! In the place of `map`, if the feature is off: no program compiles.

use crate::decoded::Decoded;
use crate::message::Message;
use crate::reason::Reason;

/// A jq program, of which there is none.
#[derive(Debug)]
pub enum Map {}

impl Map {
    /// Refuses every program.
    ///
    /// # Errors
    /// Always.
    pub fn compile(_program: &str) -> Result<Self, String> {
        Err("this program is built without jq (build it with the feature `map`)".to_owned())
    }

    /// Returns the text of the program.
    pub fn text(&self) -> &str {
        match *self {}
    }

    /// Runs the program on a message.
    ///
    /// # Errors
    /// Never.
    pub fn run(&self, _message: &Message<'_>) -> Result<Decoded, Reason> {
        match *self {}
    }
}
