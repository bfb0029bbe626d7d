//! Models of sensors: `sine(20,5,1h) + normal(0,0.1) + dropout(0.01)`.

mod parse;
#[cfg(test)]
mod tests;

use std::time::Duration;

use chrono::{NaiveTime, Timelike};

use super::random::Random;

/// How many hours `daily` takes from its coldest to its warmest.
const RISE: f64 = 10.0;

/// A sum of models, with faults applied to it. A clone is another sensor of the same kind.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Applied from left to right, each to the result of those before it.
    terms: Vec<Term>,
}

/// When a reading is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    /// Since the start of the run or the simulation.
    pub(crate) elapsed: Duration,
    pub(crate) time_of_day: NaiveTime,
}

/// One word of a model, with its state.
#[derive(Debug, Clone)]
enum Term {
    Uniform {
        low: f64,
        high: f64,
    },
    Normal {
        mean: f64,
        sd: f64,
    },
    Walk {
        /// Its present value; at first the start.
        at: f64,
        step: f64,
        min: f64,
        max: f64,
        is_started: bool,
    },
    Sine {
        mean: f64,
        amplitude: f64,
        period: Duration,
        noise: f64,
    },
    Daily {
        night: f64,
        day: f64,
        noise: f64,
        /// The warmest time, after midnight.
        peak: Duration,
    },
    Steps {
        levels: Vec<f64>,
        every: Duration,
    },
    Constant(f64),
    Counter {
        start: f64,
        step: f64,
        count: u64,
    },
    Clamp {
        min: f64,
        max: f64,
    },
    Dropout(f64),
    Spike {
        chance: f64,
        size: f64,
    },
    Stuck {
        chance: f64,
        duration: Duration,
        /// The value that is held, and until when.
        held: Option<(f64, Duration)>,
    },
    Drift {
        per_hour: f64,
    },
}

impl Model {
    /// Returns the next reading; `None` if the sensor has dropped out.
    pub(crate) fn next(&mut self, at: At, random: &mut Random) -> Option<f64> {
        let mut terms = self.terms.iter_mut();
        terms.try_fold(0.0, |value, term| {
            let next = term.apply(value, at, random)?;
            Some(finite(next, value))
        })
    }
}

/// Returns a value that JSON can hold: the largest one in the place of infinity, and the one before
/// in the place of what is no number.
fn finite(value: f64, before: f64) -> f64 {
    if value.is_nan() {
        return before;
    }
    value.clamp(f64::MIN, f64::MAX)
}

impl Term {
    fn apply(&mut self, value: f64, at: At, random: &mut Random) -> Option<f64> {
        Some(match self {
            Self::Uniform { low, high } => value + random.between(*low, *high),
            Self::Normal { mean, sd } => value + *mean + *sd * random.normal(),
            Self::Walk {
                at,
                step,
                min,
                max,
                is_started,
            } => {
                if *is_started {
                    let next = *at + random.between(-*step, *step);
                    *at = reflected(next, *min, *max);
                }
                *is_started = true;
                value + *at
            }
            Self::Sine {
                mean,
                amplitude,
                period,
                noise,
            } => {
                let turns = at.elapsed.as_secs_f64() / period.as_secs_f64();
                let sine = (std::f64::consts::TAU * turns.fract()).sin();
                value + *mean + *amplitude * sine + noise_of(*noise, random)
            }
            Self::Daily {
                night,
                day,
                noise,
                peak,
            } => {
                let seconds = f64::from(at.time_of_day.num_seconds_from_midnight());
                let warmth = warmth((seconds - peak.as_secs_f64()) / 3600.0);
                value + *night + (*day - *night) * warmth + noise_of(*noise, random)
            }
            Self::Steps { levels, every } => {
                let step = at.elapsed.as_nanos() / every.as_nanos();
                let step = step % levels.len() as u128;
                value + levels[usize::try_from(step).expect("an index")]
            }
            Self::Constant(constant) => value + *constant,
            Self::Counter { start, step, count } => {
                #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
                let counted = *count as f64 * *step;
                *count += 1;
                value + *start + counted
            }
            Self::Clamp { min, max } => value.clamp(*min, *max),
            Self::Dropout(chance) => {
                if random.chance(*chance) {
                    return None;
                }
                value
            }
            Self::Spike { chance, size } => value + spike(*chance, *size, random),
            Self::Stuck {
                chance,
                duration,
                held,
            } => match *held {
                Some((held, until)) if at.elapsed < until => held,
                _ => {
                    let until = at.elapsed.saturating_add(*duration);
                    *held = random.chance(*chance).then_some((value, until));
                    value
                }
            },
            Self::Drift { per_hour } => value + *per_hour * at.elapsed.as_secs_f64() / 3600.0,
        })
    }
}

/// Returns the value of a walk that goes to `next`: reflected at the ends, so that it does not
/// stick to them.
fn reflected(next: f64, min: f64, max: f64) -> f64 {
    let next = if next > max { max - (next - max) } else { next };
    let next = if next < min { min + (min - next) } else { next };
    next.clamp(min, max)
}

/// Returns `size` or its negative with this probability, else 0.
fn spike(chance: f64, size: f64, random: &mut Random) -> f64 {
    match random.chance(chance) {
        false => 0.0,
        true if random.chance(0.5) => size,
        true => -size,
    }
}

/// Draws a random number only for noise, so that `sine(20,5,1h)` and `sine(20,5,1h,0)` are the
/// same.
fn noise_of(sd: f64, random: &mut Random) -> f64 {
    if sd == 0.0 { 0.0 } else { sd * random.normal() }
}

/// Returns how warm it is a number of hours after the warmest time of the day, from 0 to 1: two
/// half waves, up in 10 hours and down in 14.
fn warmth(hours: f64) -> f64 {
    let half_wave = |part: f64| f64::midpoint(1.0, (std::f64::consts::PI * part).cos());
    let (after, fall) = (hours.rem_euclid(24.0), 24.0 - RISE);
    if after < fall {
        half_wave(after / fall)
    } else {
        half_wave((24.0 - after) / RISE)
    }
}
