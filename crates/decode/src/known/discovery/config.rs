//! The content of a discovery message, with long or short keys.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::template::metric_of;
use crate::decoded::SeriesFacts;
use crate::names::Names;

/// Long and short keys, as in Home Assistant's list of abbreviations.
const STATE_TOPIC: [&str; 2] = ["state_topic", "stat_t"];
const TEMPLATE: [&str; 2] = ["value_template", "val_tpl"];
const STATE_TEMPLATE: [&str; 2] = ["state_value_template", "stat_val_tpl"];
const UNIT: [&str; 2] = ["unit_of_measurement", "unit_of_meas"];
const DEVICE_CLASS: [&str; 2] = ["device_class", "dev_cla"];
const PAYLOAD_ON: [&str; 2] = ["payload_on", "pl_on"];
const PAYLOAD_OFF: [&str; 2] = ["payload_off", "pl_off"];
const UNIQUE_ID: [&str; 2] = ["unique_id", "uniq_id"];
const DEVICE: [&str; 2] = ["device", "dev"];
const COMPONENTS: [&str; 2] = ["components", "cmps"];
const NAME: [&str; 2] = ["name", "name"];

/// Most components of one device that are looked at.
const COMPONENTS_PER_DEVICE: usize = 1_000;

/// One value of a device.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entity {
    /// Replaces an earlier entity with the same id.
    pub(super) id: Arc<str>,
    /// All but the topic.
    pub(super) facts: SeriesFacts,
    /// The payloads for true and false.
    pub(super) words: Option<[Arc<str>; 2]>,
}

impl Entity {
    /// Returns roughly how many bytes it holds on the heap.
    pub(super) fn heap_size(&self) -> usize {
        let SeriesFacts {
            metric,
            name,
            unit,
            device,
            device_class,
            ..
        } = &self.facts;
        let facts = [metric, name, unit, device, device_class];
        let facts = facts.into_iter().flatten();
        let words = self.words.iter().flatten();
        let texts = facts.chain(words).chain([&self.id]);
        texts.map(|text| text.len() + 16).sum()
    }
}

/// Returns the entities of a discovery message with the topics of their states: one, or all
/// components of a device.
pub(super) fn entities(fields: &Map<String, Json>, names: &mut Names) -> Vec<(Arc<str>, Entity)> {
    let Some(Json::Object(components)) = get(fields, COMPONENTS) else {
        return entity(fields, None, names).into_iter().collect();
    };
    let components = components.values().filter_map(Json::as_object);
    components
        .take(COMPONENTS_PER_DEVICE)
        .filter_map(|component| entity(component, Some(fields), names))
        .collect()
}

/// Returns an entity. What it lacks is the same for all components of the device.
fn entity(
    fields: &Map<String, Json>,
    shared: Option<&Map<String, Json>>,
    names: &mut Names,
) -> Option<(Arc<str>, Entity)> {
    let find = |keys| get(fields, keys).or_else(|| get(shared?, keys));
    let text = |keys| find(keys).and_then(Json::as_str);
    let topic = text(STATE_TOPIC)?;
    let base = find(["~", "~"]).and_then(Json::as_str);
    let topic = with_base(topic, base);
    if topic.is_empty() || topic.contains(['+', '#', '\0']) || topic.len() > 65_535 {
        return None;
    }
    let device = find(DEVICE).and_then(Json::as_object);
    let device = device.and_then(|device| get(device, NAME)?.as_str());
    let template = text(TEMPLATE).or_else(|| text(STATE_TEMPLATE));
    let metric = template.and_then(metric_of);
    // The name of the device is in the name of the entity only if the entity has none.
    let name = get(fields, NAME).and_then(Json::as_str).or(device);
    let id = get(fields, UNIQUE_ID).and_then(Json::as_str);
    let id = id.or(metric.as_deref()).unwrap_or_default();
    let words = match (find(PAYLOAD_ON), find(PAYLOAD_OFF)) {
        (None, None) => None,
        (on, off) => Some([names.share(&word(on, "ON")), names.share(&word(off, "OFF"))]),
    };
    let entity = Entity {
        id: names.share(id),
        facts: SeriesFacts {
            topic: None,
            metric: metric.map(|metric| names.share(&metric)),
            name: name.map(|name| names.share(name)),
            unit: text(UNIT).map(|unit| names.share(unit)),
            device: device.map(|device| names.share(device)),
            device_class: text(DEVICE_CLASS).map(|class| names.share(class)),
        },
        words,
    };
    Some((names.share(&topic), entity))
}

fn get<'j>(fields: &'j Map<String, Json>, keys: [&str; 2]) -> Option<&'j Json> {
    let found = keys.into_iter().find_map(|key| fields.get(key));
    found.filter(|value| !value.is_null())
}

/// Replaces a `~` at the beginning or the end.
fn with_base(topic: &str, base: Option<&str>) -> String {
    let Some(base) = base else {
        return topic.to_owned();
    };
    match (topic.strip_prefix('~'), topic.strip_suffix('~')) {
        (Some(rest), _) => format!("{base}{rest}"),
        (None, Some(rest)) => format!("{rest}{base}"),
        (None, None) => topic.to_owned(),
    }
}

fn word(json: Option<&Json>, default: &str) -> String {
    match json {
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => default.to_owned(),
    }
}
