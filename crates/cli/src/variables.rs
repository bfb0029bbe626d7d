//! Options from `IOT_…` variables.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

use crate::option_file::OPTIONS_FILE;
use crate::origin::{Origin, Setting, Value};
use crate::url::{self, URL};

/// Returns the options whose variables are set, in the order in which the command defines them;
/// `command` still names the variables.
///
/// # Errors
/// A line that names the variable and what is wrong with it.
pub(crate) fn read(
    command: &Command,
    variable: &dyn Fn(&OsStr) -> Option<OsString>,
) -> Result<Vec<Setting>, String> {
    let mut settings = Vec::new();
    for arg in command.get_arguments() {
        let Some(name) = arg.get_env() else { continue };
        let Some(value) = variable(name) else {
            continue;
        };
        let origin = Origin::Variable(name.to_string_lossy().into_owned());
        match arg.get_id().as_str() {
            // It is not one of the merged ones: it names a layer of them.
            OPTIONS_FILE => {}
            URL => settings.extend(url::expand(&value, &origin, &[])?),
            _ => settings.push(setting(arg, value, origin)?),
        }
    }
    Ok(settings)
}

fn setting(arg: &Arg, value: OsString, origin: Origin) -> Result<Setting, String> {
    let value = match arg.get_action() {
        ArgAction::SetTrue => Value::Flag(is_on(&value).ok_or_else(|| {
            let value = value.to_string_lossy();
            let value = value.escape_debug();
            format!(
                "invalid value `{value}` for {origin}: a flag is yes or no, true or false, 1 or 0"
            )
        })?),
        _ => Value::Text(value),
    };
    Ok(Setting::new(arg, value, origin))
}

/// What clap takes as a boolean.
fn is_on(value: &OsStr) -> Option<bool> {
    match value.to_str()?.to_ascii_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}
