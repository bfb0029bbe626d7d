//! `plot-day`: the picture, and that it is drawn from what the store holds.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// 2026-06-21, in UTC, in seconds since 1970.
const DAY: std::ops::Range<i64> = 1_782_000_000..1_782_086_400;

/// Runs instead of gnuplot, keeps its input (the commands, and the files with the readings, which
/// the script deletes), and calls the real gnuplot.
const GNUPLOT: &str = r#"#!/bin/sh
cat >"$KEPT/commands"
data=$(sed -n "s/^plot '\([^']*\)\/outside'.*/\1/p" "$KEPT/commands")
for name in outside living-room bedroom humidity power; do cp "$data/$name" "$KEPT"; done
PATH=${PATH#*:}
exec gnuplot "$KEPT/commands"
"#;

/// The readings of a curve: seconds since 1970, value.
#[track_caller]
fn curve(folder: &Path, name: &str) -> Vec<(i64, f64)> {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let point = |line: &str| {
        let (seconds, value) = line.split_once(' ')?;
        Some((seconds.parse().ok()?, value.parse().ok()?))
    };
    let points = text.lines().map(|line| point(line).expect(line));
    points.collect()
}

#[test]
fn a_day_is_drawn_from_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path();
    let gnuplot = kept.join("gnuplot");
    fs::write(&gnuplot, GNUPLOT).unwrap();
    fs::set_permissions(&gnuplot, fs::Permissions::from_mode(0o755)).unwrap();
    let picture = kept.join("day.png");
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/plot-day"))
        .arg(&picture)
        .env("PATH", format!("{}:{path}", kept.display()))
        .env("KEPT", kept)
        .output()
        .expect("the script starts");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success(),
        "{said}\n(`scripts/test` or `apt-get install gnuplot-nox sqlite3` installs what it needs)"
    );
    let told = format!(
        "4416 readings are in the store; the picture is {}",
        picture.display()
    );
    assert!(said.contains(&told), "{said}");

    // A PNG file begins so; width and height follow.
    let bytes = fs::read(&picture).unwrap();
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\x70\0\0\x02\x94";
    assert!(bytes.starts_with(head), "{:02x?}", &bytes[..24]);
    // The axes alone have 12 kB.
    assert!(bytes.len() > 30_000, "{} bytes", bytes.len());

    for (name, every, range) in [
        ("outside", 300, -10.0..45.0),
        ("living-room", 300, 10.0..35.0),
        ("bedroom", 300, 10.0..35.0),
        ("humidity", 300, 0.0..100.5),
        ("power", 60, 0.0..20_000.0),
    ] {
        let curve = curve(kept, name);
        // Few drop out.
        let readings = i64::try_from(curve.len()).unwrap();
        let all = (DAY.end - DAY.start) / every;
        assert!(
            readings <= all && readings > all * 9 / 10,
            "{name}: {readings}"
        );
        assert!(curve.is_sorted_by(|a, b| a.0 < b.0), "{name}");
        for (seconds, value) in curve {
            assert!(DAY.contains(&seconds), "{name} at {seconds}");
            assert!(range.contains(&value), "{name} at {seconds}: {value}");
        }
    }
    let outside = curve(kept, "outside");
    let by_value = |a: &&(i64, f64), b: &&(i64, f64)| a.1.total_cmp(&b.1);
    let warmest = outside.iter().max_by(by_value).unwrap().0 - DAY.start;
    let coldest = outside.iter().min_by(by_value).unwrap().0 - DAY.start;
    assert!((11 * 3_600..19 * 3_600).contains(&warmest), "{warmest}");
    assert!(!(9 * 3_600..21 * 3_600).contains(&coldest), "{coldest}");
}
