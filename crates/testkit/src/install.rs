//! Finds the servers' programs, or explains how to install them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// System folders that are not in everybody's `PATH`; Debian keeps mosquitto in the first.
const SYSTEM: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];

/// Returns mosquitto's path: `$IOT_MOSQUITTO`, or the program in `PATH` or a system folder.
#[track_caller]
pub fn mosquitto() -> PathBuf {
    let Some(path) = given("IOT_MOSQUITTO").or_else(|| search("mosquitto", &[])) else {
        panic!("no `mosquitto` here: `scripts/test` or `apt-get install mosquitto` installs it");
    };
    path
}

/// Returns the path of one of mosquitto's small programs, such as `mosquitto_pub`.
#[track_caller]
pub(crate) fn mosquitto_tool(name: &str) -> PathBuf {
    let Some(path) = search(name, &[]) else {
        panic!(
            "no `{name}` here: `scripts/test` or `apt-get install mosquitto mosquitto-clients` installs it"
        );
    };
    path
}

/// Returns nats-server's path: `$IOT_NATS`, or the program in `PATH` or a system folder.
#[track_caller]
pub(crate) fn nats_server() -> PathBuf {
    let Some(path) = given("IOT_NATS").or_else(|| search("nats-server", &[])) else {
        panic!(
            "no `nats-server` here: `scripts/test` or `apt-get install nats-server` installs it"
        );
    };
    path
}

/// Returns mongod's path: `$IOT_MONGOD`, or `.cache/mongod/mongod` in the workspace, or the program
/// in `PATH`.
#[track_caller]
pub fn mongod() -> PathBuf {
    let cached = workspace().join(".cache/mongod");
    let Some(path) = given("IOT_MONGOD").or_else(|| search("mongod", &[cached])) else {
        panic!("no `mongod` here: `scripts/test` installs it, or set IOT_MONGOD to its path");
    };
    path
}

/// Returns the Python with mqtt-spb-wrapper: `$IOT_SPARKPLUG_PYTHON`, or that in `.cache/sparkplug`
/// in the workspace.
#[track_caller]
pub(crate) fn sparkplug_python() -> PathBuf {
    let cached = workspace().join(".cache/sparkplug/bin/python");
    let Some(path) = given("IOT_SPARKPLUG_PYTHON").or_else(|| cached.is_file().then_some(cached))
    else {
        panic!("no Python with mqtt-spb-wrapper here: `scripts/install-test-servers` installs it");
    };
    path
}

/// Returns the Python with cbor2 and msgpack: `$IOT_CODECS_PYTHON`, or that in `.cache/codecs` in
/// the workspace.
#[track_caller]
pub(crate) fn codecs_python() -> PathBuf {
    let cached = workspace().join(".cache/codecs/bin/python");
    let Some(path) = given("IOT_CODECS_PYTHON").or_else(|| cached.is_file().then_some(cached))
    else {
        panic!("no Python with cbor2 and msgpack here: `scripts/install-test-servers` installs it");
    };
    path
}

/// Returns the path of a script in `scripts/peers`.
pub(crate) fn peer_script(name: &str) -> PathBuf {
    workspace().join("scripts/peers").join(name)
}

/// A variable that names no file is an error: another program would hide a typing error.
fn given(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

fn search(name: &str, first: &[PathBuf]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    first
        .iter()
        .cloned()
        .chain(env::split_paths(&path))
        .chain(SYSTEM.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The folder with `Cargo.lock`. Asked of the running test first: a target folder may have moved
/// since it was built.
fn workspace() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
    let package = Path::new(&package);
    package
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file())
        .unwrap_or(package)
        .to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_holds_this_package() {
        assert!(workspace().join("crates/testkit/Cargo.toml").is_file());
    }

    #[test]
    fn the_first_folder_wins() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("sh");
        std::fs::write(&program, "").expect("the folder can be written");
        assert_eq!(search("sh", &[folder.path().into()]), Some(program));
        assert_ne!(search("sh", &[]), None);
        assert_eq!(search("no-such-program", &[folder.path().into()]), None);
    }

    #[test]
    #[should_panic(expected = "`apt-get install mosquitto mosquitto-clients` installs it")]
    fn a_missing_program_comes_with_the_line_that_installs_it() {
        mosquitto_tool("mosquitto_nothing");
    }
}
