//! Reads a model as it is written: words with arguments, combined with `+`.

use std::str::FromStr;
use std::time::Duration;

use iot_cli::parse_duration;

use super::{Model, Term};

/// One word: its form for messages, and how to make a term of its arguments.
struct Word {
    form: &'static str,
    make: fn(&mut Arguments) -> Result<Term, String>,
}

const MODELS: &[Word] = &[
    Word {
        form: "uniform(LOW,HIGH)",
        make: |args| {
            let low = args.number("LOW", 25.0)?;
            let high = args.number("HIGH", low + 1.0)?;
            ordered("LOW", low, "HIGH", high)?;
            Ok(Term::Uniform { low, high })
        },
    },
    Word {
        form: "normal(MEAN,SD)",
        make: |args| {
            Ok(Term::Normal {
                mean: args.number("MEAN", 25.0)?,
                sd: args.positive("SD", 0.5)?,
            })
        },
    },
    Word {
        form: "walk(START,STEP,MIN,MAX)",
        make: |args| {
            let at = args.number("START", 25.0)?;
            let step = args.positive("STEP", 0.1)?;
            let min = args.number("MIN", at - 50.0 * step)?;
            let max = args.number("MAX", at + 50.0 * step)?;
            ordered("MIN", min, "MAX", max)?;
            if !(min..=max).contains(&at) {
                return Err(format!("START {at} is not between MIN {min} and MAX {max}"));
            }
            Ok(Term::Walk {
                at,
                step,
                min,
                max,
                is_started: false,
            })
        },
    },
    Word {
        form: "sine(MEAN,AMPLITUDE,PERIOD,NOISE)",
        make: |args| {
            Ok(Term::Sine {
                mean: args.number("MEAN", 25.0)?,
                amplitude: args.number("AMPLITUDE", 5.0)?,
                period: args.duration("PERIOD", "1h")?,
                noise: args.positive("NOISE", 0.0)?,
            })
        },
    },
    Word {
        form: "daily(NIGHT,DAY,NOISE,PEAK)",
        make: |args| {
            Ok(Term::Daily {
                night: args.number("NIGHT", 14.0)?,
                day: args.number("DAY", 26.0)?,
                noise: args.positive("NOISE", 0.0)?,
                peak: args.duration("PEAK", "15h")?,
            })
        },
    },
    Word {
        form: "steps(LEVEL,LEVEL,…,EVERY)",
        make: |args| {
            let levels = args.levels(&[20.0, 25.0])?;
            let every = args.duration("EVERY", "10m")?;
            Ok(Term::Steps { levels, every })
        },
    },
    Word {
        form: "constant(VALUE)",
        make: |args| Ok(Term::Constant(args.number("VALUE", 25.0)?)),
    },
    Word {
        form: "counter(START,STEP)",
        make: |args| {
            Ok(Term::Counter {
                start: args.number("START", 0.0)?,
                step: args.number("STEP", 1.0)?,
                count: 0,
            })
        },
    },
];

const FAULTS: &[Word] = &[
    Word {
        form: "dropout(P)",
        make: |args| Ok(Term::Dropout(args.probability("P", 0.01)?)),
    },
    Word {
        form: "spike(P,SIZE)",
        make: |args| {
            Ok(Term::Spike {
                chance: args.probability("P", 0.01)?,
                size: args.number("SIZE", 10.0)?,
            })
        },
    },
    Word {
        form: "stuck(P,DURATION)",
        make: |args| {
            Ok(Term::Stuck {
                chance: args.probability("P", 0.001)?,
                duration: args.duration("DURATION", "5m")?,
                held: None,
            })
        },
    },
    Word {
        form: "drift(PER_HOUR)",
        make: |args| {
            Ok(Term::Drift {
                per_hour: args.number("PER_HOUR", 0.1)?,
            })
        },
    },
    Word {
        form: "clamp(MIN,MAX)",
        make: |args| {
            let min = args.number("MIN", 0.0)?;
            let max = args.number("MAX", 100.0)?;
            ordered("MIN", min, "MAX", max)?;
            Ok(Term::Clamp { min, max })
        },
    },
];

impl Word {
    fn name(&self) -> &'static str {
        self.form.split('(').next().unwrap_or(self.form)
    }
}

