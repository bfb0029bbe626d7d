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

/// The rows of the table: what each names in its last two columns.
fn rows(table: &str) -> impl Iterator<Item = (&str, [&str; 2])> {
    let rows = table.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|row| {
        let mut cells = row.trim_end_matches(" |").split(" | ");
        let (id, _) = (cells.next()?, cells.next()?);
        let cells = [cells.next()?, cells.next().unwrap_or_default()];
        (cells[0] != "on the wire").then_some((id, cells))
    })
}

fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_test_in_the_table_exists() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut here, mut on_the_wire) = (HashSet::new(), HashSet::new());
    functions(&package.join("src"), &mut here);
    functions(&package.join("tests"), &mut on_the_wire);
    let table = fs::read_to_string(package.join("tests/conformance.md")).expect("it is there");
    // What stands in backticks and is no test.
    here.extend(["&str".to_owned(), "Handle::hold".to_owned()]);
    let mut missing = Vec::new();
    for (_, [wire, besides]) in rows(&table) {
        missing.extend(names(wire).filter(|name| !on_the_wire.contains(*name)));
        let either = |name: &&str| here.contains(*name) || on_the_wire.contains(*name);
        missing.extend(names(besides).filter(|name| !either(name)));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_row_goes_without_an_exchange_or_a_reason() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(package.join("tests/conformance.md")).expect("it is there");
    let bare = rows(&table).filter(|(_, [wire, _])| {
        let exchanges = names(wire).count();
        exchanges == 0 && !wire.starts_with("— ")
    });
    let bare: Vec<&str> = bare.map(|(id, _)| id).collect();
    assert!(bare.is_empty(), "{bare:?}");
    assert!(rows(&table).count() > 150, "the table is read");
}

#[test]
fn every_exchange_is_in_the_table() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(package.join("tests/conformance.md")).expect("it is there");
    let known: HashSet<&str> = rows(&table)
        .flat_map(|(_, cells)| cells)
        .flat_map(names)
        .collect();
    let folder = package.join("tests/client/exchanges");
    let mut forgotten = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let text = fs::read_to_string(entry.expect("it can be listed").path());
        let text = text.expect("it can be read");
        for rest in text.split("#[test]\nfn ").skip(1) {
            let name = rest.split('(').next().expect("there is a first part");
            if !known.contains(name) {
                forgotten.push(name.to_owned());
            }
        }
    }
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// The sections of both standards that hold normative statements, with the numbers of the last
/// ones.
const V311: &str = "1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2 3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3 4.1.0:2 4.3.1:1 4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1";
const V5: &str = "1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22 3.3.1:13 3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3 4.1.0:2 4.2:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3 4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4";

/// What a cell or a sentence names: `MQTT-3.1.2-4, -6 … -8` is four.
fn ids(text: &str) -> HashSet<String> {
    let (mut section, mut last, mut range) = (String::new(), 0_u32, false);
    let mut ids = HashSet::new();
    for word in text
        .split([' ', ',', '|', '\n'])
        .filter(|word| !word.is_empty())
    {
        let word = word.trim_end_matches('.');
        let number = match word
            .strip_prefix("MQTT-")
            .and_then(|id| id.rsplit_once('-'))
        {
            Some((of, number)) => {
                of.clone_into(&mut section);
                number.parse().ok()
            }
            None => word
                .strip_prefix('-')
                .and_then(|number| number.parse().ok()),
        };
        if let Some(number) = number {
            let first = if range { last + 1 } else { number };
            ids.extend((first..=number).map(|number| format!("{section}-{number}")));
            last = number;
        }
        range = word == "…";
    }
    ids
}

#[test]
fn every_id_of_the_standards_is_in_the_table() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(package.join("tests/conformance.md")).expect("it is there");
    let (first, second) = table.split_once("## MQTT 5").expect("it has two parts");
    for (sections, part) in [(V311, first), (V5, second)] {
        let named = ids(part);
        let wanted = sections.split_whitespace().flat_map(|section| {
            let (section, last) = section.split_once(':').expect("a number follows");
            let last: u32 = last.parse().expect("a number");
            // There is no MQTT-2.2.1-1.
            let first = if section == "2.2.1" { 2 } else { 1 };
            (first..=last).map(move |number| format!("{section}-{number}"))
        });
        let missing: Vec<String> = wanted.filter(|id| !named.contains(id)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
