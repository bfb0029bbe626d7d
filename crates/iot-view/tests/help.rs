//! The help texts, as snapshots, and what is generated.

mod common;

use common::view_in;

fn help(args: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let done = view_in(folder.path(), args);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    done.stdout
}

const COMMANDS: [&str; 9] = [
    "latest", "export", "plot", "page", "alerts", "rejected", "check", "prune", "reindex",
];

#[test]
fn the_help_of_the_program_lists_the_commands() {
    let help = help(&["--help"]);
    assert_eq!(help.matches("\n  iot-view ").count(), 3);
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
}

#[test]
fn the_help_of_each_command_begins_with_three_examples() {
    for command in COMMANDS {
        let short = help(&[command, "--help"]);
        assert_eq!(short.matches("\n  iot-view ").count(), 3, "{command}");
        insta::assert_snapshot!(command, short);
        let all = help(&[command, "--help-all"]);
        assert!(
            all.contains("[env: IOT_STORE") && all.contains("--collection"),
            "{all}"
        );
        assert_eq!(help(&["help", command]), short);
    }
}

#[test]
fn the_manual_and_the_completions_have_each_command() {
    let manual = help(&["--generate", "man"]);
    let bash = help(&["--generate", "bash"]);
    for command in COMMANDS {
        let heading = format!(".SH COMMAND {}", command.to_uppercase());
        assert!(manual.contains(&heading), "{command}");
        assert!(bash.contains(command), "{command}");
    }
    assert!(help(&["--version"]).starts_with("iot-view "));
}

#[test]
fn wrong_usage_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (args, line) in [
        (
            &["lates"][..],
            "unknown command `lates` (did you mean `latest`?)",
        ),
        (
            &["export", "--aggregate", "max"],
            "`--aggregate` needs --every DURATION",
        ),
        (
            &["export", "a/#/b"],
            "invalid value `a/#/b` for `[FILTER]...`: in `a/#/b`, the level # must be the last",
        ),
        (
            &["plot", "-o", "x.jpg"],
            "a picture is FILE.svg or FILE.png, and `x.jpg` is neither",
        ),
        (
            &["latest", "--store", "none"],
            "the store is none: there is nothing to read (give --store sqlite:PATH or mongodb://…)",
        ),
        (
            &["prune", "--older-than", "1d", "--store", "sqlite:x.db"],
            "nobody can be asked without a terminal (give --yes)",
        ),
    ] {
        let done = view_in(folder.path(), args);
        assert_eq!(done.code, 2, "{args:?}");
        assert_eq!(done.stderr, format!("iot-view: {line}\n"));
    }
}

#[test]
fn an_option_file_may_have_options_of_all_commands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("options");
    std::fs::write(&file, "--store none\n--older-than 90d\n--wide\n").unwrap();
    let done = view_in(folder.path(), &["latest", "--options-file", "options"]);
    assert!(done.stderr.contains("the store is none"), "{}", done.stderr);
    std::fs::write(&file, "--what 1\n").unwrap();
    let done = view_in(folder.path(), &["latest", "--options-file", "options"]);
    assert!(
        done.stderr.contains("options:1: unknown option `--what`"),
        "{}",
        done.stderr
    );
}
