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

/// Variables that only some of the programs know, and that look like a slip to the others.
const OTHERS: [&str; 6] = [
    "IOT_GAP", "IOT_LAST", "IOT_LIST", "IOT_MAP", "IOT_UNIT", "IOT_UNIX",
];

/// Returns a line for each set variable that differs in one letter from one that the commands
/// know. Others may belong to another program.
pub(crate) fn misspelt(commands: &[&Command], set: impl Iterator<Item = OsString>) -> Vec<String> {
    let args = commands.iter().flat_map(|command| command.get_arguments());
    let known: Vec<&str> = args.filter_map(|arg| arg.get_env()?.to_str()).collect();
    let line = |name: OsString| {
        let name = name.to_str().filter(|name| name.starts_with("IOT_"))?;
        if known.contains(&name) || OTHERS.contains(&name) {
            return None;
        }
        let meant = known
            .iter()
            .find(|known| strsim::osa_distance(known, name) == 1)?;
        Some(format!(
            "unknown variable `{name}` is ignored (did you mean `{meant}`?)"
        ))
    };
    set.filter_map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_a_slip_is_named_and_one_of_another_program_is_not() {
        let option = Arg::new("keep").long("keep").env("IOT_KEEP");
        let command = Command::new("program").arg(option);
        let set = ["IOT_KEPP", "IOT_KEPE", "IOT_KEEP", "IOT_KEEPER_OF", "KEEPP"];
        let lines = misspelt(&[&command], set.into_iter().map(OsString::from));
        let expected =
            |name| format!("unknown variable `{name}` is ignored (did you mean `IOT_KEEP`?)");
        assert_eq!(lines, [expected("IOT_KEPP"), expected("IOT_KEPE")]);
    }
}
