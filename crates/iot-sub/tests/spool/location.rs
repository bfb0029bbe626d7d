//! Where the spool is, and who may use it.

use testkit::{Broker, Mongo};

use crate::common::{start, sub};
use crate::fixture::totals;

#[test]
fn a_second_process_is_refused_with_advice() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    // Both would take the one below the state directory.
    let first = start(&broker, &mongo.url(), &[]);
    let state = first.folder().display().to_string();
    let port = broker.port().to_string();
    let again = ["-p", &port, "--store", &mongo.url()];
    let mut second = sub(&again).env("XDG_STATE_HOME", &state).spawn();
    assert_eq!(second.wait().code(), Some(1));
    let stderr = second.stderr();
    let expected = format!("iot-sub: cannot use spool `{state}/iot-sub/localhost-{port}_");
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert!(
        stderr.ends_with(
            "another iot-sub uses it (give this one an --id of its own, or another --spool)\n"
        ),
        "{stderr}"
    );
    let other = sub(&again)
        .args(["-i", "other"])
        .env("XDG_STATE_HOME", &state)
        .spawn();
    other.wait_for_stderr("Connected with result code 0");
    totals(other);
    totals(first);
}

#[test]
fn without_a_state_directory_it_lies_below_home() {
    let broker = Broker::start();
    let (mongo, home) = (Mongo::reserve(), tempfile::tempdir().unwrap());
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &mongo.url(), "-i", "me"])
        .env("XDG_STATE_HOME", "")
        .env("HOME", home.path())
        .spawn();
    program.wait_for_stderr("Connected with result code 0");
    let files = std::fs::read_dir(home.path().join(".local/state/iot-sub")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let start = format!("localhost-{port}_me_iot_service.sensors-");
    let spools =
        names.filter(|name| name.starts_with(&start) && name.strip_suffix(".spool").is_some());
    assert_eq!(spools.count(), 1);
    totals(program);
}

#[test]
fn a_state_directory_that_cannot_be_made_is_reported_with_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut program = sub(&[]).env("XDG_STATE_HOME", file.path()).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let directory = file.path().join("iot-sub").display().to_string();
    assert_eq!(
        program.stderr(),
        format!(
            "iot-sub: no directory for the spool (give --spool PATH): cannot create directory `{directory}`: not a directory\n"
        )
    );
}

#[test]
fn options_that_contradict_a_spool_are_reported() {
    for (args, expected) in [
        (
            &["--spool", "s", "--ack-after", "store"][..],
            "iot-sub: `--spool` cannot be used with `--ack-after` store, which uses no spool",
        ),
        (
            &["--spool", "s", "--store", "sqlite:x.db"],
            "iot-sub: `--spool` needs a MongoDB store (readings for a file are on this disk already)",
        ),
        (
            &["--spool-limit", "5M", "--store", "none"],
            "iot-sub: `--spool-limit` needs a spool (a MongoDB store, and not --ack-after store)",
        ),
        (
            &["--spool", "s", "--spool-limit", "5K"],
            "iot-sub: invalid value `5K` for `--spool-limit`: a spool needs at least 1MiB",
        ),
    ] {
        let mut program = sub(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("{expected}\n"));
    }
}
