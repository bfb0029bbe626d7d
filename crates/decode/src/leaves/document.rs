//! The leaves of JSON text, without a tree in between.

use std::fmt;

use iot_store::JSON_NODE_LIMIT;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::leaf::{Leaf, TakeLeaf};
use super::path::Path;
use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};

/// Gives each leaf of the JSON document `payload` to `taker`. Null is skipped.
///
/// # Errors
/// It is not JSON, or exceeds a limit.
pub(crate) fn walk_document(payload: &[u8], taker: &mut dyn TakeLeaf) -> Result<(), Reason> {
    if payload.len() > PAYLOAD_LIMIT_BYTES {
        return Err(Reason::TooLong);
    }
    let text = std::str::from_utf8(payload).map_err(|_| Reason::NotUtf8)?;
    if payload.trim_ascii().is_empty() {
        return Err(Reason::Empty);
    }
    let mut walk = Walk {
        path: Path::default(),
        nodes: JSON_NODE_LIMIT,
        exceeded: None,
        taker,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let walked = ValueSeed(&mut walk)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    walked.map_err(|error| match walk.exceeded.take() {
        Some(exceeded) => exceeded,
        // The parser's own limit is 128 levels.
        None if error.to_string().starts_with("recursion limit exceeded") => Reason::TooDeep,
        None => error.into(),
    })
}

struct Walk<'t> {
    path: Path,
    /// How many values and keys may still be read.
    nodes: usize,
    exceeded: Option<Reason>,
    taker: &'t mut dyn TakeLeaf,
}

impl Walk<'_> {
    fn take_node<E: Error>(&mut self) -> Result<(), E> {
        match self.nodes.checked_sub(1) {
            Some(left) => {
                self.nodes = left;
                Ok(())
            }
            None => Err(self.exceed(Reason::TooManyNodes)),
        }
    }

    fn exceed<E: Error>(&mut self, reason: Reason) -> E {
        self.exceeded = Some(reason);
        E::custom("a limit is exceeded")
    }

    fn on_path<E: Error>(
        &mut self,
        change: impl FnOnce(&mut Path) -> Result<(), Reason>,
    ) -> Result<(), E> {
        change(&mut self.path).map_err(|reason| self.exceed(reason))
    }

    fn leaf(&mut self, leaf: Leaf<'_>) {
        self.taker.take(self.path.text(), leaf);
    }
}

/// Reads one value.
struct ValueSeed<'w, 't>(&'w mut Walk<'t>);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.0.take_node()?;
        reader.deserialize_any(self)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number beyond 2^53 is the nearest double, as everywhere"
)]
impl<'de> Visitor<'de> for ValueSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.leaf(Leaf::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.leaf(Leaf::Number(value as f64));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.leaf(Leaf::Number(value as f64));
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.leaf(Leaf::Number(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.leaf(Leaf::Text(value));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let walk = self.0;
        walk.on_path(Path::descend)?;
        let end = walk.path.end();
        for index in 0.. {
            walk.on_path(|path| path.push_index(index))?;
            let item = access.next_element_seed(ValueSeed(walk))?;
            walk.path.cut(end);
            if item.is_none() {
                break;
            }
        }
        walk.path.ascend();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let walk = self.0;
        walk.on_path(Path::descend)?;
        let end = walk.path.end();
        while access.next_key_seed(KeySeed(walk))?.is_some() {
            access.next_value_seed(ValueSeed(walk))?;
            walk.path.cut(end);
        }
        walk.path.ascend();
        Ok(())
    }
}

/// Reads a key of an object, and adds it to the path.
struct KeySeed<'w, 't>(&'w mut Walk<'t>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        self.0.take_node()?;
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.0.on_path(|path| path.push_key(key))
    }
}
