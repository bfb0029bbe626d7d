//! Programs with `--durable`, and their files.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{Broker, DEADLINE, Program, eventually};

use crate::common::{sqlite, sub};

/// `iot-sub --durable`, storing in `iot.db` in this folder, which also has its state.
pub(crate) fn durable(port: u16, folder: &Path) -> Program {
    let store = format!("sqlite:{}", folder.join("iot.db").display());
    let port = port.to_string();
    sub(&["-p", &port, "--durable", "--store", &store]).env("XDG_STATE_HOME", folder)
}

/// The file of the session, if there is one.
pub(crate) fn state(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder.join("iot-sub")).ok()?;
    let mut files = files.map(|file| file.expect("a file").path());
    files.find(|path| path.extension().is_some_and(|end| end == "session"))
}

/// What is in it.
pub(crate) fn noted(folder: &Path) -> String {
    let text = state(folder).map(fs::read_to_string);
    text.and_then(Result::ok).unwrap_or_default()
}

/// Waits until so many readings are stored.
#[track_caller]
pub(crate) fn stored(folder: &Path, count: usize) {
    eventually(DEADLINE, format_args!("{count} are stored"), || {
        sqlite(&folder.join("iot.db"), "select count(*) from readings") == format!("{count}\n")
    });
}

pub(crate) fn subscriptions(broker: &Broker) -> usize {
    broker.log().matches("Received SUBSCRIBE").count()
}
