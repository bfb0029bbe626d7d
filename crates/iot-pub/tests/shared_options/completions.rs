//! Completions of shells, and the manual page.

use std::fs;

use testkit::Program;

use crate::common::{bare, ends_well};

#[test]
fn completions_load_and_the_manual_page_renders_with_every_option() {
    let bash = ends_well(bare("--generate bash").spawn()).stdout();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completion");
    fs::write(&file, &bash).expect("a file");
    let script = format!(
        "source {}; COMP_WORDS=(iot-pub --will-); COMP_CWORD=1; _iot__pub iot-pub --will- iot-pub; echo ${{COMPREPLY[@]}}",
        file.display()
    );
    let mut shell = Program::new("bash").args(["-euc", &script]).spawn();
    assert!(shell.wait().success(), "{}", shell.stderr());
    assert_eq!(
        shell.stdout(),
        "--will-topic --will-payload --will-qos --will-retain\n"
    );
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let text = ends_well(bare(&format!("--generate {shell}")).spawn()).stdout();
        assert!(text.contains("will-payload"), "{shell}");
    }
    let page = ends_well(bare("--generate man").spawn()).stdout();
    let file = folder.path().join("iot-pub.1");
    fs::write(&file, page).expect("a file");
    let mut groff = Program::new("groff")
        .args(["-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou"])
        .args([&file])
        .spawn();
    assert!(groff.wait().success());
    assert_eq!(groff.stderr(), "");
    let page = groff.stdout();
    let help = ends_well(bare("--help-all").spawn()).stdout();
    let options = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let start = line.find("--").filter(|_| line.starts_with('-'))?;
        line[start..]
            .split(|c: char| !c.is_ascii_lowercase() && c != '-')
            .next()
    });
    let options: Vec<&str> = options.collect();
    assert!(options.len() > 70, "{options:?}");
    for option in options {
        assert!(page.contains(option), "{option} is missing");
    }
    let variables: Vec<&str> = help
        .split("[env:")
        .skip(1)
        .filter_map(|rest| Some(rest.split(']').next()?.trim()))
        .collect();
    assert!(variables.len() > 70, "{variables:?}");
    for variable in variables {
        assert!(page.contains(variable), "{variable} is missing");
    }
    for heading in ["EXAMPLES", "EXIT STATUS", "FILES", "ENVIRONMENT"] {
        assert!(page.contains(heading), "{heading} is missing");
    }
}
