//! `--map`: a jq program that makes readings of messages.
//!
//! The program is compiled once. Its input is one object for each message:
//! `{topic, payload, qos, retain, time, properties}`. Each output is a value, or an object
//! `{metric, value, unit, time, topic}`. The program reaches no files, no network and no
//! environment: of jq's standard library, what would do so is left out.

mod compile;
mod input;
mod output;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use jaq_core::data::JustLut;
use jaq_core::{Ctx, Filter, Vars};
use jaq_json::Val;

use crate::decoded::Decoded;
use crate::message::Message;
use crate::reason::Reason;

/// The name of this format, for people and for counting.
const FORMAT: &str = "map";

/// Limits of one run. They are checked between two outputs: a program that works without giving
/// outputs is not interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapLimits {
    /// Most outputs.
    pub outputs: usize,
    /// Longest time.
    pub time: Duration,
}

impl Default for MapLimits {
    /// 10,000 outputs, one second.
    fn default() -> Self {
        Self {
            outputs: 10_000,
            time: Duration::from_secs(1),
        }
    }
}

/// A compiled jq program.
pub struct Map {
    filter: Filter<JustLut<Val>>,
    text: String,
    limits: MapLimits,
}

impl std::fmt::Debug for Map {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Map").field(&self.text).finish()
    }
}

impl Map {
    /// Compiles a program.
    ///
    /// # Errors
    /// What is wrong with the program and where, on one line.
    pub fn compile(program: &str) -> Result<Self, String> {
        Ok(Self {
            filter: compile::compile(program)?,
            text: program.to_owned(),
            limits: MapLimits::default(),
        })
    }

    /// Replaces the limits of a run.
    #[must_use]
    pub fn with_limits(self, limits: MapLimits) -> Self {
        Self { limits, ..self }
    }

    /// Returns the text of the program.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Runs the program on a message.
    ///
    /// # Errors
    /// jq's own reason for an error of the program; an output that is no reading; a run that
    /// exceeds a limit.
    pub fn run(&self, message: &Message<'_>) -> Result<Decoded, Reason> {
        let input = input::input(message)?;
        let context = Ctx::<JustLut<Val>>::new(&self.filter.lut, Vars::new([]));
        let mut decoded = Decoded::new(FORMAT);
        // The clock is asked from the second output on: most programs have few.
        let mut begin = None;
        for (count, result) in self.filter.id.run((context, input)).enumerate() {
            if count >= self.limits.outputs {
                let limit = self.limits.outputs;
                return Err(failed(format!("more than {limit} outputs")));
            }
            if count > 0 {
                let begin = *begin.get_or_insert_with(Instant::now);
                if count > 1 && begin.elapsed() >= self.limits.time {
                    let limit = self.limits.time.as_millis();
                    return Err(failed(format!("it runs for more than {limit} ms")));
                }
            }
            let output = result.map_err(|exception| match exception.get_err() {
                Ok(error) => failed(match error.into_val() {
                    Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
                    other => other.to_string(),
                }),
                Err(_) => failed("the program halts"),
            })?;
            decoded
                .readings
                .extend(output::measured(&output).map_err(failed)?);
        }
        Ok(decoded)
    }
}

fn failed(why: impl Into<String>) -> Reason {
    Reason::Map(why.into())
}
