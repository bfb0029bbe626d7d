//! `--map`: a jq program that makes readings of messages.
//!
//! The program is compiled once. Its input is one object for each message:
//! `{topic, payload, qos, retain, time, properties}`. Each output is a value, or an object
//! `{metric, value, unit, time, topic}`. The program reaches no files, no network and no
//! environment: of jq's standard library, what would do so is left out.

mod bounded;
mod budget;
mod compile;
mod input;
mod library;
mod limits;
mod output;
#[cfg(test)]
mod tests;

use jaq_core::{Ctx, Error, Filter, Vars};
use jaq_json::Val;

use budget::{Bounded, Budget, Reach};
pub use limits::MapLimits;

use crate::decoded::Decoded;
use crate::message::Message;
use crate::reason::Reason;

/// The name of this format, for people and for counting.
const FORMAT: &str = "map";

/// The reason if the program ends itself.
const HALTED: &str = "the program halts";

/// A compiled jq program.
pub struct Map {
    filter: Filter<Bounded>,
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
        let budget = Budget::new(self.limits);
        let reach = Reach {
            lut: &self.filter.lut,
            budget: &budget,
        };
        let context = Ctx::<Bounded>::new(reach, Vars::new([]));
        let mut decoded = Decoded::new(FORMAT);
        for (before, result) in self.filter.id.run((context, input)).enumerate() {
            let is_within = budget.output(before).is_ok();
            let output = match result {
                Ok(output) if is_within => output,
                Ok(_) => return Err(failed(budget.exceeded().unwrap_or_default())),
                Err(exception) => {
                    let error = exception.get_err().map(Error::into_val);
                    return Err(failed(match error {
                        Ok(Val::TStr(text)) => {
                            let hint = input::hint(message.payload);
                            String::from_utf8_lossy(&text).into_owned() + hint
                        }
                        Ok(other) => other.to_string(),
                        Err(_) => { budget.exceeded() }.unwrap_or_else(|| HALTED.to_owned()),
                    }));
                }
            };
            let reading = output::measured(&output).map_err(failed)?;
            decoded.readings.extend(reading);
        }
        Ok(decoded)
    }
}

fn failed(why: impl Into<String>) -> Reason {
    Reason::Map(why.into())
}
