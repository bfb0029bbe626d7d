//! Levels of a topic as fields, with `--topic-pattern`.

use std::str::FromStr;
use std::sync::Arc;

use iot_store::{FieldValue, RECEIVED};

/// Names that a field can't have: the four, and what other options add. SQLite ignores their case.
const RESERVED: [&str; 6] = ["_id", "topic", "value", "reg_date", RECEIVED, "retained"];

/// A form of topics, some of whose levels are fields: `iot/{home}/{sensor}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicPattern(Vec<Level>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Text(String),
    Field(Arc<str>),
    /// `+`
    Any,
    /// `#`
    Rest,
}

impl FromStr for TopicPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut levels = Vec::new();
        for level in text.split('/') {
            if levels.last() == Some(&Level::Rest) {
                return Err("`#` must be the last level".into());
            }
            levels.push(match level {
                "+" => Level::Any,
                "#" => Level::Rest,
                level => match level.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                    Some(name) => Level::Field(field_name(name)?),
                    None if level.contains(['{', '}', '+', '#']) => {
                        return Err(format!(
                            "`{level}` is not a whole level, which a field has to be, as in iot/{{home}}/{{sensor}}"
                        ));
                    }
                    None => Level::Text(level.to_owned()),
                },
            });
        }
        let pattern = Self(levels);
        let mut names: Vec<_> = pattern.names().collect();
        if names.is_empty() {
            return Err("a pattern needs a field, as in iot/{home}/{sensor}".into());
        }
        names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
        let same = |[one, next]: &&[&Arc<str>; 2]| one.eq_ignore_ascii_case(next);
        match names.array_windows().find(same) {
            Some([one, next]) if one == next => Err(format!("the field `{one}` occurs twice")),
            Some([one, next]) => Err(format!(
                "the fields `{one}` and `{next}` differ only in case, which SQLite ignores"
            )),
            None => Ok(()),
        }?;
        Ok(pattern)
    }
}

fn field_name(name: &str) -> Result<Arc<str>, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins_well || !name.chars().all(plain) {
        return Err(format!(
            "`{name}` is not a field name (use letters, digits and _)"
        ));
    }
    if RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
    {
        return Err(format!("the name `{name}` is taken"));
    }
    Ok(name.into())
}

impl TopicPattern {
    /// Returns the names of its fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter_map(|level| match level {
            Level::Field(name) => Some(name),
            _ => None,
        })
    }

    /// Returns the fields of `topic`, if it has this form.
    pub(crate) fn fields(&self, topic: &str) -> Option<Vec<(Arc<str>, FieldValue)>> {
        let mut fields = Vec::new();
        let mut parts = topic.split('/');
        for level in &self.0 {
            let part = match level {
                Level::Rest => return Some(fields),
                _ => parts.next()?,
            };
            match level {
                Level::Text(text) if text != part => return None,
                Level::Field(name) => {
                    fields.push((Arc::clone(name), FieldValue::Json(part.into())));
                }
                _ => {}
            }
        }
        parts.next().is_none().then_some(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(pattern: &str, topic: &str, expected: Option<&str>) {
        let pattern: TopicPattern = pattern.parse().unwrap();
        let found = pattern.fields(topic).map(|fields| {
            let fields = fields
                .iter()
                .map(|(name, fact)| format!("{name}={}", fact.to_json()));
            fields.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn levels_of_a_topic_are_fields() {
        case(
            "iot/{home}/{sensor}",
            "iot/a/t",
            Some(r#"home="a" sensor="t""#),
        );
        case("iot/{home}/{sensor}", "iot/a/t/x", None);
        case("iot/{home}/{sensor}", "iot/a", None);
        case("iot/{home}/{sensor}", "x/a/t", None);
        case("+/{home}/#", "x/ü/t/u", Some(r#"home="ü""#));
        case("+/{home}/#", "x/y", Some(r#"home="y""#));
        case("{a}//{b}", "1//", Some(r#"a="1" b="""#));
    }

    #[test]
    fn a_wrong_pattern_is_reported() {
        for (pattern, expected) in [
            (
                "iot/a",
                "a pattern needs a field, as in iot/{home}/{sensor}",
            ),
            ("iot/{a}/{a}", "the field `a` occurs twice"),
            (
                "iot/{A}/{a}",
                "the fields `A` and `a` differ only in case, which SQLite ignores",
            ),
            ("iot/{value}", "the name `value` is taken"),
            ("iot/{Topic}", "the name `Topic` is taken"),
            (
                "iot/{a b}",
                "`a b` is not a field name (use letters, digits and _)",
            ),
            (
                "iot/x{a}",
                "`x{a}` is not a whole level, which a field has to be, as in iot/{home}/{sensor}",
            ),
            ("#/{a}", "`#` must be the last level"),
        ] {
            assert_eq!(pattern.parse::<TopicPattern>().unwrap_err(), expected);
        }
    }
}
