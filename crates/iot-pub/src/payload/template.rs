//! Texts with gaps: `{"t": {{value}}, "at": "{{now}}"}` for payloads, `iot/home{device}/temp` for topics.

mod literal;

use std::fmt::Write as _;

use literal::{Literal, excerpt};

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
    /// Returns the template that a text is. Each opening mark begins a gap; what stands between the marks is one of the
    /// names in `gaps`, spaces around it aside. A closing mark without an opening one is text where it can be JSON: see
    /// [`Literal`].
    ///
    /// # Errors
    /// One line, for a gap that doesn't end, has no name or one that is not known, and for a closing mark that is
    /// neither a gap's nor JSON's.
    pub(crate) fn new(text: &str, marks: Marks, gaps: &[(String, T)]) -> Result<Self, String>
    where
        T: Clone,
    {
        let Marks { open, close } = marks;
        let wrong = |what: String| format!("{what}: {}", marks.known(gaps));
        let mut pieces = Vec::new();
        let mut literal = Literal::new(marks);
        let mut rest = text;
        while let Some(at) = rest.find(open) {
            let run = rest[at..].bytes().take_while(|byte| *byte == b'{');
            let extra = run.count() - open.len();
            if extra > usize::from(marks.are_doubled()) {
                let what = format!("`{}` has too many braces", excerpt(&rest[at..]));
                return Err(wrong(what));
            }
            // `{{{value}}}` is a brace, a gap, a brace.
            let (before, from) = rest.split_at(at + extra);
            literal.push(before).map_err(wrong)?;
            let inside = &from[open.len()..];
            let name = &inside[..inside.find(['{', '}']).unwrap_or(inside.len())];
            let Some(after) = inside[name.len()..].strip_prefix(close) else {
                return Err(wrong(format!("`{}` has no {close}", excerpt(from))));
            };
            let name = name.trim();
            let Some((_, gap)) = gaps.iter().find(|(known, _)| known == name) else {
                return Err(wrong(match name {
                    "" => format!("{open}{close} has no name in it"),
                    name => format!("unknown {open}{}{close}", excerpt(name)),
                }));
            };
            let plain = literal.take();
            if !plain.is_empty() {
                pieces.push(Piece::Text(plain));
            }
            pieces.push(Piece::Gap(gap.clone()));
            rest = after;
        }
        literal.push(rest).map_err(wrong)?;
        let plain = literal.take();
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

impl Marks {
    fn are_doubled(self) -> bool {
        self.open.len() > 1
    }

    /// Returns which gaps there are, as they are written.
    fn known<T>(self, gaps: &[(String, T)]) -> String {
        let Self { open, close } = self;
        let known = gaps.iter().map(|(name, _)| format!("{open}{name}{close}"));
        let known: Vec<String> = known.collect();
        match &known[..] {
            [] => "there is none to be filled".into(),
            known => format!("known are {}", known.join(", ")),
        }
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
    use proptest::prelude::*;
    use serde_json::Value;

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
        filled(TOPIC, "a/{value}{now}/ä{ value }", "a/VALUENOW/äVALUE");
    }

    #[test]
    fn closing_braces_of_json_are_kept() {
        for json in [
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":{}}}"#,
            r#"{"a": "}}", "b": "\"}}", "c": "\\"}"#,
            r#"[{"a":{"b":"}"}},{"a":{}}]"#,
            "{\n  \"a\": {\n    \"b\": 1 }}\n",
            "a} } {",
        ] {
            filled(PAYLOAD, json, json);
        }
        for (text, expected) in [
            (r#"{"a": {"b": {{value}}}}"#, r#"{"a": {"b": VALUE}}"#),
            (r#"{"a":{"b":[{{value}}]}}"#, r#"{"a":{"b":[VALUE]}}"#),
            (r#"{"a":{"b":"{{now}}"}}"#, r#"{"a":{"b":"NOW"}}"#),
            (r#"{"a":"{{now}}}}"}"#, r#"{"a":"NOW}}"}"#),
            (r#"{"{{value}}":{"b":{}}}"#, r#"{"VALUE":{"b":{}}}"#),
        ] {
            filled(PAYLOAD, text, expected);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text = || "[a{} \"\\\\,:]{0,6}";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i8>().prop_map(Value::from),
            text().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            let array = prop::collection::vec(inner.clone(), 0..4);
            let object = prop::collection::vec((text(), inner), 0..4);
            prop_oneof![
                array.prop_map(Value::from),
                object.prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_kept_around_a_gap(json in any_json()) {
            for json in [json.to_string(), format!("{json:#}")] {
                // In a string that begins a gap.
                prop_assume!(!json.contains("{{"));
                filled(PAYLOAD, &json, &json);
                let around = |gap: &str| format!(r#"{{"a":[{json}],"b":{{"c":{{"d":{gap}}}}}}}"#);
                filled(PAYLOAD, &around("{{value}}"), &around("VALUE"));
            }
        }
    }

    #[test]
    fn what_is_half_a_gap_is_refused() {
        #[track_caller]
        fn case(text: &str, what: &str) {
            let expected = format!("{what}: known are {{{{value}}}}, {{{{now}}}}");
            refused(PAYLOAD, text, &expected);
        }
        case("{{value", "`{{value` has no }}");
        case(
            r#"{"t": {{value}, "x": {}}"#,
            r#"`{{value}, "x": {}}` has no }}"#,
        );
        case("{{ {{value}}", "`{{ {{value}}` has no }}");
        case("{{\nvalue and many more words", "`{{…` has no }}");
        case("a{{", "`{{` has no }}");
        case("{{}}", "{{}} has no name in it");
        case("[{{  }}]", "{{}} has no name in it");
        case("{{a b}}", "unknown {{a b}}");
        case(r#"{{"t": 1}}"#, r#"unknown {{"t": 1}}"#);
        case("{{{{value}}}}", "`{{{{value}}}}` has too many braces");
        case("}}", "}} ends no placeholder");
        case("25.3 value}}", "}} after `value` ends no placeholder");
        case(r#"{"t": value}}"#, "}} after `value` ends no placeholder");
        case(
            r#"{"t": {{value}}, "n": now}}}"#,
            "}} after `now` ends no placeholder",
        );
        case(
            "{{value}} aaaaaaaaaabbbbbbbbbbcccccccccc}}",
            "}} after `bbbbbbbbbbcccccccccc` ends no placeholder",
        );
    }

    #[test]
    fn a_topic_s_braces_are_placeholders_only() {
        #[track_caller]
        fn case(text: &str, what: &str) {
            refused(
                TOPIC,
                text,
                &format!("{what}: known are {{value}}, {{now}}"),
            );
        }
        case("a/{value", "`{value` has no }");
        case("a/{value/b{now}", "`{value/b{now}` has no }");
        case("a/{}/b", "{} has no name in it");
        case("a/value}", "} after `a/value` ends no placeholder");
        case("}", "} ends no placeholder");
        case("a/{{value}}/b", "`{{value}}/b` has too many braces");
        case("a/{value}}", "} ends no placeholder");
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
