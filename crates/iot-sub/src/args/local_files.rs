//! Checks files and programs that options name, before anything is received.

use std::path::Path;

use iot_cli::UsageError;

/// Checks a file that will be made unless it is there.
///
/// # Errors
/// Something else is there.
pub(super) fn check_file(option: &str, path: &Path) -> Result<(), UsageError> {
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        let what = if path.is_dir() {
            "a directory"
        } else {
            "a device or a pipe"
        };
        let path = path.display();
        let line = format!("{option} needs a file, and `{path}` is {what}");
        return Err(UsageError::new(line));
    }
    Ok(())
}

/// Checks a program that will be run.
///
/// # Errors
/// There is no such program.
pub(super) fn check_program(option: &str, program: &Path) -> Result<(), UsageError> {
    let Some(why) = why_not(program) else {
        return Ok(());
    };
    let program = program.display().to_string();
    let help = if program.contains(' ') {
        " (it takes no arguments: write a script)"
    } else {
        ""
    };
    let line = format!("{option} cannot run `{program}`: {why}{help}");
    Err(UsageError::new(line))
}

/// Returns why a program cannot be run. One without a `/` is looked for in `PATH`.
#[cfg(unix)]
fn why_not(program: &Path) -> Option<&'static str> {
    if program.as_os_str().as_encoded_bytes().contains(&b'/') {
        return match program.metadata() {
            Err(_) => Some("there is no such file"),
            Ok(metadata) if metadata.is_dir() => Some("it is a directory"),
            Ok(_) if !is_executable(program) => Some("it is not executable"),
            Ok(_) => None,
        };
    }
    let path = std::env::var_os("PATH")?;
    let mut folders = std::env::split_paths(&path);
    let is_found = folders.any(|folder| is_executable(&folder.join(program)));
    (!is_found).then_some("there is no such program in PATH")
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let metadata = path.metadata();
    metadata.is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn why_not(_: &Path) -> Option<&'static str> {
    None
}
