//! The value of a metric: a number, a boolean, a text, or JSON for what has parts.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use iot_sparkplug::{Array, DataSet, DataType, Metric, MetricValue, Parameter, Row, Template};
use iot_store::Value;
use serde_json::{Map, Number, Value as Json};

use super::budget::Budget;
use super::names::NAME;
use crate::reason::Reason;
use crate::single::widened;

/// Milliseconds since 1970 (UTC) of the last moment with a year of four digits.
const LAST_MILLISECOND: u64 = 253_402_300_799_999;

/// Returns the time that a number of milliseconds since 1970 (UTC) is, up to the year 9999.
pub(super) fn time_of(milliseconds: u64) -> Option<DateTime<Utc>> {
    let milliseconds = Some(milliseconds).filter(|it| *it <= LAST_MILLISECOND)?;
    DateTime::from_timestamp_millis(i64::try_from(milliseconds).ok()?)
}

/// Returns the value of a metric of this type; `None` is null, and what is no value: a number that
/// is not finite, or the definition of a template.
///
/// # Errors
/// An array that is none, and more parts than memory is spent on.
pub(super) fn value_of(
    data_type: DataType,
    value: MetricValue,
    budget: &mut Budget,
) -> Result<Option<Value>, Reason> {
    Ok(match value {
        MetricValue::Int(bits) if data_type != DataType::DateTime => {
            match integer(data_type, bits.into()) {
                Integer::Boolean(it) => Some(Value::Json(it.into())),
                Integer::Number(it) => Some(Value::Number(it)),
            }
        }
        MetricValue::Long(bits) if data_type != DataType::DateTime => {
            match integer(data_type, bits) {
                Integer::Boolean(it) => Some(Value::Json(it.into())),
                Integer::Number(it) => Some(Value::Number(it)),
            }
        }
        MetricValue::Int(bits) => Some(date_time(bits.into())),
        MetricValue::Long(bits) => Some(date_time(bits)),
        MetricValue::Float(number) => finite(widened(number)),
        MetricValue::Double(number) => finite(number),
        MetricValue::Boolean(it) => Some(Value::Json(it.into())),
        MetricValue::String(text) => Some(Value::Text(text)),
        MetricValue::Bytes(bytes) if data_type.is_array() => {
            Some(Value::Json(array(data_type, &bytes, budget)?))
        }
        MetricValue::Bytes(bytes) => Some(Value::Text(BASE64_STANDARD.encode(bytes))),
        MetricValue::DataSet(table) => Some(Value::Json(data_set(*table, budget)?)),
        MetricValue::Template(template) if template.is_definition == Some(true) => None,
        MetricValue::Template(it) => Some(Value::Json(template(*it, budget)?)),
    })
}

fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Number(number))
}

enum Integer {
    Boolean(bool),
    Number(f64),
}

/// Returns what the bits of an integer mean: signed types are in two's complement, of their own
/// width or a larger one.
fn integer(data_type: DataType, bits: u64) -> Integer {
    #[expect(clippy::cast_possible_truncation, reason = "the width of the type")]
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53, the nearest double"
    )]
    #[expect(clippy::cast_possible_wrap, reason = "two's complement")]
    Integer::Number(match data_type {
        DataType::Boolean => return Integer::Boolean(bits != 0),
        DataType::Int8 => f64::from(bits as i8),
        DataType::Int16 => f64::from(bits as i16),
        DataType::Int32 => f64::from(bits as i32),
        DataType::Int64 => bits as i64 as f64,
        _ => bits as f64,
    })
}

/// Returns the time in RFC 3339, or the number of milliseconds beyond the year 9999.
fn date_time(milliseconds: u64) -> Value {
    #[expect(
        clippy::cast_precision_loss,
        reason = "beyond 2^53, the nearest double"
    )]
    match time_of(milliseconds) {
        Some(time) => Value::Text(time.to_rfc3339_opts(SecondsFormat::Millis, true)),
        None => Value::Number(milliseconds as f64),
    }
}

