//! What excludes what. Not left to clap, for which a value from the environment counts as typed: a variable or a file must
//! not make a command line fail, so what is typed overrules it.

use std::cmp::Ordering;

use iot_cli::{Given, Rank};

use super::{Path, TopicGap, WhatArgs};

/// An option that decides what is published.
struct Use {
    option: &'static str,
    /// What can't be used with it, and why.
    without: &'static [&'static str],
    why: &'static str,
}

/// The first of them that is typed counts, else the first that a variable gives, else the first in the file.
const USES: [Use; 8] = [
    Use {
        option: "scenario",
        without: &[
            "topic",
            "payload_template",
            "model",
            "message",
            "replay",
            "file",
            "stdin_file",
            "stdin_line",
            "null_message",
        ],
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
            "file",
            "stdin_file",
            "stdin_line",
            "null_message",
        ],
        why: "which publishes what was recorded, when it was",
    },
    Use {
        option: "message",
        without: &[
            "model",
            "precision",
            "payload_template",
            "start",
            "speed",
            "file",
            "stdin_file",
            "stdin_line",
            "null_message",
        ],
        why: "which publishes a text as it is",
    },
    Use {
        option: "file",
        without: &[
            "model",
            "precision",
            "payload_template",
            "start",
            "speed",
            "stdin_file",
            "stdin_line",
            "null_message",
        ],
        why: "which publishes a file as it is",
    },
    Use {
        option: "stdin_file",
        without: &[
            "model",
            "precision",
            "payload_template",
            "start",
            "speed",
            "stdin_line",
            "null_message",
        ],
        why: "which publishes standard input as it is",
    },
    Use {
        option: "stdin_line",
        without: &[
            "model",
            "precision",
            "payload_template",
            "seed",
            "start",
            "speed",
            "interval",
            "jitter",
            "null_message",
        ],
        why: "which publishes lines as they come",
    },
    Use {
        option: "null_message",
        without: &["model", "precision", "payload_template", "start", "speed"],
        why: "which publishes an empty message",
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
                    let [option, use_of] = [option, &chosen.option].map(|id| id.replace('_', "-"));
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
        self.settle_text(given)?;
        self.settle_time(given)?;
        self.settle_replay(given)
    }

    fn settle_text(&mut self, given: &Given) -> Result<(), String> {
        let is_text = self.message.is_some() || self.text.is_given();
        let (is_lines, is_repeated) = (self.text.stdin_line, self.text.repeat.is_some());
        for (option, is_possible, why) in [
            (
                "repeat",
                is_text,
                "repeats one message: give --message, --file, --stdin-file or --null-message",
            ),
            (
                "repeat_delay",
                is_text && is_repeated,
                "needs --repeat COUNT",
            ),
            ("topic_from_line", is_lines, "needs --stdin-line"),
        ] {
            if !is_possible {
                if given.is_typed(option) {
                    return Err(format!("--{} {why}", option.replace('_', "-")));
                }
                self.forget(option);
            }
        }
        let is_repeated = self.text.repeat.is_some();
        for (one, other, both) in [
            (
                "topic_from_line",
                "topic",
                self.text.topic_from_line && self.topic.is_some(),
            ),
            ("repeat", "interval", is_repeated && self.interval.is_some()),
            ("repeat", "jitter", is_repeated && self.jitter.is_some()),
        ] {
            if !both {
                continue;
            }
            match given.rank(one).cmp(&given.rank(other)) {
                Ordering::Less => self.forget(one),
                Ordering::Equal if given.is_typed(one) => {
                    let one = one.replace('_', "-");
                    return Err(format!(
                        "--{one} and --{other} both say it: give one of them"
                    ));
                }
                _ => self.forget(other),
            }
        }
        Ok(())
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

    /// Has it as if the option had never been given.
    pub(crate) fn forget(&mut self, option: &str) {
        match option {
            "topic" => self.topic = None,
            "message" => self.message = None,
            "file" => self.text.file = None,
            "stdin_file" => self.text.stdin_file = false,
            "stdin_line" => self.text.stdin_line = false,
            "topic_from_line" => self.text.topic_from_line = false,
            "null_message" => self.text.null_message = false,
            "repeat" => self.text.repeat = None,
            "repeat_delay" => self.text.repeat_delay = None,
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
