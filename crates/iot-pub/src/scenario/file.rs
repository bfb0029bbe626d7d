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
    pub(super) retain: Option<bool>,
    pub(super) model: Option<Spanned<Models>>,
    pub(super) payload_template: Option<Spanned<String>>,
    pub(super) precision: Option<Spanned<i64>>,
    pub(super) interval: Option<Spanned<String>>,
    pub(super) jitter: Option<Spanned<String>>,
}

/// One model, or several with names, in the order of the file.
#[derive(Debug)]
pub(super) enum Models {
    One(String),
    Named(Vec<(Spanned<String>, Spanned<String>)>),
}

// Not `untagged`, which forgets the positions of values in the file.
impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ModelsVisitor)
    }
}

struct ModelsVisitor;

impl<'de> Visitor<'de> for ModelsVisitor {
    type Value = Models;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a model, or a table of models with names")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Models, E> {
        Ok(Models::One(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Models, A::Error> {
        let mut models: Vec<(Spanned<String>, Spanned<String>)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            models.push(entry);
        }
        models.sort_by_key(|(name, _)| name.span().start);
        Ok(Models::Named(models))
    }
}
