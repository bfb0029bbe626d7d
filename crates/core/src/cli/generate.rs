//! Completions for shells, and the manual page.

use std::io::{self, Write};

use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

/// The id of the option.
pub(super) const GENERATE: &str = "generate";

/// What can be made of the options' definition.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(super) struct GenerateArgs {
    /// Print the manual page, or the completions of a shell, and exit
    #[arg(long, value_name = "WHAT")]
    generate: Option<Generate>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Generate {
    Man,
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

/// Prints it on stdout. A reader that has gone is no error.
pub(super) fn print(mut command: Command, what: Generate) {
    let shell = match what {
        Generate::Man => {
            let _ = io::stdout().write_all(&man(command));
            return;
        }
        Generate::Bash => Shell::Bash,
        Generate::Elvish => Shell::Elvish,
        Generate::Fish => Shell::Fish,
        Generate::PowerShell => Shell::PowerShell,
        Generate::Zsh => Shell::Zsh,
    };
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    let _ = io::stdout().write_all(&text);
}

fn man(command: Command) -> Vec<u8> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .expect("memory takes what is written");
    page
}
