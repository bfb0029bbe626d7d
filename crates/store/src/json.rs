//! Reads JSON from strangers: as the value that it is, and within limits.
//!
//! `serde_json` by itself reads `{"$serde_json::private::RawValue": "5"}` as the number 5, and a
//! payload of 16 MB in which each value takes three bytes as a tree of a gigabyte.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Json};

/// Deepest nesting of arrays and objects that is read.
pub const JSON_DEPTH_LIMIT: usize = 100;

/// Most values and keys in one text. An object takes up to 600 bytes of memory, a number 72.
pub const JSON_NODE_LIMIT: usize = 100_000;

/// Why a text was not read.
#[derive(Debug)]
pub enum JsonError {
    /// It is nested deeper than [`JSON_DEPTH_LIMIT`].
    TooDeep,
    /// It has more values and keys than [`JSON_NODE_LIMIT`].
    TooManyNodes,
    /// An object has a key with a NUL, which BSON can't hold.
    NulInKey,
    /// It is not JSON.
    Syntax(serde_json::Error),
}

/// Returns the value that `text` is. Objects keep the order of their keys; of two equal keys the
/// last counts.
///
/// # Errors
/// The text is not JSON, or exceeds a limit.
pub fn read_json(text: &str) -> Result<Json, JsonError> {
    let budget = Budget {
        nodes: Cell::new(JSON_NODE_LIMIT),
        depth: JSON_DEPTH_LIMIT,
        takes_nul: false,
        exceeded: Cell::new(None),
    };
    read_within(&budget, text).map_err(|error| match budget.exceeded.take() {
        Some(exceeded) => exceeded,
        // The parser's own limit is 128 levels.
        None if error.to_string().starts_with("recursion limit exceeded") => JsonError::TooDeep,
        None => JsonError::Syntax(error),
    })
}

/// Returns the value that `text` is, which was written by us: what it may be was checked before.
///
/// # Errors
/// The text is not JSON.
pub fn read_own_json(text: &str) -> Result<Json, serde_json::Error> {
    let budget = Budget {
        nodes: Cell::new(usize::MAX),
        depth: usize::MAX,
        takes_nul: true,
        exceeded: Cell::new(None),
    };
    read_within(&budget, text)
}

fn read_within(budget: &Budget, text: &str) -> Result<Json, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let json = Seed { budget, depth: 0 }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(json)
}

/// What may still be read, and why reading has ended.
struct Budget {
    nodes: Cell<usize>,
    depth: usize,
    takes_nul: bool,
    exceeded: Cell<Option<JsonError>>,
}

impl Budget {
    fn exceed<E: serde::de::Error>(&self, limit: JsonError) -> E {
        self.exceeded.set(Some(limit));
        E::custom("a limit is exceeded")
    }

    fn take_node<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.nodes.get().checked_sub(1) {
            Some(left) => {
                self.nodes.set(left);
                Ok(())
            }
            None => Err(self.exceed(JsonError::TooManyNodes)),
        }
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
struct Seed<'a> {
    budget: &'a Budget,
    /// How many arrays and objects it is in.
    depth: usize,
}

impl Seed<'_> {
    /// Returns what reads the values within this one.
    fn within<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= self.budget.depth {
            return Err(self.budget.exceed(JsonError::TooDeep));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        self.budget.take_node()?;
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Json, E> {
        let number = Number::from_f64(value);
        number
            .map(Json::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let item = self.within()?;
        let mut items = Vec::new();
        while let Some(value) = access.next_element_seed(item)? {
            items.push(value);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let item = self.within()?;
        let mut fields = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            self.budget.take_node::<A::Error>()?;
            if !self.budget.takes_nul && key.contains('\0') {
                return Err(self.budget.exceed(JsonError::NulInKey));
            }
            fields.insert(key, access.next_value_seed(item)?);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_of_serde_s_own_is_that_object() {
        for key in [
            "$serde_json::private::RawValue",
            "$serde_json::private::Number",
        ] {
            let text = format!(r#"{{"{key}":"5"}}"#);
            assert_eq!(read_json(&text).unwrap(), json!({ key: "5" }));
            let text = format!("[1, {text}]");
            assert_eq!(read_json(&text).unwrap(), json!([1, { key: "5" }]));
        }
    }

    #[test]
    fn values_and_keys_are_limited_together() {
        let array = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert!(read_json(&array(JSON_NODE_LIMIT - 1)).is_ok());
        let problem = read_json(&array(JSON_NODE_LIMIT)).unwrap_err();
        assert!(matches!(problem, JsonError::TooManyNodes), "{problem:?}");
        let keys: Vec<_> = (0..JSON_NODE_LIMIT / 2)
            .map(|i| format!(r#""{i}":0,"#))
            .collect();
        let keys = keys.concat();
        let problem = read_json(&format!(r#"{{{keys}"x":0}}"#)).unwrap_err();
        assert!(matches!(problem, JsonError::TooManyNodes), "{problem:?}");
    }

    #[test]
    fn what_follows_the_value_is_an_error() {
        assert!(matches!(read_json("1 2"), Err(JsonError::Syntax(_))));
        assert_eq!(read_json(" [-0, 1.0] ").unwrap(), json!([-0.0, 1.0]));
    }
}
