//! What all devices need to make readings of a message.

use std::cell::Cell;
use std::sync::Arc;

use chrono::{DateTime, TimeZone, Utc};
use iot_store::{Value, read_json};
use serde_json::Value as Json;

use crate::decoded::{Decoded, Measured};
use crate::json_time::{TimeError, read_time};
use crate::leaves::{Leaf, Path, TakeLeaf, last_key, walk_tree};
use crate::message::Message;
use crate::names::Names;
use crate::plain::json_value;
use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};
use crate::settings::Settings;
use crate::state_words::known_state;

/// A message, and how it is to be read.
pub(super) struct Context<'a> {
    pub(super) message: &'a Message<'a>,
    /// The levels of its topic.
    pub(super) levels: &'a [&'a str],
    pub(super) settings: &'a Settings,
    pub(super) names: &'a mut Names,
    /// A time was local, and the time zone is unknown.
    pub(super) lacks_timezone: Cell<bool>,
}

/// How the fields of a device are read.
pub(super) struct Fields<'f> {
    /// Names of fields that are no readings, wherever they are.
    pub(super) skipped: &'f [&'f str],
    /// The unit of a field by its name.
    pub(super) unit: &'f dyn Fn(&str) -> Option<&'f str>,
    /// When they were measured.
    pub(super) time: Option<DateTime<Utc>>,
    /// The topic of the series, if it is not the message's.
    pub(super) topic: Option<Arc<str>>,
}

impl Context<'_> {
    /// Returns the level of the topic so far from its end.
    pub(super) fn level_from_end(&self, index: usize) -> &str {
        let levels = self.levels.iter().rev();
        levels.copied().nth(index).unwrap_or_default()
    }

    /// Returns the payload as text, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.message.payload)
            .ok()
            .map(str::trim)
    }

    /// Returns the payload as an object, if it is one.
    pub(super) fn object(&self) -> Option<Json> {
        let payload = self.message.payload;
        let begins_well = payload.trim_ascii_start().starts_with(b"{");
        if !begins_well || payload.len() > PAYLOAD_LIMIT_BYTES {
            return None;
        }
        let json = read_json(std::str::from_utf8(payload).ok()?).ok()?;
        json.is_object().then_some(json)
    }

    /// Returns the time that JSON names. One that cannot be read is none, and so is one before
    /// 2001: a device without a clock counts from 1970 or 2000.
    pub(super) fn time(&self, json: Option<&Json>) -> Option<DateTime<Utc>> {
        let time = read_time(json?, self.settings.timezone.as_ref());
        if time == Err(TimeError::NoTimezone) {
            self.lacks_timezone.set(true);
        }
        let time = time.ok()?;
        let known_from = Utc.with_ymd_and_hms(2001, 1, 1, 0, 0, 0).single()?;
        (time >= known_from).then_some(time)
    }

    /// Returns the readings of the fields within `json`: numbers, booleans, and texts that name a
    /// state, such as `ON`.
    pub(super) fn read(
        &mut self,
        json: &Json,
        fields: &Fields<'_>,
    ) -> Result<Vec<Measured>, Reason> {
        let mut taker = Taker {
            names: self.names,
            takes_text: self.settings.leaves_text,
            fields,
            readings: Vec::new(),
        };
        walk_tree(json, &mut Path::default(), &mut taker)?;
        Ok(taker.readings)
    }

    /// Returns one reading without a metric, whose value is the number, boolean or state `json`.
    pub(super) fn single(&mut self, json: &Json, unit: Option<&str>) -> Option<Measured> {
        let value = match json {
            Json::Number(_) | Json::Bool(_) => json_value(json.clone()),
            Json::String(text) => match word(text) {
                Some(state) => Value::Json(Json::Bool(state)),
                None if self.settings.leaves_text => Value::Text(text.clone()),
                None => return None,
            },
            _ => return None,
        };
        Some(Measured {
            unit: unit.map(|unit| self.names.share(unit)),
            ..Measured::new(value)
        })
    }
}

/// What a message became, or why not.
pub(super) type Answer = Result<Decoded, Reason>;

/// What a message of a device became; `None` if the message is not of this device.
pub(super) type Recognised = Option<Answer>;

/// Returns an answer with these readings.
pub(super) fn readings(format: &'static str, readings: Vec<Measured>) -> Decoded {
    Decoded {
        readings,
        ..Decoded::new(format)
    }
}

/// Returns the state that a word names. Digits are numbers.
pub(super) fn word(text: &str) -> Option<bool> {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic());
    is_word.then(|| known_state(text.as_bytes())).flatten()
}

/// Returns the state that the text of a field names. `home` may be the name of a network there.
fn field_state(text: &str) -> Option<bool> {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("on") || is("open") || is("online") {
        Some(true)
    } else {
        (is("off") || is("closed") || is("offline")).then_some(false)
    }
}

struct Taker<'t, 'f> {
    names: &'t mut Names,
    takes_text: bool,
    fields: &'t Fields<'f>,
    readings: Vec<Measured>,
}

impl TakeLeaf for Taker<'_, '_> {
    fn take(&mut self, path: &str, leaf: Leaf<'_>) {
        let key = last_key(path);
        let fields = self.fields;
        if fields.skipped.contains(&key) {
            return;
        }
        let value = match leaf {
            Leaf::Number(number) => Value::Number(number),
            Leaf::Bool(state) => Value::Json(Json::Bool(state)),
            Leaf::Text(text) => match field_state(text) {
                Some(state) => Value::Json(Json::Bool(state)),
                None if self.takes_text => Value::Text(text.to_owned()),
                None => return,
            },
        };
        let is_number = matches!(value, Value::Number(_));
        let unit = is_number.then(|| (fields.unit)(key)).flatten();
        self.readings.push(Measured {
            topic: fields.topic.clone(),
            metric: Some(self.names.share(path)),
            value,
            unit: unit.map(|unit| self.names.share(unit)),
            time: fields.time,
        });
    }
}
