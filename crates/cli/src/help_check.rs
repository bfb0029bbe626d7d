//! What the help of every option has to be, for the tests of the programs.

use clap::{ArgAction, Command};

/// How the help of an option begins.
const VERBS: [&str; 45] = [
    "Accept",
    "Acknowledge",
    "Append",
    "Ask",
    "Check",
    "Connect",
    "Create",
    "Delay",
    "Delete",
    "Deliver",
    "Draw",
    "Exit",
    "Limit",
    "Listen",
    "Offer",
    "Open",
    "Print",
    "Publish",
    "Read",
    "Remove",
    "Round",
    "Run",
    "Select",
    "Send",
    "Serve",
    "Shard",
    "Share",
    "Add",
    "Announce",
    "Do",
    "Export",
    "Keep",
    "Kill",
    "Report",
    "Show",
    "Set",
    "Simulate",
    "Skip",
    "Start",
    "Store",
    "Subscribe",
    "Unsubscribe",
    "Use",
    "Wait",
    "Write",
];
/// What ends a program before it runs has no variable: it would end each run. A program in the
/// place of mosquitto's knows no variables.
const WITHOUT_VARIABLE: [&str; 3] = ["generate", "health", "mosquitto"];
/// Two lines of 92 columns.
const LONGEST: usize = 184;

/// Returns what is wrong with the help of the command's options.
pub fn help_faults(mut command: Command) -> Vec<String> {
    command.build();
    let mut faults = Vec::new();
    for arg in command.get_arguments() {
        let id = arg.get_id();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let verb = help.split([' ', ':']).next().unwrap_or_default();
        if !VERBS.contains(&verb) {
            faults.push(format!(
                "{id}: `{verb}` is not a verb that a help begins with"
            ));
        }
        if help.chars().count() > LONGEST {
            faults.push(format!("{id}: the help is longer than two lines"));
        }
        let is_for_help = matches!(
            arg.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        let has_none =
            is_for_help || arg.is_positional() || WITHOUT_VARIABLE.contains(&id.as_str());
        if arg.get_env().is_none() && !has_none {
            faults.push(format!("{id}: it has no variable"));
        }
        if arg.get_help_heading().is_none() {
            faults.push(format!("{id}: it is in no group"));
        }
    }
    faults
}
