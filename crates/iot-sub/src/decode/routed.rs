//! `[FILTER=]FORMAT` and `[FILTER=]PROGRAM`: what holds for the topics that match a filter.

use iot_core::TopicFilter;
use iot_decode::{Format, Map};

/// Something for the topics that match a filter, or for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routed<T> {
    pub(crate) filter: Option<TopicFilter>,
    pub(crate) what: T,
}

impl<T> Routed<T> {
    pub(crate) fn matches(&self, topic: &str) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.matches(topic))
    }
}

/// Reads `[FILTER=]FORMAT`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn routed_format(text: &str) -> Result<Routed<Format>, String> {
    // `state:wet=1,dry=0` has an equals sign, and no filter.
    let whole = match text.parse() {
        Ok(what) => return Ok(Routed { filter: None, what }),
        Err(problem) => problem,
    };
    match split(text) {
        Some((filter, format)) => Ok(Routed {
            what: format.parse()?,
            filter: Some(filter?),
        }),
        None => Err(whole),
    }
}

/// Reads `[FILTER=]PROGRAM`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn routed_program(text: &str) -> Result<Routed<String>, String> {
    let (filter, program) = match split(text) {
        Some((filter, program)) => (Some(filter?), program),
        None => (None, text),
    };
    Map::compile(program)?;
    Ok(Routed {
        filter,
        what: program.to_owned(),
    })
}

/// Splits a filter off. It contains no space, dot, bracket or quote, so that the beginning of most
/// programs is none; nor is what stands before `==`, `!=`, `<=`, `>=` and `|=`.
fn split(text: &str) -> Option<(Result<TopicFilter, String>, &str)> {
    let (filter, rest) = text.split_once('=')?;
    let is_other = |c: char| c.is_whitespace() || ".()[]{}\"'`".contains(c);
    if filter.is_empty()
        || filter.contains(is_other)
        || filter.ends_with(['!', '<', '>', '|'])
        || rest.starts_with('=')
    {
        return None;
    }
    let filter = TopicFilter::new(filter.to_owned()).map_err(|error| error.to_string());
    Some((filter, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn format(text: &str, filter: Option<&str>, format: &str) {
        let routed = routed_format(text).unwrap();
        let found = routed.filter.as_ref().map(TopicFilter::as_str);
        assert_eq!((found, routed.what.to_string().as_str()), (filter, format));
    }

    #[track_caller]
    fn program(text: &str, filter: Option<&str>, program: &str) {
        let routed = routed_program(text).unwrap();
        let found = routed.filter.as_ref().map(TopicFilter::as_str);
        assert_eq!((found, &*routed.what), (filter, program));
    }

    #[test]
    fn a_filter_ends_at_the_first_equals_sign() {
        format("leaves", None, "leaves");
        format("tele/+/SENSOR=leaves", Some("tele/+/SENSOR"), "leaves");
        format("#=cbor+leaves", Some("#"), "cbor+leaves");
        format("state:wet=1,dry=0", None, "state:wet=1,dry=0");
        format("a/+=state:wet=1,dry=0", Some("a/+"), "state:wet=1,dry=0");
        program(".payload.t / 10", None, ".payload.t / 10");
        program("a/#=.payload", Some("a/#"), ".payload");
        program("a/+=.payload", Some("a/+"), ".payload");
        program(".payload |= 1", None, ".payload |= 1");
        program("1==2", None, "1==2");
        program("\"a=b\"", None, "\"a=b\"");
        program("{value:(.payload)}", None, "{value:(.payload)}");
    }

    #[test]
    fn what_is_wrong_is_reported() {
        let problem = |text| routed_format(text).unwrap_err();
        assert!(problem("yaml").starts_with("`yaml` is not a format"));
        assert!(problem("a/#=yaml").starts_with("`yaml` is not a format"));
        assert_eq!(
            problem("a/#/b=json"),
            "`#` must be the last level of topic filter `a/#/b`"
        );
        assert_eq!(
            routed_program("a=fo").unwrap_err(),
            "there is no filter `fo` at column 1"
        );
    }
}
