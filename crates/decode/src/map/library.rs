//! Functions of jq's library that are slow as definitions, and often used.

use bytes::Bytes;
use jaq_core::box_iter::box_once;
use jaq_core::native::Fun;
use jaq_core::{Native, ValR, ValT};
use jaq_json::Val;

use super::budget::Bounded;

/// The functions that replace definitions of the same name.
pub(super) fn functions() -> [Fun<Bounded>; 1] {
    let run = Native::<Bounded>::new(|cv| box_once(to_entries(cv.1).map_err(Into::into)));
    [(TO_ENTRIES, Box::new([]), run)]
}

/// Whether a definition is replaced.
pub(super) fn replaces(definition: &str) -> bool {
    definition == TO_ENTRIES
}

const TO_ENTRIES: &str = "to_entries";

/// `[key_values[] as [$key, $value] | {$key, $value}]`
fn to_entries(value: Val) -> ValR<Val> {
    let name = |name: &'static str| Val::utf8_str(Bytes::from_static(name.as_bytes()));
    let (key_name, value_name) = (name("key"), name("value"));
    let entry = |key, value| Val::from_map([(key_name.clone(), key), (value_name.clone(), value)]);
    match value {
        Val::Obj(fields) => {
            let fields = fields.iter();
            { fields.map(|(key, value)| entry(key.clone(), value.clone())) }.collect()
        }
        other => other
            .key_values()
            .map(|pair| pair.and_then(|(key, value)| entry(key, value)))
            .collect(),
    }
}
