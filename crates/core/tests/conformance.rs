//! The table in `conformance.md` names tests that exist.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The names of all functions in the Rust files under a folder.
fn functions(folder: &Path, names: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("it can be read");
            let starts = text.split("fn ").skip(1);
            names.extend(
                starts
                    .filter_map(|rest| rest.split_once('('))
                    .map(|(name, _)| name.to_owned()),
            );
        }
    }
}

#[test]
fn every_test_in_the_table_exists() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut names = HashSet::new();
    functions(&package.join("src"), &mut names);
    functions(&package.join("tests"), &mut names);
    let table = fs::read_to_string(package.join("tests/conformance.md")).expect("it is there");
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit_once(" | "));
    let in_table = cells.flat_map(|(_, tests)| tests.split('`').skip(1).step_by(2));
    let missing: Vec<_> = in_table.filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
