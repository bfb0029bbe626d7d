//! What excludes what. Not left to clap, for which a value from the environment counts as typed: a variable or a file must
//! not make a command line fail, so what is typed overrules it.

use iot_core::cli::{Given, Rank};

use super::{Path, TopicGap, WhatArgs};

/// An option that decides what is published.
struct Use {
    option: &'static str,
    /// What can't be used with it, and why.
    without: &'static [&'static str],
    why: &'static str,
}

/// The first of them that is typed counts, else the first that a variable gives, else the first in the file.
const USES: [Use; 4] = [
    Use {
        option: "scenario",
        without: &["topic", "payload_template", "model", "message", "replay"],
        why: "whose file says what each device publishes",
    },
    Use {
        option: "replay",
        without: &[
            "model",
            "message",
            "precision",
            "payload_template",
            "seed",
            "start",
            "interval",
            "jitter",
        ],
        why: "which publishes what was recorded, when it was",
    },
    Use {
        option: "message",
        without: &["model", "precision", "payload_template", "start", "speed"],
        why: "which publishes a text as it is",
    },
    Use {
        option: "model",
        without: &[],
        why: "",
    },
];

/// What is to be published, if that is said. What is not typed counts unless something is typed that can't be used with
/// it.
fn chosen(given: &Given) -> Option<&'static Use> {
    let typed = USES.iter().find(|one| given.is_typed(one.option));
    typed.or_else(|| {
        let fits = |one: &Use| !one.without.iter().any(|option| given.is_typed(option));
        let set = |rank| {
            let set = USES.iter().filter(|one| given.rank(one.option) == rank);
            set.into_iter().find(|one| fits(one))
        };
        set(Rank::Variable).or_else(|| set(Rank::File))
    })
}

impl WhatArgs {
    /// Judges what excludes what, and forgets what the command line overrules.
    ///
    /// # Errors
    /// One line, for two options that don't go together.
    pub(crate) fn settle(&mut self, given: &Given) -> Result<(), String> {
        let chosen = chosen(given);
        if let Some(chosen) = chosen {
            for option in chosen.without {
                if given.is_typed(option) {
                    let (option, use_of) = (option.replace('_', "-"), chosen.option);
                    let why = chosen.why;
                    return Err(format!("--{option} can't be used with --{use_of}, {why}"));
                }
                self.forget(option);
            }
        }
        let chosen = chosen.map(|chosen| chosen.option);
        for other in USES.iter().filter(|other| Some(other.option) != chosen) {
            self.forget(other.option);
        }
        self.settle_time(given)?;
        self.settle_replay(given)
    }

    fn settle_time(&mut self, given: &Given) -> Result<(), String> {
        let is_simulated = self.start.is_some() || self.seed.is_some();
        if self.speed.is_some() && self.replay.is_none() && !is_simulated {
            if given.is_typed("speed") {
                return Err("--speed needs a time to start from: give --start TIME, --seed SEED or --replay FILE".into());
            }
            self.forget("speed");
        }
        let interval = self.interval();
        if let Some(jitter) = self.jitter.filter(|jitter| *jitter > interval) {
            if given.is_typed("jitter") && !given.is_set("interval") {
                return Err(format!(
                    "--jitter {jitter:?} is longer than the interval of {interval:?}"
                ));
            }
            self.jitter = Some(interval);
        }
        Ok(())
    }

    fn settle_replay(&mut self, given: &Given) -> Result<(), String> {
        let is_standard_input = self.replay.as_deref() == Some(Path::new("-"));
        let is_replay = self.replay.is_some();
        for (option, is_possible, why) in [
            ("loop", is_replay, "needs --replay FILE"),
            ("strict", is_replay, "needs --replay FILE"),
            (
                "loop",
                !is_standard_input,
                "needs a file: standard input can't be read again",
            ),
        ] {
            if !is_possible {
                if given.is_typed(option) {
                    return Err(format!("--{option} {why}"));
                }
                self.forget(option);
            }
        }
        let is_recorded = |topic: &super::TopicTemplate| topic.0.has(&TopicGap::Topic);
        if !is_replay && self.topic.as_ref().is_some_and(is_recorded) {
            if given.is_typed("topic") {
                return Err("--topic: {topic} is the recorded one, and needs --replay FILE".into());
            }
            self.forget("topic");
        }
        Ok(())
    }

    fn forget(&mut self, option: &str) {
        match option {
            "topic" => self.topic = None,
            "message" => self.message = None,
            "scenario" => self.scenario = None,
            "replay" => self.replay = None,
            "loop" => self.repeat = false,
            "strict" => self.strict = false,
            "seed" => self.seed = None,
            "interval" => self.interval = None,
            "jitter" => self.jitter = None,
            "model" => self.model = Vec::new(),
            "precision" => self.precision = None,
            "payload_template" => self.payload_template = None,
            "start" => self.start = None,
            "speed" => self.speed = None,
            _ => unreachable!("`{option}` excludes nothing"),
        }
    }
}
