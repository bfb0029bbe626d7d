//! Stored times beyond the year 9999, and a clock before 1970.

mod common;

use std::fs;

use common::{DAY, Done, Store, number, text, view};
use testkit::{FakeClock, Program};

/// 10000-01-01T00:00:00Z in milliseconds.
const YEAR_10000: i64 = 253_402_300_800_000;

/// Readings at the end of the year 9999, behind it, and in 2026.
fn far() -> Store {
    let mut store = Store::new();
    store.insert(&[
        ("far/after", number(2.0), None, YEAR_10000),
        ("far/before", number(1.0), None, YEAR_10000 - 1),
        ("now", number(3.0), None, DAY),
        ("now", number(4.0), None, YEAR_10000 + 5_000),
        ("now", number(5.0), None, DAY + 1_000),
    ]);
    store
}

#[test]
fn a_plot_of_eight_thousand_years_is_drawn() {
    let store = far();
    for args in [
        &[
            "plot",
            "far/before",
            "far/after",
            "--since",
            "1970-01-01",
            "-o",
            "far.svg",
        ][..],
        &["plot", "--since", "1970-01-01", "-o", "far.svg"],
        &["plot", "-o", "far.png"],
        &["plot"],
    ] {
        let done = view(&store, args);
        assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    }
    let svg = fs::read_to_string(store.folder.path().join("far.svg")).unwrap();
    let ticks = svg.matches("000<").count();
    assert!(svg.contains(">4000<") && ticks < 30, "{ticks}: {svg}");
}

#[test]
fn readings_beyond_the_year_9999_are_shown_and_exported() {
    let store = far();
    let latest = view(&store, &["latest", "--json"]).stdout;
    let after = latest.lines().find(|line| line.contains("far/after"));
    assert!(
        after.unwrap().contains("+10000-01-01T00:00:00.000Z"),
        "{latest}"
    );
    let export = view(&store, &["export"]).stdout;
    assert_eq!(export.lines().count(), 6, "{export}");
    assert!(
        export.contains("now,,4.0,,+10000-01-01T00:00:05.000Z"),
        "{export}"
    );
    // A period is of the years up to 9999.
    let until = view(&store, &["export", "--until", "2027-01-01"]).stdout;
    assert_eq!(until.lines().count(), 3, "{until}");
    let since = view(&store, &["export", "--since", "2026-01-01"]).stdout;
    assert_eq!(since.lines().count(), 4, "{since}");
    let days = view(
        &store,
        &["export", "now", "--every", "1d", "--timezone", "UTC"],
    )
    .stdout;
    assert!(days.contains("2026-06-21"), "{days}");
}

#[test]
fn a_check_counts_times_beyond_the_year_9999() {
    let done = view(&far(), &["check"]);
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("5 in 3 series"), "{}", done.stdout);
    let found = |series: &str| {
        let lines = done.stdout.lines();
        let mut found = lines.filter(|line| line.starts_with("year not of 0 to 9999"));
        found.any(|line| line.contains(series) && line.contains("+10000-01-01"))
    };
    assert!(found("far/after") && found("now"), "{}", done.stdout);
    assert!(!done.stdout.contains("duplicate"), "{}", done.stdout);
}

#[test]
fn a_clock_before_1970_is_no_failure() {
    let mut store = Store::new();
    store.insert(&[("a", number(1.5), None, DAY), ("b", text("on"), None, DAY)]);
    let clock = FakeClock::new();
    clock.set("-60y");
    let run = |args: &[&str]| {
        let program = Program::new(env!("CARGO_BIN_EXE_iot-view"))
            .args(args)
            .env("IOT_STORE", store.url())
            .env("TZ", "UTC")
            .current_dir(store.folder.path());
        let mut program = clock.under(program).spawn();
        let code = program.wait().code().unwrap_or(-1);
        let (stdout, stderr) = (program.stdout(), program.stderr());
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
        Done {
            code,
            stdout,
            stderr,
        }
    };
    assert!(run(&["latest"]).stdout.contains("in 2"));
    assert_eq!(run(&["export"]).stdout.lines().count(), 3);
    for (args, code) in [
        (&["export", "--since", "24h"][..], 0),
        (&["plot"], 0),
        (&["rejected", "--since", "1h"], 0),
        (&["alerts"], 0),
        (&["check"], 1),
        (&["prune", "--older-than", "1d", "--yes"], 0),
    ] {
        let done = run(args);
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
    }
}
