//! What is wrong with a descriptor set.

use std::io;
use std::path::Path;

use iot_cli::io_reason;
use prost_reflect::DescriptorPool;

/// Most names in one line.
const NAMES_SHOWN: usize = 8;

/// Why there is no message type. The text is one line that names the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ProtobufError(String);

impl ProtobufError {
    pub(super) fn read(file: &Path, error: &io::Error) -> Self {
        let reason = io_reason(error);
        Self(format!(
            "cannot read descriptor set `{}`: {reason}",
            file.display()
        ))
    }

    pub(super) fn no_set(file: &Path, why: &str) -> Self {
        let why = why.replace('\n', " ");
        Self(format!(
            "`{}` is not a descriptor set: {why} (make one with `protoc --include_imports --descriptor_set_out=FILE`)",
            file.display()
        ))
    }

    pub(super) fn no_message(file: &Path, message: &str, pool: &DescriptorPool) -> Self {
        let file = file.display();
        let named = pool.all_messages();
        let same: Vec<String> = named
            .filter(|it| it.name() == message)
            .map(|it| it.full_name().to_owned())
            .collect();
        if !same.is_empty() {
            let listed = listed(&same);
            return Self(format!(
                "`{file}` has several messages `{message}`: {listed}"
            ));
        }
        let all: Vec<String> = pool
            .all_messages()
            .filter(|it| !it.full_name().starts_with("google.protobuf.") && !it.is_map_entry())
            .map(|it| it.full_name().to_owned())
            .collect();
        let listed = listed(&all);
        Self(format!(
            "`{file}` has no message `{message}`: it has {listed}"
        ))
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".into();
    }
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len() - shown.len();
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
