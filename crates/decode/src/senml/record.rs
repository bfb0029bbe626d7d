//! One record as it was sent (RFC 8428 §4).

use serde_json::Value as Json;

/// How the fields of a record are labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Labels {
    /// With words.
    Json,
    /// With numbers (§6).
    Cbor,
}

/// The words and the numbers of the labels.
const LABELS: [(&str, &str); 15] = [
    ("bver", "-1"),
    ("bn", "-2"),
    ("bt", "-3"),
    ("bu", "-4"),
    ("bv", "-5"),
    ("bs", "-6"),
    ("n", "0"),
    ("u", "1"),
    ("v", "2"),
    ("vs", "3"),
    ("vb", "4"),
    ("s", "5"),
    ("t", "6"),
    ("ut", "7"),
    ("vd", "8"),
];

/// Highest version that is known (§4.4, RFC 9100).
const VERSION: f64 = 10.0;

/// A value that is not a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fact<'j> {
    Text(&'j str),
    Bool(bool),
}

/// A record.
#[derive(Debug, Default)]
pub(super) struct Record<'j> {
    pub(super) base: BaseFields<'j>,
    pub(super) name: Option<&'j str>,
    pub(super) unit: Option<&'j str>,
    pub(super) value: Option<f64>,
    /// `vs`, `vb` or `vd`.
    pub(super) fact: Option<Fact<'j>>,
    pub(super) sum: Option<f64>,
    pub(super) time: Option<f64>,
}

/// The fields of a record that also hold for those after it.
#[derive(Debug, Default)]
pub(super) struct BaseFields<'j> {
    pub(super) name: Option<&'j str>,
    pub(super) time: Option<f64>,
    pub(super) unit: Option<&'j str>,
    pub(super) value: Option<f64>,
    pub(super) sum: Option<f64>,
}

impl<'j> Record<'j> {
    /// Reads a record.
    pub(super) fn read(json: &'j Json, labels: Labels) -> Result<Self, String> {
        let Json::Object(fields) = json else {
            return Err("it is not an object".into());
        };
        let mut record = Self::default();
        let mut values = 0;
        for (label, value) in fields {
            let word = match labels {
                Labels::Json => label.as_str(),
                // CBOR may have words too, for fields that have no number.
                Labels::Cbor => LABELS
                    .iter()
                    .find(|(_, number)| number == label)
                    .map_or(label.as_str(), |(word, _)| *word),
            };
            values += usize::from(matches!(word, "v" | "vs" | "vb" | "vd"));
            record.take(word, value)?;
        }
        if values > 1 {
            return Err("it has more than one value".into());
        }
        Ok(record)
    }

    fn take(&mut self, word: &str, value: &'j Json) -> Result<(), String> {
        let number = || {
            value
                .as_f64()
                .ok_or_else(|| format!("`{word}` is not a number"))
        };
        let text = || {
            value
                .as_str()
                .ok_or_else(|| format!("`{word}` is not a string"))
        };
        match word {
            "bn" => self.base.name = Some(text()?),
            "bt" => self.base.time = Some(number()?),
            "bu" => self.base.unit = Some(text()?),
            "bv" => self.base.value = Some(number()?),
            "bs" => self.base.sum = Some(number()?),
            "bver" => {
                let version = number()?;
                if version > VERSION {
                    return Err(format!("version {version} is newer than {VERSION}"));
                }
            }
            "n" => self.name = Some(text()?),
            "u" => self.unit = Some(text()?),
            "v" => self.value = Some(number()?),
            "vs" | "vd" => self.fact = Some(Fact::Text(text()?)),
            "vb" => {
                let state = value.as_bool();
                self.fact = Some(Fact::Bool(
                    state.ok_or_else(|| format!("`{word}` is not true or false"))?,
                ));
            }
            "s" => self.sum = Some(number()?),
            "t" => self.time = Some(number()?),
            "ut" => drop(number()?),
            // §4.4: a program that does not know such a field must not use the record.
            _ if word.ends_with('_') => return Err(format!("the extension `{word}` is unknown")),
            _ => {}
        }
        Ok(())
    }

    /// Whether it measures nothing: it only has fields for the records after it.
    pub(super) fn is_base_only(&self) -> bool {
        self.value.is_none()
            && self.fact.is_none()
            && self.sum.is_none()
            && self.name.is_none()
            && self.unit.is_none()
            && self.time.is_none()
    }
}