/// Returns JSON of a value; integers keep all their digits.
fn json_of(data_type: DataType, value: MetricValue, budget: &mut Budget) -> Result<Json, Reason> {
    let bits = match value {
        MetricValue::Int(bits) => u64::from(bits),
        MetricValue::Long(bits) => bits,
        value => {
            let value = value_of(data_type, value, budget)?;
            let json = value.map_or(Json::Null, |value| match value {
                Value::Number(number) => number.into(),
                Value::Json(json) => json,
                Value::Text(text) => text.into(),
            });
            let text = json.as_str().map_or(0, str::len);
            budget.take(1, text)?;
            return Ok(json);
        }
    };
    budget.take(1, 0)?;
    #[expect(clippy::cast_possible_truncation, reason = "the width of the type")]
    #[expect(clippy::cast_possible_wrap, reason = "two's complement")]
    Ok(match data_type {
        DataType::Boolean => (bits != 0).into(),
        DataType::Int8 => (bits as i8).into(),
        DataType::Int16 => (bits as i16).into(),
        DataType::Int32 => (bits as i32).into(),
        DataType::Int64 => (bits as i64).into(),
        DataType::DateTime => match date_time(bits) {
            Value::Text(text) => text.into(),
            _ => bits.into(),
        },
        _ => bits.into(),
    })
}

fn array(data_type: DataType, bytes: &[u8], budget: &mut Budget) -> Result<Json, Reason> {
    budget.take(Array::count(data_type, bytes), bytes.len())?;
    let array = Array::read(data_type, bytes);
    let array = array.map_err(|why| Reason::malformed(NAME, why.to_string()))?;
    let float = |number: f64| Number::from_f64(number).map_or(Json::Null, Json::Number);
    Ok(match array {
        Array::Int8(it) => it.into(),
        Array::Int16(it) => it.into(),
        Array::Int32(it) => it.into(),
        Array::Int64(it) => it.into(),
        Array::UInt8(it) => it.into(),
        Array::UInt16(it) => it.into(),
        Array::UInt32(it) => it.into(),
        Array::UInt64(it) => it.into(),
        Array::Float(it) => it.into_iter().map(|it| float(widened(it))).collect(),
        Array::Double(it) => it.into_iter().map(float).collect(),
        Array::Boolean(it) => it.into(),
        Array::String(it) => it.into(),
        Array::DateTime(it) => {
            let time = |it| match date_time(it) {
                Value::Text(text) => text.into(),
                _ => Json::from(it),
            };
            it.into_iter().map(time).collect()
        }
    })
}

/// Returns an array with an object for each row.
fn data_set(table: DataSet, budget: &mut Budget) -> Result<Json, Reason> {
    let DataSet {
        columns,
        types,
        rows,
        ..
    } = table;
    if columns.iter().any(|column| column.contains('\0')) {
        return Err(Reason::NulInKey);
    }
    let names: usize = columns.iter().map(String::len).sum();
    let types = |at: usize| DataType::of(types.get(at).copied().unwrap_or_default());
    let mut row = |row: Row| {
        budget.take(1, names)?;
        let cells = columns.iter().zip(row.elements).enumerate();
        let cells = cells.map(|(at, (column, element))| {
            let json = match element.value {
                Some(value) => json_of(types(at), value.into(), budget)?,
                None => Json::Null,
            };
            Ok((column.clone(), json))
        });
        cells.collect::<Result<Map<_, _>, _>>().map(Json::Object)
    };
    rows.into_iter().map(&mut row).collect()
}

/// Returns an object with `template` (the name of the definition), `version`, `parameters` and
/// `metrics`, as far as they are there.
fn template(template: Template, budget: &mut Budget) -> Result<Json, Reason> {
    let mut object = Map::new();
    if let Some(name) = template.template_ref {
        budget.take(1, name.len())?;
        object.insert("template".into(), name.into());
    }
    if let Some(version) = template.version {
        budget.take(1, version.len())?;
        object.insert("version".into(), version.into());
    }
    let parameter = |it: Parameter| (it.name, it.r#type, it.value.map(MetricValue::from));
    let parameters = template.parameters.into_iter().map(parameter);
    let metric = |it: Metric| {
        let value = it.value.filter(|_| it.is_null != Some(true));
        (it.name, it.datatype, value)
    };
    let metrics = template.metrics.into_iter().map(metric);
    let parameters = members(parameters, budget)?;
    if !parameters.is_empty() {
        object.insert("parameters".into(), parameters.into());
    }
    object.insert("metrics".into(), members(metrics, budget)?.into());
    Ok(object.into())
}

/// Returns an object of values with names. Those without a name are left out.
fn members(
    members: impl Iterator<Item = (Option<String>, Option<u32>, Option<MetricValue>)>,
    budget: &mut Budget,
) -> Result<Map<String, Json>, Reason> {
    let mut object = Map::new();
    for (name, data_type, value) in members {
        let Some(name) = name else { continue };
        if name.contains('\0') {
            return Err(Reason::NulInKey);
        }
        budget.take(1, name.len())?;
        let json = match value {
            Some(value) => json_of(DataType::of(data_type.unwrap_or_default()), value, budget)?,
            None => Json::Null,
        };
        object.insert(name, json);
    }
    Ok(object)
}
