//! Texts with gaps: `{"t": {{value}}, "at": "{{now}}"}` for payloads, `iot/home{device}/temp` for topics.

use std::fmt::Write as _;

/// A text with gaps. `T` says what fills them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template<T> {
    pieces: Vec<Piece<T>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<T> {
    Text(String),
    Gap(T),
}

/// How the gaps are marked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    open: &'static str,
    close: &'static str,
}

/// `{{name}}`: single braces are JSON's.
pub(crate) const PAYLOAD: Marks = Marks {
    open: "{{",
    close: "}}",
};

/// `{name}`.
pub(crate) const TOPIC: Marks = Marks {
    open: "{",
    close: "}",
};

impl<T> Template<T> {
    /// Returns the template that a text is. What stands between marks is a gap if it could be a name: a letter, then
    /// letters, digits and `_`. `gaps` are the names that are known.
    ///
    /// # Errors
    /// One line, for a name that is not known.
    pub(crate) fn new(text: &str, marks: Marks, gaps: &[(String, T)]) -> Result<Self, String>
    where
        T: Clone,
    {
        let Marks { open, close } = marks;
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(open) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let inside = &from[open.len()..];
            let name = inside.find(close).map(|end| &inside[..end]);
            let Some(name) = name.filter(|name| is_name(name.trim())) else {
                // One character on: `{{{value}}}` is a brace, a gap, a brace.
                plain.push_str(&from[..1]);
                rest = &from[1..];
                continue;
            };
            let gap = gaps.iter().find(|(known, _)| known == name.trim());
            let Some((_, gap)) = gap else {
                let known: Vec<String> = gaps
                    .iter()
                    .map(|(name, _)| format!("{open}{name}{close}"))
                    .collect();
                let known = match &known[..] {
                    [] => "there is none to be filled".into(),
                    known => format!("known are {}", known.join(", ")),
                };
                return Err(format!("unknown {open}{name}{close}: {known}"));
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Gap(gap.clone()));
            rest = &inside[name.len() + close.len()..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self { pieces })
    }

    /// Returns whether there is such a gap.
    pub(crate) fn has(&self, gap: &T) -> bool
    where
        T: PartialEq,
    {
        let is_it = |piece: &Piece<T>| matches!(piece, Piece::Gap(other) if other == gap);
        self.pieces.iter().any(is_it)
    }

    /// Returns the text with each gap filled by what `fill` appends.
    pub(crate) fn fill(&self, mut fill: impl FnMut(&T, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Gap(gap) => fill(gap, &mut text),
            }
        }
        text
    }
}

/// Returns whether the text can name a gap.
pub(crate) fn is_name(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit())
}

/// Appends a number: with all its digits, or rounded to `precision` after the point.
pub(crate) fn push_number(text: &mut String, number: f64, precision: Option<usize>) {
    let from = text.len();
    // Writing to memory doesn't fail.
    let _ = match precision {
        Some(digits) => write!(text, "{number:.digits$}"),
        None => write!(text, "{number}"),
    };
    // Sensors don't tell -0 from 0.
    let is_zero = |c: char| matches!(c, '0' | '.');
    if text[from..].starts_with('-') && text[from + 1..].chars().all(is_zero) {
        text.remove(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<(String, &'static str)> {
        vec![("value".into(), "VALUE"), ("now".into(), "NOW")]
    }

    #[track_caller]
    fn filled(marks: Marks, text: &str, expected: &str) {
        let template = Template::new(text, marks, &names()).unwrap();
        let text = template.fill(|gap, text| text.push_str(gap));
        assert_eq!(text, expected);
    }

    #[track_caller]
    fn refused(marks: Marks, text: &str, expected: &str) {
        let error = Template::new(text, marks, &names()).unwrap_err();
        assert_eq!(error, expected);
    }

    #[test]
    fn gaps_are_filled_and_all_else_is_kept() {
        filled(PAYLOAD, "", "");
        filled(PAYLOAD, "plain {text} } {", "plain {text} } {");
        filled(PAYLOAD, "{{value}}", "VALUE");
        filled(
            PAYLOAD,
            r#"{"t": {{ value }}, "at": "{{now}}", "n": {"x": {}}}"#,
            r#"{"t": VALUE, "at": "NOW", "n": {"x": {}}}"#,
        );
        filled(PAYLOAD, r#"{"n":{"v":{{value}}}}"#, r#"{"n":{"v":VALUE}}"#);
        filled(PAYLOAD, "{{{value}}}", "{VALUE}");
        filled(PAYLOAD, "{{ {{value", "{{ {{value");
        filled(TOPIC, "a/{value}{now}/ä{}/{", "a/VALUENOW/ä{}/{");
        filled(TOPIC, "{{value}}", "{VALUE}");
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        refused(
            PAYLOAD,
            "{{valu}}",
            "unknown {{valu}}: known are {{value}}, {{now}}",
        );
        refused(TOPIC, "a/{x_1}", "unknown {x_1}: known are {value}, {now}");
    }

    #[test]
    fn numbers() {
        #[track_caller]
        fn case(number: f64, precision: Option<usize>, expected: &str) {
            let mut text = String::new();
            push_number(&mut text, number, precision);
            assert_eq!(text, expected);
        }
        case(25.674_758_177_121_582, None, "25.674758177121582");
        case(25.0, None, "25");
        case(-0.0, None, "0");
        case(1e21, None, "1000000000000000000000");
        case(25.005, Some(1), "25.0");
        case(-0.04, Some(1), "0.0");
        case(-0.05, Some(0), "0");
        case(-10.06, Some(1), "-10.1");
    }
}
