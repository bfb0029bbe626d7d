//! Completions for shells, and the manual page.

use std::io::{self, Write};

use clap::builder::Resettable;
use clap::{Args, Command, ValueEnum};
use clap_complete::Shell;

/// The id of the option.
pub(crate) const GENERATE: &str = "generate";

/// What can be made of the options' definition.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct GenerateArgs {
    /// Print the manual page or the completions of a shell, and exit
    #[arg(long, value_name = "WHAT")]
    #[arg(hide_short_help = true)]
    generate: Option<Generate>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Generate {
    Man,
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

/// Returns the manual page, or the completions of a shell.
pub(crate) fn generate(mut command: Command, kind: Generate) -> Vec<u8> {
    let shell = match kind {
        Generate::Man => return man(command),
        Generate::Bash => Shell::Bash,
        Generate::Elvish => Shell::Elvish,
        Generate::Fish => Shell::Fish,
        Generate::PowerShell => Shell::PowerShell,
        Generate::Zsh => Shell::Zsh,
    };
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    text
}

fn man(command: Command) -> Vec<u8> {
    let mut page = Vec::new();
    let name = command.get_name().to_owned();
    let examples = command.get_before_help().map(ToString::to_string);
    let command = command.before_help(Resettable::Reset);
    let has_commands = command.has_subcommands();
    let rendered = if has_commands {
        commands(command, &mut page)
    } else {
        clap_mangen::Man::new(command).render(&mut page)
    };
    rendered.expect("memory takes what is written");
    let examples: Vec<String> = examples
        .iter()
        .flat_map(|text| text.lines().skip(1))
        .map(|line| line.trim().replace('\\', "\\e").replace('-', "\\-"))
        .map(|line| line.replace('\'', "\\(aq"))
        .collect();
    let status = if has_commands { "" } else { OF_CONNECTIONS };
    let more = MORE.replace("STATUS_OF_CONNECTIONS\n", status);
    let more = more.replace("NAME", &name);
    let more = more.replace("EXAMPLE_LINES", &examples.join("\n"));
    page.extend_from_slice(more.as_bytes());
    page
}

/// Writes the page of a program with commands: a section for each, with its options.
fn commands(mut program: Command, page: &mut Vec<u8>) -> io::Result<()> {
    program.build();
    let commands: Vec<Command> = program.get_subcommands().cloned().collect();
    let man = clap_mangen::Man::new(program.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for command in commands {
        let name = command.get_name().to_uppercase();
        writeln!(page, ".SH COMMAND {name}")?;
        let about = command.get_about().map(ToString::to_string);
        writeln!(page, "{}", about.unwrap_or_default().replace('-', "\\-"))?;
        let command = command.before_help(Resettable::Reset);
        let mut options = Vec::new();
        let man = clap_mangen::Man::new(command);
        man.render_synopsis_section(&mut options)?;
        man.render_options_section(&mut options)?;
        let options = String::from_utf8_lossy(&options);
        page.extend(options.replace(".SH", ".SS").into_bytes());
    }
    Ok(())
}

/// What the options' definition doesn't say, in the language of manual pages.
const MORE: &str = r"
.SH EXAMPLES
.nf
EXAMPLE_LINES
.fi
.SH EXIT STATUS
.TP
.B 0
Done, or stopped by Ctrl\-C or SIGTERM after a clean disconnect.
.TP
.B 1
Failed; a line on standard error says what failed and why.
.TP
.B 2
Wrong usage.
STATUS_OF_CONNECTIONS
.SH ENVIRONMENT
Each option has a variable,
.B IOT_
and the option's name in capitals, as in
.BR IOT_HOST .
The command line wins over the variables, and these win over the option file.
.SH FILES
.I $XDG_CONFIG_HOME/NAME
or
.I ~/.config/NAME
has options, one a line, as in
.BR \-\-topic\~iot/# ;
the value is the rest of the line, without quotes, and lines that begin with # are comments.
.B \-\-options\-file
names another one to be read instead.
A repeated option of the command line replaces all those of the file.
";

/// The exit codes of programs with a connection.
const OF_CONNECTIONS: &str = r"On MQTT 3.1 and 3.1.1, 2 also means that the broker rejects the client identifier.
.TP
.B 27
The time limit of
.B \-\-timeout
is over.
.TP
.B 1 to 5
The broker refuses the connection (MQTT 3.1 and 3.1.1): its return code.
.TP
.B 128 to 255
The broker refuses the connection (MQTT 5): its reason code.
";
