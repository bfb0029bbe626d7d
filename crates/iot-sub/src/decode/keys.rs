//! Where in the document of a payload the value, the time and what it is known by are.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use iot_cli::Timezone;
use iot_decode::{PlainFormat, Reason, TimeError, read_time};
use iot_store::{ReadingId, Value};
use serde_json::Value as Json;

use super::id_key::id;

/// A JSON pointer (RFC 6901), such as `/a/b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(String);

impl FromStr for Pointer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let escapes = text.split('~').skip(1);
        if !text.starts_with('/')
            || escapes
                .into_iter()
                .any(|rest| !rest.starts_with(['0', '1']))
        {
            return Err("a JSON pointer is /KEY, or /KEY/KEY within (~1 is a /, ~0 a ~)".into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// What is taken out of a payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keys {
    pub(crate) value: Option<Pointer>,
    pub(crate) time: Option<Pointer>,
    /// Where times without a time zone are from.
    pub(crate) timezone: Option<Timezone>,
    /// What makes a message what it is, beside its topic.
    pub(crate) id: Vec<Pointer>,
}

/// What was found in a payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) time: Option<DateTime<Utc>>,
    pub(super) id: Option<ReadingId>,
}

impl Keys {
    /// Returns the option of a key that other formats than plain ones use, if there is one.
    pub(crate) fn option(&self) -> Option<&'static str> {
        let time = self.time.as_ref().map(|_| "time_key");
        time.or_else(|| self.id.first().map(|_| "id_key"))
    }

    /// Returns what there is in `payload`, a message's of `topic`.
    pub(super) fn find(
        &self,
        mode: PlainFormat,
        topic: &str,
        payload: &[u8],
    ) -> Result<Found, Reason> {
        let pointers = self.value.iter().chain(&self.time).chain(&self.id);
        let Some(Pointer(first)) = { pointers }.next() else {
            return Ok(Found {
                value: mode.value(payload)?,
                time: None,
                id: None,
            });
        };
        let Value::Json(json) = PlainFormat::Json.value(payload)? else {
            return Err(Reason::Missing(first.clone()));
        };
        let id = self.id(topic, &json)?;
        let time = self.time.as_ref().map(|time| self.time_at(time, &json));
        let time = time.transpose()?;
        let value = match &self.value {
            Some(Pointer(pointer)) => match json.pointer(pointer) {
                None | Some(Json::Null) => return Err(Reason::Missing(pointer.clone())),
                Some(found) => match found.as_f64() {
                    Some(number) => Value::Number(number),
                    None => Value::Json(found.clone()),
                },
            },
            None => Value::Json(json),
        };
        match value {
            Value::Json(_) if mode == PlainFormat::Number => Err(Reason::NotANumber),
            value => Ok(Found { value, time, id }),
        }
    }

    /// Returns the time at `time_key` and the values that make the message what it is, which a
    /// format other than a plain one leaves in the payload. Without keys there is no need of the
    /// document in it.
    pub(super) fn find_in(
        &self,
        time_key: Option<&Pointer>,
        document: impl FnOnce() -> Result<Json, Reason>,
    ) -> Result<(Option<DateTime<Utc>>, Vec<Json>), Reason> {
        if time_key.is_none() && self.id.is_empty() {
            return Ok((None, Vec::new()));
        }
        let json = document()?;
        let time = time_key.map(|pointer| self.time_at(pointer, &json));
        let values = self.id_values(&json)?;
        Ok((time.transpose()?, values.into_iter().cloned().collect()))
    }

    /// Returns the time at a pointer.
    fn time_at(&self, pointer: &Pointer, json: &Json) -> Result<DateTime<Utc>, Reason> {
        let Pointer(pointer) = pointer;
        let found = json.pointer(pointer);
        let found = found.ok_or_else(|| Reason::Missing(pointer.clone()))?;
        read_time(found, self.timezone.as_ref()).map_err(|error| match error {
            TimeError::NoTimezone => Reason::NoTimezone(pointer.clone()),
            TimeError::Unreadable => Reason::NotATime(pointer.clone(), found.clone()),
        })
    }

    /// Returns the values that make a message what it is.
    fn id_values<'a>(&self, json: &'a Json) -> Result<Vec<&'a Json>, Reason> {
        let found = |Pointer(pointer): &Pointer| {
            let found = json.pointer(pointer).filter(|found| !found.is_null());
            found.ok_or_else(|| Reason::Missing(pointer.clone()))
        };
        self.id.iter().map(found).collect()
    }

    /// Returns the id that a message of `topic` has by itself, if it is to have one.
    fn id(&self, topic: &str, json: &Json) -> Result<Option<ReadingId>, Reason> {
        if self.id.is_empty() {
            return Ok(None);
        }
        let values = self.id_values(json)?;
        Ok(Some(id(topic, &values)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(mode: PlainFormat, value: &str, time: &str, payload: &str, expected: &str) {
        let pointer = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let keys = Keys {
            value: pointer(value),
            time: pointer(time),
            timezone: None,
            id: Vec::new(),
        };
        let found = match keys.find(mode, "iot/a", payload.as_bytes()) {
            Ok(Found { value, time, .. }) => match time {
                None => value.to_string(),
                Some(time) => format!("{value} at {}", time.to_rfc3339()),
            },
            Err(reason) => format!("! {reason}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_is_picked_out() {
        let mode = PlainFormat::Auto;
        case(mode, "/a/b", "", r#"{"a": {"b": 25}}"#, "25.0");
        case(mode, "/a/1", "", r#"{"a": [1, 2.5]}"#, "2.5");
        case(mode, "/a", "", r#"{"a": "on"}"#, r#""on""#);
        case(mode, "/a~1b", "", r#"{"a/b": 1}"#, "1.0");
        case(mode, "/b", "", r#"{"a": 1}"#, "! nothing at /b");
        case(mode, "/a", "", r#"{"a": null}"#, "! nothing at /a");
        case(mode, "/a", "", "25", "! nothing at /a");
        case(
            mode,
            "/a",
            "",
            "hello",
            "! not JSON: expected value at line 1 column 1",
        );
        case(
            PlainFormat::Number,
            "/a",
            "",
            r#"{"a": "on"}"#,
            "! not a number",
        );
        assert!("a/b".parse::<Pointer>().is_err());
        assert!("/a~2".parse::<Pointer>().is_err());
    }

    #[test]
    fn a_time_is_a_number_since_1970_or_a_date_and_a_time() {
        for (time, expected) in [
            ("1795428000", "1.0 at 2026-11-23T10:00:00+00:00"),
            ("1795428000.25", "1.0 at 2026-11-23T10:00:00.250+00:00"),
            ("1795428000250", "1.0 at 2026-11-23T10:00:00.250+00:00"),
            (
                "\"2026-11-23T11:00:00.25+01:00\"",
                "1.0 at 2026-11-23T10:00:00.250+00:00",
            ),
            ("1795428000250000", "1.0 at 2026-11-23T10:00:00.250+00:00"),
            (
                "1795428000250000000",
                "1.0 at 2026-11-23T10:00:00.250+00:00",
            ),
            ("\"1795428000250\"", "1.0 at 2026-11-23T10:00:00.250+00:00"),
            (
                "\"2026-11-23 11:00:00+0100\"",
                "1.0 at 2026-11-23T10:00:00+00:00",
            ),
            (
                "\"2026-11-23T11:00:00\"",
                "! the time at /t has no time zone (give --device-timezone)",
            ),
            ("\"today\"", "! the time at /t cannot be read: `\"today\"`"),
            ("true", "! the time at /t cannot be read: `true`"),
        ] {
            let payload = format!(r#"{{"v": 1, "t": {time}}}"#);
            case(PlainFormat::Auto, "/v", "/t", &payload, expected);
        }
        case(
            PlainFormat::Auto,
            "/v",
            "/t",
            r#"{"v": 1}"#,
            "! nothing at /t",
        );
    }
}
