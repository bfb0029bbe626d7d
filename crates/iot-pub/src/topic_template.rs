//! Topics with placeholders: `iot/home{device}/temp`.

use crate::excerpt::{beginning, last_word};

/// A topic with placeholders. `T` says what replaces them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template<T> {
    pieces: Vec<Piece<T>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<T> {
    Text(String),
    Placeholder(T),
}

impl<T: Clone> Template<T> {
    /// Returns the template that a text is. Each brace belongs to a placeholder, `{NAME}`, whose
    /// name is one of `known`; spaces around the name do not matter.
    ///
    /// # Errors
    /// One line that lists the known names.
    pub(crate) fn new(text: &str, known: &[(String, T)]) -> Result<Self, String> {
        let pieces = pieces(text, known);
        pieces.map(|pieces| Self { pieces }).map_err(|wrong| {
            let names: Vec<String> = known
                .iter()
                .map(|(name, _)| format!("{{{name}}}"))
                .collect();
            format!("{wrong}: known are {}", names.join(", "))
        })
    }
}

impl<T> Template<T> {
    /// Returns a text without placeholders, whose braces are text.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            pieces: vec![Piece::Text(text.to_owned())],
        }
    }

    /// Returns whether there is such a placeholder.
    pub(crate) fn has(&self, placeholder: &T) -> bool
    where
        T: PartialEq,
    {
        let is_it = |piece: &Piece<T>| matches!(piece, Piece::Placeholder(it) if it == placeholder);
        self.pieces.iter().any(is_it)
    }

    /// Returns the text with each placeholder replaced by what `fill` appends.
    pub(crate) fn fill(&self, mut fill: impl FnMut(&T, &mut String)) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Placeholder(it) => fill(it, &mut text),
            }
        }
        text
    }
}

/// Returns the pieces of a text, or what is wrong with it.
fn pieces<T: Clone>(text: &str, known: &[(String, T)]) -> Result<Vec<Piece<T>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (plain, from) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
        if let Some(at) = plain.find('}') {
            return Err(match &plain[..at] {
                "" => "} ends no placeholder".into(),
                before => format!("}} after `{}` ends no placeholder", last_word(before)),
            });
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain.to_owned()));
        }
        let Some(inside) = from.strip_prefix('{') else {
            return Ok(pieces);
        };
        if inside.starts_with('{') {
            return Err(format!("`{}` has too many braces", beginning(from)));
        }
        let name = &inside[..inside.find(['{', '}']).unwrap_or(inside.len())];
        let Some(after) = inside[name.len()..].strip_prefix('}') else {
            return Err(format!("`{}` has no }}", beginning(from)));
        };
        let name = name.trim();
        let Some((_, it)) = known.iter().find(|(known, _)| known == name) else {
            return Err(match name {
                "" => "{} has no name in it".into(),
                name => format!("unknown {{{}}}", beginning(name)),
            });
        };
        pieces.push(Piece::Placeholder(it.clone()));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<Template<&'static str>, String> {
        let known = [("value".into(), "VALUE"), ("now".into(), "NOW")];
        Template::new(text, &known)
    }

    #[test]
    fn placeholders_are_replaced() {
        for (text, expected) in [
            ("", ""),
            ("a/b", "a/b"),
            ("a/{value}{now}/ä{ value }", "a/VALUENOW/äVALUE"),
        ] {
            let filled = template(text).unwrap().fill(|it, text| text.push_str(it));
            assert_eq!(filled, expected);
        }
    }

    #[test]
    fn each_brace_belongs_to_a_placeholder_with_a_known_name() {
        for (text, wrong) in [
            ("a/{value", "`{value` has no }"),
            ("a/{value/b{now}", "`{value/b{now}` has no }"),
            ("a/{}/b", "{} has no name in it"),
            ("a/value}", "} after `a/value` ends no placeholder"),
            ("}", "} ends no placeholder"),
            ("a/{{value}}/b", "`{{value}}/b` has too many braces"),
            ("a/{value}}", "} ends no placeholder"),
            ("a/{x_1}", "unknown {x_1}"),
        ] {
            let expected = format!("{wrong}: known are {{value}}, {{now}}");
            assert_eq!(template(text).unwrap_err(), expected);
        }
    }
}
