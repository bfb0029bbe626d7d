//! `latest`, `plot`, `rejected`, `check`, `prune` and `reindex`, on SQLite files.

mod common;

use std::fs;
use std::path::Path;

use chrono::Utc;
use common::{DAY, Store, at_millis, number, text, view, view_in};
use iot_store::{Entry, IdGenerator, Rejection};
use testkit::Program;

const HOUR: i64 = 3_600_000;

/// Two days with a reading each ten minutes.
fn two_days() -> Store {
    let mut store = Store::new();
    let rows: Vec<_> = (0..288)
        .map(|number| {
            let value = common::number(20.0 + f64::from(number % 10));
            (
                "home/a",
                value,
                Some("°C"),
                DAY + i64::from(number) * 600_000,
            )
        })
        .collect();
    store.insert(&rows);
    store
}

#[test]
fn latest_prints_a_table() {
    let done = view(&two_days(), &["latest"]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(
        lines[0].starts_with("topic   value  unit"),
        "{}",
        done.stdout
    );
    assert!(
        lines[1].starts_with("home/a   27.0  °C") && lines[1].ends_with("6.00"),
        "{}",
        done.stdout
    );
    assert_eq!((done.code, lines.len()), (0, 2));
}

#[test]
fn a_silent_series_makes_it_exit_with_1() {
    let mut store = two_days();
    let now = Utc::now().timestamp_millis();
    store.insert(&[("home/alive", number(1.0), None, now)]);
    let done = view(&store, &["latest", "--silent", "10m", "--json"]);
    assert_eq!(done.code, 1);
    assert_eq!(done.stdout.lines().count(), 1);
    assert!(
        done.stdout
            .starts_with("{\"topic\":\"home/a\",\"unit\":\"°C\",\"value\":27.0,"),
        "{}",
        done.stdout
    );
    let done = view(&store, &["latest", "home/alive", "--silent", "10m"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
}

#[test]
fn hostile_text_does_nothing_to_a_terminal() {
    let mut store = Store::new();
    store.insert(&[(
        "home/\u{1b}[2J",
        text("\u{1b}]0;x\u{7}"),
        Some("\u{9b}"),
        DAY,
    )]);
    for args in [
        &["latest"][..],
        &["check"],
        &["plot", "--since", "2026-01-01"],
    ] {
        let done = view(&store, args);
        let all = done.stdout + &done.stderr;
        assert!(
            !all.chars().any(|c| c.is_control() && c != '\n'),
            "{args:?}: {all:?}"
        );
    }
}

#[test]
fn a_plot_is_a_picture_or_dots() {
    let mut store = two_days();
    store.insert(&[(
        "<img src=x onerror=alert(1)>",
        number(5.0),
        Some("<b>"),
        DAY + HOUR,
    )]);
    let day = ["--since", "2026-06-21", "--until", "2026-06-21"];
    let plot = |args: &[&str]| view(&store, &[&["plot"], args, &day].concat());
    assert_eq!(plot(&["-o", "day.svg"]).code, 0);
    let svg = fs::read_to_string(store.folder.path().join("day.svg")).unwrap();
    assert!(svg.contains("&lt;img src=x") && !svg.contains("<img") && !svg.contains("<b>"));
    assert!(svg.contains(">°C<") && svg.contains(">06:00<") && svg.contains("21 Jun 2026"));
    assert_eq!(plot(&["-o", "day.png", "--size", "400x300"]).code, 0);
    let png = fs::read(store.folder.path().join("day.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x90\0\0\x01\x2c"));
    let dots = plot(&[]);
    assert!(
        dots.stdout.contains("°C") && dots.stdout.contains("━━ home/a"),
        "{}",
        dots.stdout
    );
    let is_dot = |c: char| ('\u{2800}'..='\u{28ff}').contains(&c);
    assert!(dots.stdout.chars().filter(|c| is_dot(*c)).count() > 30);
}

#[test]
fn a_plot_without_numbers_says_what_there_is() {
    let store = two_days();
    let done = view(&store, &["plot", "--since", "2026-06-25"]);
    assert_eq!(done.code, 1);
    let line = "iot-view: there are no numbers in that period: the latest reading is of 2026-06-22 23:50 (see --since)\n";
    assert_eq!(done.stderr, line);
}

#[test]
fn rejections_are_grouped_by_reason() {
    let mut store = Store::new();
    let mut ids = IdGenerator::new();
    let mut rejection = |topic: &str, payload: &[u8], reason: &str, at| {
        let id = ids.next(at_millis(at));
        Entry::Rejection(Rejection::new(
            id,
            topic.into(),
            payload,
            reason.into(),
            at_millis(at),
        ))
    };
    let entries = [
        rejection("a", b"x", "not a number", DAY),
        rejection("b", b"y", "not a number", DAY + 1),
        rejection("c", b"\xff\0", "not UTF-8", DAY + 2),
    ];
    store.insert_entries(&entries);
    let done = view(&store, &["rejected"]);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", done.stdout);
    assert!(
        lines[1]
            .trim_start()
            .starts_with("2       2  2026-06-21 00:00:00"),
        "{}",
        done.stdout
    );
    assert_eq!(
        view(&store, &["rejected", "--list"]).stdout.lines().count(),
        4
    );
    let json = view(
        &store,
        &["rejected", "--list", "--json", "--since", "2026-06-21"],
    );
    assert_eq!(json.stdout.lines().count(), 3);
    let id = entries[1].id().to_string();
    assert_eq!(view(&store, &["rejected", "--payload", &id]).stdout, "y");
    let missing = view(&store, &["rejected", "--payload", &"0".repeat(24)]);
    assert_eq!((missing.code, missing.stderr.lines().count()), (1, 1));
}

#[test]
fn a_check_counts_and_finds() {
    let mut store = two_days();
    let done = view(&store, &["check"]);
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(
        done.stdout.contains("288 in 1 series") && done.stdout.contains("2026-06-22       144"),
        "{}",
        done.stdout
    );
    let one = view(&store, &["check", "--days", "1"]).stdout;
    assert!(one.contains("and 1 day before (--days 2)"), "{one}");
    let future = Utc::now().timestamp_millis() + HOUR;
    store.insert(&[("home/a", number(1.0), None, future)]);
    let done = view(&store, &["check"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("time in the future") && done.stdout.contains("gap"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_damaged_file_is_found() {
    let store = two_days();
    let mut bytes = fs::read(store.path()).unwrap();
    // The head of a page.
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 2_000].fill(0xff);
    fs::write(store.path(), bytes).unwrap();
    let done = view(&store, &["check"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
}

#[test]
fn prune_deletes_what_is_older() {
    let store = two_days();
    let args = ["prune", "--older-than", "2026-06-22T12:30", "--yes"];
    let done = view(&store, &args);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("deleted 216 readings and 0 rejected messages"),
        "{}",
        done.stderr
    );
    let hours = ["export", "--every", "1h", "--aggregate", "count"];
    let counts = view(&store, &hours).stdout;
    assert_eq!(counts.lines().count(), 13, "{counts}");
    let days = ["export", "--every", "1d", "--aggregate", "count"];
    assert!(view(&store, &days).stdout.contains("home/a,,72,°C"));
}

#[test]
fn prune_keeps_the_rollups_that_are_wanted() {
    let store = two_days();
    let days = [
        "export",
        "--every",
        "1d",
        "--aggregate",
        "count,min,max",
        "--since",
        "2026-06-21",
    ];
    let before = view(&store, &days).stdout;
    let args = [
        "prune",
        "--older-than",
        "2026-06-22",
        "--keep-rollups",
        "--yes",
    ];
    let done = view(&store, &args);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stderr.contains("deleted 144 readings"),
        "{}",
        done.stderr
    );
    assert_eq!(view(&store, &days).stdout, before);
    assert_eq!(view(&store, &["export"]).stdout.lines().count(), 145);
}

#[test]
fn a_file_of_the_previous_version_is_read() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../iot-sub/tests/fixtures/store-version-2.sqlite");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture, folder.path().join("old.db")).unwrap();
    let run = |args: &[&str]| {
        let done = view_in(
            folder.path(),
            &[args, &["--store", "sqlite:old.db"]].concat(),
        );
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
        done.stdout
    };
    assert_eq!(run(&["export"]).lines().count(), 314);
    assert!(run(&["latest"]).contains("fx/number"));
    assert!(run(&["rejected"]).lines().count() > 1);
    run(&["reindex"]);
    assert_eq!(run(&["export"]).lines().count(), 314);
}

#[test]
fn a_filter_that_selects_nothing_is_named_with_what_there_is() {
    let mut store = two_days();
    let now = Utc::now().timestamp_millis();
    store.insert(&[
        ("zigbee/one#temperature", number(1.0), None, now),
        ("zigbee/one#humidity", number(1.0), None, now),
    ]);
    let name = store.path().display().to_string();
    let unknown = format!(
        "iot-view: no readings of `nosuch/#` in {name} (`iot-view latest` lists the topics)\n"
    );
    let metric = format!(
        "iot-view: no readings of `zigbee/one#temprature` in {name} (metrics of `zigbee/one`: `humidity`, `temperature`)\n"
    );
    for (args, code, line) in [
        (&["latest", "nosuch/#"][..], 0, &unknown),
        (&["latest", "nosuch/#", "--silent", "10m"], 1, &unknown),
        (
            &["latest", "zigbee/#", "nosuch/#", "--silent", "10m"],
            1,
            &unknown,
        ),
        (&["plot", "nosuch/#"], 1, &unknown),
        (&["check", "nosuch/#"], 1, &unknown),
        (&["export", "nosuch/#"], 0, &unknown),
        (&["latest", "zigbee/one#temprature"], 0, &metric),
        (&["export", "zigbee/one#temprature", "--wide"], 0, &metric),
    ] {
        let done = view(&store, args);
        assert_eq!((done.code, &done.stderr), (code, line), "{args:?}");
    }
    let done = view(&store, &["export", "home/a", "--since", "2026-06-25"]);
    assert_eq!(done.code, 0);
    assert_eq!(
        done.stderr,
        "iot-view: no readings in that period: the latest one is of 2026-06-22 23:50 (see --since and --until)\n"
    );
}

#[test]
fn an_export_of_texts_in_steps_says_why_it_is_empty() {
    let mut store = Store::new();
    store.insert(&[("home/door", text("open"), None, DAY)]);
    let args = ["export", "--every", "1h"];
    let done = view(&store, &args);
    assert_eq!(
        (done.code, &*done.stderr),
        (
            0,
            "iot-view: no numbers in that period: --every needs numbers (leave it out to export texts)\n"
        )
    );
    let done = view(&store, &[&args[..], &["--since", "2026-06-25"]].concat());
    assert!(
        { &done.stderr }.contains("no readings in that period"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_picture_that_cannot_be_written_is_refused_before_the_store_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["plot", "--store", "sqlite:none.db", "-o", "nowhere/x.png"];
    let done = view_in(folder.path(), &args);
    assert_eq!(
        done.stderr,
        "iot-view: cannot write `nowhere/x.png`: no such file or directory\n"
    );
    let done = view_in(
        folder.path(),
        &["plot", "--store", "sqlite:none.db", "-o", "x.png"],
    );
    assert_eq!(
        done.stderr,
        "iot-view: cannot read store `none.db`: there is no such file\n"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn wrong_options_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (args, line) in [
        (
            &["latest", "--store", "iot.db"][..],
            "invalid value `iot.db` for `--store`: a store to read is mongodb://… or sqlite:PATH (for a file: sqlite:iot.db)",
        ),
        (
            &["page", "--page", "127.0.0.1:0"],
            "`--page` is the command itself (leave it out, as in `iot-view page ADDRESS:PORT`)",
        ),
        (
            &[
                "export",
                "--since",
                "today",
                "--until",
                "yesterday",
                "--timezone",
                "UTC",
            ],
            "the period begins and ends at ",
        ),
    ] {
        let done = view_in(folder.path(), args);
        assert_eq!(done.code, 2, "{args:?}: {}", done.stderr);
        let expected = format!("iot-view: {line}");
        assert!(done.stderr.starts_with(&expected), "{}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1);
    }
}

#[cfg(unix)]
#[test]
fn a_store_in_a_directory_that_cannot_be_written_to_is_checked() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let store = two_days();
    let allow = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    allow(&store.path(), 0o444);
    allow(store.folder.path(), 0o555);
    // Nobody forbids root anything.
    let is_root = fs::metadata(store.path()).unwrap().uid() == 0;
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let program = if is_root {
        Program::new("setpriv")
            .args(nobody)
            .args([env!("CARGO_BIN_EXE_iot-view")])
    } else {
        Program::new(env!("CARGO_BIN_EXE_iot-view"))
    };
    let mut program = program
        .args(["check", "--store", &store.url()])
        .current_dir(store.folder.path())
        .spawn();
    let status = program.wait();
    allow(store.folder.path(), 0o755);
    assert!(status.success(), "{}", program.stderr());
    let stdout = program.stdout();
    assert!(stdout.contains("288 in 1 series"), "{stdout}");
}
