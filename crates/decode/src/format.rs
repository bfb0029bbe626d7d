//! The formats that a message can have, as an option names them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::plain::PlainFormat;
use crate::state_words::StateWords;

const WANTED: &str = "a format is auto, number, json, text, measure, state[:WORD=1,WORD=0], leaves, \
     cbor[+leaves], msgpack[+leaves], senml, sparkplug, protobuf:FILE:MESSAGE or known";

/// What the payloads of some topics are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// One value: a number, JSON or text.
    Plain(PlainFormat),
    /// A number and a unit.
    Measure,
    /// One of two words.
    State(StateWords),
    /// JSON, each number and boolean of which is a reading.
    Leaves,
    /// CBOR (RFC 8949), then as JSON.
    Cbor(Tree),
    /// `MessagePack`, then as JSON.
    MsgPack(Tree),
    /// `SenML` (RFC 8428) in JSON or CBOR.
    Senml,
    /// Sparkplug B 3.0.
    Sparkplug,
    /// Protocol buffers, each number and boolean of which is a reading.
    Protobuf {
        /// A descriptor set that protoc has written.
        file: PathBuf,
        /// The full name of the message type.
        message: String,
    },
    /// Known devices, and whatever else can be recognised.
    Known,
}

/// What becomes of a decoded tree of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// One reading, whose value is the tree.
    Whole,
    /// A reading for each number and boolean.
    Leaves,
}

impl Default for Format {
    fn default() -> Self {
        Self::Plain(PlainFormat::Auto)
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let format = match (name, rest) {
            ("state", Some(words)) => {
                return StateWords::parse(words)
                    .map(Self::State)
                    .map_err(|why| format!("{why} (as in state:wet=1,dry=0)"));
            }
            ("cbor" | "cbor+leaves", None) if cfg!(not(feature = "cbor")) => {
                let why = "this program is built without CBOR (build it with the feature `cbor`)";
                return Err(why.into());
            }
            ("protobuf", rest) => return protobuf(rest.unwrap_or_default()),
            ("auto", None) => Self::Plain(PlainFormat::Auto),
            ("number", None) => Self::Plain(PlainFormat::Number),
            ("json", None) => Self::Plain(PlainFormat::Json),
            ("text", None) => Self::Plain(PlainFormat::Text),
            ("measure", None) => Self::Measure,
            ("state", None) => Self::State(StateWords::Known),
            ("leaves", None) => Self::Leaves,
            ("cbor", None) => Self::Cbor(Tree::Whole),
            ("cbor+leaves", None) => Self::Cbor(Tree::Leaves),
            ("msgpack", None) => Self::MsgPack(Tree::Whole),
            ("msgpack+leaves", None) => Self::MsgPack(Tree::Leaves),
            ("senml", None) => Self::Senml,
            ("sparkplug", None) => Self::Sparkplug,
            ("known", None) => Self::Known,
            _ => return Err(format!("`{text}` is not a format: {WANTED}")),
        };
        Ok(format)
    }
}

fn protobuf(text: &str) -> Result<Format, String> {
    match text.rsplit_once(':') {
        // A type has no separator of a path in its name.
        Some((file, message))
            if !file.is_empty() && !message.is_empty() && !message.contains(['/', '\\']) =>
        {
            Ok(Format::Protobuf {
                file: file.into(),
                message: message.trim_start_matches('.').to_owned(),
            })
        }
        _ => Err(
            "protobuf needs a file and a type, as in protobuf:plant.desc:plant.Reading \
             (protoc --include_imports --descriptor_set_out=plant.desc plant.proto)"
                .into(),
        ),
    }
}

impl Format {
    /// Returns its name without parameters.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain(plain) => plain.name(),
            Self::Measure => "measure",
            Self::State(_) => "state",
            Self::Leaves => "leaves",
            Self::Cbor(_) => "cbor",
            Self::MsgPack(_) => "msgpack",
            Self::Senml => "senml",
            Self::Sparkplug => "sparkplug",
            Self::Protobuf { .. } => "protobuf",
            Self::Known => "known",
        }
    }

    /// Whether payloads are documents: a pointer such as `/a/b` can point into them.
    pub fn has_document(&self) -> bool {
        !matches!(self, Self::Measure | Self::State(_) | Self::Sparkplug)
    }
}

impl fmt::Display for Format {
    /// Writes the text that [`Format::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::State(StateWords::Own(words)) => {
                for (number, (word, value)) in words.iter().enumerate() {
                    let separator = if number == 0 { ':' } else { ',' };
                    write!(f, "{separator}{word}={}", u8::from(*value))?;
                }
                Ok(())
            }
            Self::Cbor(Tree::Leaves) | Self::MsgPack(Tree::Leaves) => f.write_str("+leaves"),
            Self::Protobuf { file, message } => write!(f, ":{}:{message}", file.display()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_is_written_as_it_is_read() {
        for text in [
            "auto",
            "number",
            "json",
            "text",
            "measure",
            "state",
            "state:wet=1,dry=0",
            "leaves",
            "cbor",
            "cbor+leaves",
            "msgpack",
            "msgpack+leaves",
            "senml",
            "sparkplug",
            "protobuf:a/plant.desc:plant.Reading",
            "protobuf:C:\\plant.desc:Reading",
            "known",
        ] {
            assert_eq!(text.parse::<Format>().unwrap().to_string(), text);
        }
        assert_eq!(Format::default().to_string(), "auto");
    }

    #[test]
    fn anything_else_is_refused_in_one_line() {
        for text in ["", "xml", "leaves:a", "CBOR", "cbor+json", "state+leaves"] {
            let problem = text.parse::<Format>().unwrap_err();
            let expected = format!("`{text}` is not a format: a format is auto, number, ");
            assert!(problem.starts_with(&expected), "{problem}");
            assert!(!problem.contains('\n'));
        }
        assert_eq!(
            "state:wet".parse::<Format>().unwrap_err(),
            "`wet` is not WORD=1 or WORD=0 (as in state:wet=1,dry=0)"
        );
        for text in [
            "protobuf",
            "protobuf:a.desc",
            "protobuf::A",
            "protobuf:C:\\a.desc",
        ] {
            let problem = text.parse::<Format>().unwrap_err();
            assert!(
                problem.starts_with("protobuf needs a file and a type"),
                "{problem}"
            );
        }
    }
}
