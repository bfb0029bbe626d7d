//! Which decoder, map and rule a message gets, by its topic.

use std::sync::Arc;

use bytes::Bytes;
use iot_core::TopicFilter;
use iot_decode::{
    Decoded, Decoder as FormatDecoder, Format, KeepsState, Map, Message, PlainFormat, Reason,
    Settings,
};
use iot_store::Value;
use serde_json::Value as Json;

use super::Pointer;
use super::program_watch::ProgramWatch;
use super::routed::Routed;
use super::rule::Rule;
use super::shape::Shape;

/// What the options say. The first filter that matches counts in each list; rules come before
/// programs, programs before formats.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    pub(crate) rules: Vec<Rule>,
    pub(crate) maps: Vec<Routed<String>>,
    pub(crate) formats: Vec<Routed<Format>>,
    /// The format of all other topics.
    pub(crate) fallback: Format,
}

impl Routes {
    /// Whether some topics have Sparkplug.
    pub(crate) fn use_sparkplug(&self) -> bool {
        let rules = self.rules.iter().filter_map(|rule| rule.decode.as_ref());
        let formats = self.formats.iter().map(|routed| &routed.what);
        rules.chain(formats).any(|it| *it == Format::Sparkplug)
    }
}

/// Decodes each message as its topic says.
#[derive(Debug)]
pub(crate) struct Router {
    rules: Vec<CheckedRule>,
    maps: Vec<Routed<Map>>,
    formats: Vec<Routed<usize>>,
    decoders: Vec<FormatDecoder>,
    fallback: usize,
    /// All messages have this format, and no rule changes it.
    only: Option<PlainFormat>,
    programs: Arc<ProgramWatch>,
}

#[derive(Debug)]
struct CheckedRule {
    filter: TopicFilter,
    /// In `decoders`.
    decode: Option<usize>,
    map: Option<Map>,
    time: Option<Pointer>,
    shape: Shape,
}

/// How a message is decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    rule: Option<usize>,
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    /// In `decoders`.
    Decoder(usize),
    /// In `maps`.
    Map(usize),
    /// The map of the rule, after its decoder if there is one.
    RuleMap(usize),
}

impl Router {
    /// Returns a router for these routes.
    ///
    /// # Errors
    /// A file that a format needs cannot be read; a program is wrong. The text is one line.
    pub(crate) fn new(routes: Routes, settings: Settings) -> Result<Self, String> {
        let mut decoders = Decoders {
            settings,
            decoders: Vec::new(),
        };
        let mut rules = Vec::new();
        for rule in routes.rules {
            let decode = rule.decode.map(|format| decoders.index(format));
            rules.push(CheckedRule {
                filter: rule.filter,
                decode: decode.transpose()?,
                map: rule.map.map(|map| Map::compile(&map)).transpose()?,
                time: rule.time,
                shape: rule.shape,
            });
        }
        let mut maps = Vec::new();
        for Routed { filter, what } in routes.maps {
            let what = Map::compile(&what)?;
            maps.push(Routed { filter, what });
        }
        let mut formats = Vec::new();
        for Routed { filter, what } in routes.formats {
            let what = decoders.index(what)?;
            formats.push(Routed { filter, what });
        }
        let fallback = decoders.index(routes.fallback)?;
        let Decoders { decoders, .. } = decoders;
        let first = formats.first().filter(|first| first.filter.is_none());
        let first = first.map(|first| first.what);
        let only = match (formats.len(), first) {
            _ if !rules.is_empty() || !maps.is_empty() => None,
            (0, _) => plain(&decoders[fallback]),
            (_, Some(first)) => plain(&decoders[first]),
            _ => None,
        };
        Ok(Self {
            rules,
            maps,
            formats,
            decoders,
            fallback,
            only,
            programs: Arc::default(),
        })
    }

    /// Returns what the programs work on, if there are any.
    pub(crate) fn programs(&self) -> Option<&Arc<ProgramWatch>> {
        let mut rules = self.rules.iter();
        let has_programs = !self.maps.is_empty() || rules.any(|rule| rule.map.is_some());
        has_programs.then_some(&self.programs)
    }

    /// Returns the format if all messages have it, and it is one value of the payload.
    pub(super) fn only_plain(&self) -> Option<PlainFormat> {
        self.only
    }

    /// Whether readings can have a metric and a unit.
    pub(crate) fn names_readings(&self) -> bool {
        self.only.is_none()
    }

