//! The tables and keys of a scenario file.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) group: Vec<Spanned<Group>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Group {
    pub(super) name: Spanned<String>,
    pub(super) count: Option<Spanned<i64>>,
    pub(super) topic: Spanned<String>,
    pub(super) qos: Option<Spanned<i64>>,
    pub(super) retain: Option<Spanned<bool>>,
    pub(super) model: Option<Spanned<Texts>>,
    pub(super) format: Option<Spanned<String>>,
    pub(super) unit: Option<Spanned<Texts>>,
    pub(super) payload_template: Option<Spanned<String>>,
    pub(super) precision: Option<Spanned<i64>>,
    pub(super) interval: Option<Spanned<String>>,
    pub(super) jitter: Option<Spanned<String>>,
}

/// One text, or several with names, in the order of the file.
#[derive(Debug)]
pub(super) enum Texts {
    One(String),
    Named(Vec<(Spanned<String>, Spanned<String>)>),
}

// Not `untagged`, which forgets the positions of values in the file.
impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, or a table of texts with names")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts::One(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts: Vec<(Spanned<String>, Spanned<String>)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            texts.push(entry);
        }
        texts.sort_by_key(|(name, _)| name.span().start);
        Ok(Texts::Named(texts))
    }
}
