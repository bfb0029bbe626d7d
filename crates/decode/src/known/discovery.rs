//! Home Assistant's discovery: what devices say of their values.
//! <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.

mod config;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use iot_store::{RecentTable, Value, read_json};

use crate::decoded::{Decoded, SeriesFacts};
use crate::message::Message;
use crate::names::Names;
use crate::reason::Reason;
use crate::settings::Settings;
use config::{Entity, entities};

const FORMAT: &str = "home-assistant";

/// Bytes of memory for what was discovered: of some 50,000 entities.
const TABLE_BYTES: usize = 16 << 20;

/// Most entities of one topic.
const ENTITIES_PER_TOPIC: usize = 200;

/// What was discovered, by the topic of the state.
#[derive(Debug)]
pub(super) struct Discovery {
    entities: RecentTable<Vec<Entity>>,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            entities: RecentTable::new(TABLE_BYTES),
        }
    }
}

/// Whether `topic` is of a discovery message: `PREFIX/COMPONENT/[NODE/]OBJECT/config`.
pub(super) fn is_config(topic: &str, settings: &Settings) -> bool {
    let rest = topic.strip_prefix(&*settings.discovery_prefix);
    let rest = rest.and_then(|rest| rest.strip_prefix('/')?.strip_suffix("/config"));
    rest.is_some_and(|rest| matches!(rest.split('/').count(), 2 | 3))
}

impl Discovery {
    /// Learns what a discovery message says. It has no readings.
    ///
    /// # Errors
    /// It is not JSON. An empty message, which removes an entity, is not an error.
    pub(super) fn learn(
        &mut self,
        message: &Message<'_>,
        names: &mut Names,
    ) -> Result<Decoded, Reason> {
        let mut decoded = Decoded::new(FORMAT);
        if message.payload.trim_ascii().is_empty() {
            return Ok(decoded);
        }
        if message.payload.len() > crate::reason::PAYLOAD_LIMIT_BYTES {
            return Err(Reason::TooLong);
        }
        let text = std::str::from_utf8(message.payload).map_err(|_| Reason::NotUtf8)?;
        let json = read_json(text)?;
        let Some(fields) = json.as_object() else {
            return Err(Reason::malformed(
                "a discovery message",
                "it is not an object",
            ));
        };
        for (topic, entity) in entities(fields, names) {
            decoded.series.push(SeriesFacts {
                topic: Some(Arc::clone(&topic)),
                ..entity.facts.clone()
            });
            self.add(topic, entity);
        }
        Ok(decoded)
    }

    fn add(&mut self, topic: Arc<str>, entity: Entity) {
        let known = self.entities.get(&topic);
        let mut known = known.cloned().unwrap_or_default();
        known.retain(|other| other.id != entity.id);
        if known.len() < ENTITIES_PER_TOPIC {
            known.push(entity);
        }
        let size =
            known.len() * size_of::<Entity>() + known.iter().map(Entity::heap_size).sum::<usize>();
        self.entities.insert(topic, known, size);
    }

    /// Returns the state that a payload is by the words of a discovered entity.
    pub(super) fn state(&mut self, topic: &str, payload: &[u8]) -> Option<bool> {
        if self.entities.is_empty() {
            return None;
        }
        let payload = payload.trim_ascii();
        let entities = self.entities.get(topic)?.iter();
        entities
            .filter(|entity| entity.facts.metric.is_none())
            .find_map(|entity| {
                let [on, off] = entity.words.as_ref()?;
                if payload == on.as_bytes() {
                    Some(true)
                } else {
                    (payload == off.as_bytes()).then_some(false)
                }
            })
    }

    /// Adds the units that were discovered to readings of `topic` that have none.
    pub(super) fn add_units(&mut self, topic: &str, decoded: &mut Decoded) {
        if self.entities.is_empty() || decoded.readings.is_empty() {
            return;
        }
        let Some(entities) = self.entities.get(topic) else {
            return;
        };
        for reading in &mut decoded.readings {
            let is_number = matches!(reading.value, Value::Number(_));
            if reading.unit.is_some() || reading.topic.is_some() || !is_number {
                continue;
            }
            let mut same = entities
                .iter()
                .filter(|entity| entity.facts.metric == reading.metric);
            reading.unit = same.find_map(|entity| entity.facts.unit.clone());
        }
    }
}