    /// Returns how messages of `topic` are decoded.
    pub(super) fn route(&self, topic: &str) -> Route {
        let rule = { self.rules.iter() }.position(|rule| rule.filter.matches(topic));
        let by_rule = rule.and_then(|at| match (&self.rules[at].map, self.rules[at].decode) {
            (Some(_), _) => Some(Source::RuleMap(at)),
            (None, decode) => decode.map(Source::Decoder),
        });
        let by_map = || {
            let mut maps = self.maps.iter();
            maps.position(|map| map.matches(topic)).map(Source::Map)
        };
        let by_format = || {
            let format = { self.formats.iter() }.find(|format| format.matches(topic));
            Source::Decoder(format.map_or(self.fallback, |format| format.what))
        };
        let source = by_rule.or_else(by_map).unwrap_or_else(by_format);
        Route { rule, source }
    }

    /// Returns the format of a route without a rule that is one value of the payload.
    pub(super) fn unruled_plain(&self, route: Route) -> Option<PlainFormat> {
        match (route.rule, route.source) {
            (None, Source::Decoder(at)) => plain(&self.decoders[at]),
            _ => None,
        }
    }

    /// Returns the first format whose payloads are no documents, if there is one.
    pub(crate) fn without_document(&self) -> Option<&Format> {
        let mut formats = self.decoders.iter().map(FormatDecoder::format);
        formats.find(|format| !format.has_document())
    }

    /// Returns the document in a payload, for pointers into it.
    pub(super) fn document(&self, route: Route, payload: &[u8]) -> Result<Json, Reason> {
        let decoder = match route.source {
            Source::Decoder(at) => at,
            // A program gets JSON.
            Source::Map(_) => self.fallback,
            Source::RuleMap(at) => self.rules[at].decode.unwrap_or(self.fallback),
        };
        self.decoders[decoder].document(payload)
    }

    /// Returns the pointer to the time that the rule of a route names.
    pub(super) fn time(&self, route: Route) -> Option<&Pointer> {
        self.rules[route.rule?].time.as_ref()
    }

    /// Returns what a message is, without the changes of its rule.
    ///
    /// # Errors
    /// Why it is rejected.
    pub(super) fn decode(
        &mut self,
        route: Route,
        message: &Message<'_>,
    ) -> Result<Decoded, String> {
        let decoded = match route.source {
            Source::Decoder(at) => self.decoders[at].decode(message),
            Source::Map(at) => self.programs.run(&self.maps[at].what, message),
            Source::RuleMap(at) => return self.map_of_rule(at, message),
        };
        decoded.map_err(|reason| reason.to_string())
    }

    fn map_of_rule(&mut self, rule: usize, message: &Message<'_>) -> Result<Decoded, String> {
        let CheckedRule { decode, map, .. } = &self.rules[rule];
        let Some(map) = map else {
            return Ok(Decoded::default());
        };
        let decoded = match decode {
            Some(at) => self.decoders[*at].decode(message),
            None => return self.run(map, message),
        };
        let decoded = decoded.map_err(|reason| reason.to_string())?;
        let [reading] = &decoded.readings[..] else {
            return Err("it does not have one value, for the program of its rule".to_owned());
        };
        let payload: Bytes = match &reading.value {
            Value::Json(json) => json.to_string().into(),
            value => value.to_string().into(),
        };
        let message = Message {
            payload: &payload,
            ..*message
        };
        self.run(map, &message)
    }

    fn run(&self, map: &Map, message: &Message<'_>) -> Result<Decoded, String> {
        { self.programs.run(map, message) }.map_err(|reason| reason.to_string())
    }

    /// Changes what was decoded as the rule of its route says.
    ///
    /// # Errors
    /// Why the message is rejected.
    pub(super) fn shape(&self, route: Route, decoded: &mut Decoded) -> Result<(), String> {
        match route.rule {
            Some(at) => {
                let shape = &self.rules[at].shape;
                shape.apply(&mut decoded.readings, &mut decoded.series)
            }
            None => Ok(()),
        }
    }
}

impl KeepsState for Router {
    fn restore(&mut self, key: &str, value: &[u8]) {
        for decoder in &mut self.decoders {
            decoder.restore(key, value);
        }
    }
}

fn plain(decoder: &FormatDecoder) -> Option<PlainFormat> {
    match decoder.format() {
        Format::Plain(plain) => Some(*plain),
        _ => None,
    }
}

/// One decoder for each format: what it has learned holds for all topics.
struct Decoders {
    settings: Settings,
    decoders: Vec<FormatDecoder>,
}

impl Decoders {
    fn index(&mut self, format: Format) -> Result<usize, String> {
        let mut known = self.decoders.iter();
        if let Some(at) = known.position(|decoder| *decoder.format() == format) {
            return Ok(at);
        }
        let decoder = FormatDecoder::new(format, self.settings.clone())?;
        self.decoders.push(decoder);
        Ok(self.decoders.len() - 1)
    }
}
