//! Many devices, described in a TOML file: groups of devices that publish the same kind of
//! messages.

mod fault;
mod file;
mod group;
mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use iot_cli::{UsageError, io_reason, read_small_text};

use fault::{Fault, fault};
use file::File;
use group::{MAX_DEVICES, devices_of};
pub(crate) use spec::{Defaults, DeviceSpec};

/// Returns the devices that the file at `path` describes.
///
/// # Errors
/// The file can't be read, or something in it is wrong: one line with file, line and key.
pub(crate) fn read(path: &Path, defaults: &Defaults) -> Result<Vec<DeviceSpec>> {
    let name = path.display();
    let text = read_small_text(path)
        .map_err(|error| anyhow!(io_reason(&error)))
        .with_context(|| format!("cannot read scenario `{name}`"))?;
    devices(&text, defaults)
        .map_err(|fault| UsageError::new(fault.line(&name.to_string(), &text)).into())
}

fn devices(text: &str, defaults: &Defaults) -> Result<Vec<DeviceSpec>, Fault> {
    let file: File = toml::from_str(text).map_err(|error| Fault {
        span: error.span(),
        why: error.message().replace('\n', "; "),
    })?;
    if file.group.is_empty() {
        return Err(Fault {
            span: None,
            why: "no group: a scenario needs at least one [[group]] with a name and a topic".into(),
        });
    }
    let mut devices = Vec::new();
    let mut names = BTreeSet::new();
    for group in &file.group {
        let group = group.get_ref();
        let name = group.name.get_ref();
        if !names.insert(name) {
            let why = format!("two groups have the name `{name}`");
            return Err(fault(&group.name, why));
        }
        devices.extend(devices_of(group, defaults, MAX_DEVICES - devices.len())?);
    }
    Ok(devices)
}
