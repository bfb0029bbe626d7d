//! `[[rule]]`: what messages become.

use std::ops::Range;
use std::sync::Arc;

use iot_core::TopicFilter;
use iot_decode::{Format, Map, PlainFormat, Tree};
use toml::de::DeTable;

use super::field::{Field, Problem};
use crate::decode::{Pointer, Rule, Shape};

const KEYS: &str = "filter, decode, map, time-key, unit, rename, scale, offset, skip and only";

pub(super) fn rule(fields: &DeTable<'_>, span: Range<usize>) -> Result<Rule, Problem> {
    let mut filter = None;
    let (mut decode, mut map, mut time) = (None, None, None);
    let mut shape = Shape::default();
    for (key, value) in fields {
        let field = Field {
            key: key.get_ref(),
            value,
        };
        match field.key {
            "filter" => filter = Some(field.parsed(|text| TopicFilter::new(text.to_owned()))?),
            "decode" => decode = Some(field.parsed(str::parse::<Format>)?),
            "map" => {
                let program = field.text()?;
                Map::compile(program).map_err(|why| field.problem(why))?;
                map = Some((program.to_owned(), value.span()));
            }
            "time-key" => time = Some((field.parsed(str::parse)?, value.span())),
            "unit" => shape.unit = field.per_metric(shared)?,
            "scale" => shape.scale = field.per_metric(number)?,
            "offset" => shape.offset = field.per_metric(number)?,
            "rename" => shape.rename = field.names()?,
            "skip" => shape.skip = field.patterns()?,
            "only" => shape.only = field.patterns()?,
            _ => {
                let why = format!("it is unknown ({KEYS} are known)");
                return Err(Problem::new(key.span(), field.key, why));
            }
        }
    }
    let Some(filter) = filter else {
        let why = "the rule has none, as in filter = \"tele/+/SENSOR\"";
        return Err(Problem::new(span, "filter", why));
    };
    let (map, time) = checked(decode.as_ref(), map, time)?;
    Ok(Rule {
        filter,
        decode,
        map,
        time,
        shape,
    })
}

/// Returns the program and the pointer of a rule, if they go with its format.
fn checked(
    decode: Option<&Format>,
    map: Option<(String, Range<usize>)>,
    time: Option<(Pointer, Range<usize>)>,
) -> Result<(Option<String>, Option<Pointer>), Problem> {
    if let (Some((_, span)), Some(decode)) = (&map, decode)
        && !gives_one_value(decode)
    {
        let why = format!(
            "it does not go with decode = \"{decode}\", which gives readings already (leave one of them out)"
        );
        return Err(Problem::new(span.clone(), "map", why));
    }
    if let (Some((_, span)), Some(decode)) = (&time, decode)
        && !decode.has_document()
    {
        let why = format!(
            "it points into a document, which a payload of decode = \"{decode}\" is not (JSON, CBOR, MessagePack, SenML and protobuf are)"
        );
        return Err(Problem::new(span.clone(), "time-key", why));
    }
    let map = map.map(|(program, _)| program);
    Ok((map, time.map(|(pointer, _)| pointer)))
}

/// Whether the format gives one value, which a program can take.
fn gives_one_value(format: &Format) -> bool {
    matches!(
        format,
        Format::Plain(PlainFormat::Auto | PlainFormat::Json | PlainFormat::Text)
            | Format::Cbor(Tree::Whole)
            | Format::MsgPack(Tree::Whole)
    )
}

fn shared(field: &Field<'_, '_>) -> Result<Arc<str>, Problem> {
    field.shared()
}

fn number(field: &Field<'_, '_>) -> Result<f64, Problem> {
    field.number()
}
