//! Templates such as `{{ value_json.temperature | round(1) }}`, which name a key.

use crate::leaves::Path;

const VALUE: &str = "value_json";

/// Returns the path that a template takes its value from; none if it takes the whole payload.
///
/// `value_json.a.b`, `value_json['a']["b"]`, `value_json[0]` and `value_json.get('a')` are keys. Of
/// several, the first counts; filters and conditions are not looked at.
pub(super) fn metric_of(template: &str) -> Option<String> {
    let (_, mut rest) = template.split_once(VALUE)?;
    let mut path = Path::default();
    loop {
        let found = after_dot(rest).or_else(|| in_brackets(rest));
        let Some((key, behind)) = found else { break };
        let pushed = match key {
            Key::Name(name) => path.push_key(name),
            Key::Index(index) => path.push_index(index),
        };
        pushed.ok()?;
        rest = behind;
    }
    let path = path.text();
    (!path.is_empty()).then(|| path.to_owned())
}

enum Key<'t> {
    Name(&'t str),
    Index(usize),
}

/// Reads `.name` or `.get('name')`.
fn after_dot(text: &str) -> Option<(Key<'_>, &str)> {
    let text = text.strip_prefix('.')?;
    if let Some(argument) = text.strip_prefix("get(") {
        let (name, rest) = quoted(argument)?;
        let (_, rest) = rest.split_once(')')?;
        return Some((Key::Name(name), rest));
    }
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return None;
    }
    Some((name.parse().map_or(Key::Name(name), Key::Index), rest))
}

/// Reads `['name']`, `["name"]` or `[0]`.
fn in_brackets(text: &str) -> Option<(Key<'_>, &str)> {
    let text = text.strip_prefix('[')?.trim_start();
    let (key, rest) = if let Some((name, rest)) = quoted(text) {
        (Key::Name(name), rest)
    } else {
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let (index, rest) = text.split_at(end);
        (Key::Index(index.parse().ok()?), rest)
    };
    Some((key, rest.trim_start().strip_prefix(']')?))
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text[1..].split_once(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_gives_the_key() {
        for (template, expected) in [
            ("{{ value_json.temperature }}", Some("temperature")),
            ("{{value_json.ENERGY.Power|float(0)}}", Some("ENERGY.Power")),
            ("{{ value_json['temperature'] }}", Some("temperature")),
            (
                r#"{{ value_json["ENERGY"]["Power"] }}"#,
                Some("ENERGY.Power"),
            ),
            (
                "{{ value_json['switch:0'].apower | round(1) }}",
                Some("switch:0.apower"),
            ),
            ("{{ value_json.hum | is_defined }}", Some("hum")),
            ("{{ value_json[0].x }}", Some("0.x")),
            ("{{ value_json.list.0 }}", Some("list.0")),
            ("{{ value_json.get('a.b') }}", Some(r"a\.b")),
            (
                "{% if value_json.state == 'ON' %}1{% endif %}",
                Some("state"),
            ),
            ("{{ value_json }}", None),
            ("{{ value | float }}", None),
            ("", None),
            ("{{ value_json['open }}", None),
            ("{{ value_json.get('a }}", None),
        ] {
            assert_eq!(metric_of(template).as_deref(), expected, "{template}");
        }
    }
}