/// `uniform, normal, …`
fn names(words: &[Word]) -> String {
    let names: Vec<&str> = words.iter().map(Word::name).collect();
    names.join(", ")
}

fn known() -> String {
    let (models, faults) = (names(MODELS), names(FAULTS));
    format!("models: {models}; to add to a model: {faults}")
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut terms = Vec::new();
        for word in split(text, '+') {
            let word = word.trim();
            let (name, arguments) = call(word)?;
            let find = |words: &'static [Word]| words.iter().find(|word| word.name() == name);
            let definition = match (find(MODELS), find(FAULTS)) {
                (Some(model), _) => model,
                (None, Some(_)) if terms.is_empty() => {
                    return Err(format!(
                        "`{name}` changes the model before it, and there is none (as in `uniform + {word}`)"
                    ));
                }
                (None, Some(fault)) => fault,
                (None, None) if word.is_empty() => {
                    return Err(format!("a model is missing ({})", known()));
                }
                (None, None) => return Err(format!("`{name}` is not a model ({})", known())),
            };
            let mut arguments = Arguments::new(arguments);
            let term =
                (definition.make)(&mut arguments).and_then(|term| match arguments.rest.first() {
                    None => Ok(term),
                    Some(rest) => Err(format!("`{rest}` is an argument too many")),
                });
            terms.push(
                term.map_err(|why| format!("`{word}`: {why} (the form is {})", definition.form))?,
            );
        }
        Ok(Self { terms })
    }
}

/// Splits a text at a character outside of brackets.
fn split(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_usize);
    for (position, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if c == at && depth == 0 => {
                parts.push(&text[start..position]);
                start = position + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Splits `name(arguments)` or `name`.
fn call(word: &str) -> Result<(&str, &str), String> {
    let Some((name, rest)) = word.split_once('(') else {
        return Ok((word, ""));
    };
    match rest.strip_suffix(')') {
        Some(arguments) if !arguments.contains(['(', ')']) => Ok((name.trim(), arguments.trim())),
        _ => Err(format!(
            "the brackets of `{word}` do not match (a model is NAME(ARGUMENT,…), and `+` joins several)"
        )),
    }
}

fn ordered(low: &str, low_value: f64, high: &str, high_value: f64) -> Result<(), String> {
    if low_value <= high_value {
        return Ok(());
    }
    Err(format!("{low} {low_value} is above {high} {high_value}"))
}

/// The arguments of one word, taken from the left. An empty or missing one has its default.
struct Arguments<'a> {
    rest: Vec<&'a str>,
}

impl<'a> Arguments<'a> {
    fn new(text: &'a str) -> Self {
        let rest = match text {
            "" => Vec::new(),
            _ => text.split(',').map(str::trim).collect(),
        };
        Self { rest }
    }

    fn take(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let argument = self.rest.remove(0);
        (!argument.is_empty()).then_some(argument)
    }

    fn number(&mut self, name: &str, default: f64) -> Result<f64, String> {
        match self.take() {
            None => Ok(default),
            Some(text) => number(text).ok_or_else(|| format!("{name} is a number, not `{text}`")),
        }
    }

    fn positive(&mut self, name: &str, default: f64) -> Result<f64, String> {
        match self.number(name, default)? {
            number if number >= 0.0 => Ok(number),
            number => Err(format!("{name} is 0 or more, not {number}")),
        }
    }

    fn probability(&mut self, name: &str, default: f64) -> Result<f64, String> {
        match self.number(name, default)? {
            number if (0.0..=1.0).contains(&number) => Ok(number),
            number => Err(format!("{name} is a probability from 0 to 1, not {number}")),
        }
    }

    fn duration(&mut self, name: &str, default: &str) -> Result<Duration, String> {
        let text = self.take().unwrap_or(default);
        parse_duration(text).map_err(|wanted| format!("{name} is not `{text}`: {wanted}"))
    }

    /// All but the last argument.
    fn levels(&mut self, default: &[f64]) -> Result<Vec<f64>, String> {
        if self.rest.is_empty() {
            return Ok(default.to_vec());
        }
        let count = self.rest.len() - 1;
        if count == 0 {
            return Err("at least one LEVEL is needed, and then the time of each".into());
        }
        (0..count).map(|_| self.number("LEVEL", 0.0)).collect()
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
