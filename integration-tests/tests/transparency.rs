//! The table of consumers (`docs/transparency.md`): every test that it names exists, and every test of these subjects is named.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;

/// Files that are about nothing else: all of their tests are in the table.
const SUBJECTS: [&str; 5] = ["exceptions", "backtraces", "programs", "debuggers", "perf"];
/// Run by another test, or about the tests themselves.
const HELPERS: [&str; 2] = ["victim", "inferior"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Names of the tests in the text of a file.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut lines = text.lines().map(str::trim);
    let mut found = BTreeSet::new();
    while lines.by_ref().any(|line| line == "#[test]") {
        let name = lines.by_ref().find_map(|line| line.strip_prefix("fn ")?.split('(').next());
        found.extend(name.map(str::to_owned));
    }
    found
}

/// Cells of every row: consumer, works, limits, shown by.
fn rows() -> Vec<[String; 4]> {
    let text = fs::read_to_string(root().join("docs/transparency.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| line.split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    cells
        .filter(|cells| cells.last().is_some_and(|last| last.contains("::")))
        .map(|cells| cells.try_into().unwrap_or_else(|cells| panic!("four cells: {cells:?}")))
        .collect()
}

#[test]
fn every_test_that_is_named_exists() {
    let (rows, mut files, mut named) = (rows(), HashMap::new(), BTreeSet::new());
    assert!(rows.len() >= 20);
    for [consumer, works, _, shown] in &rows {
        assert!(!works.is_empty(), "{consumer}");
        for test in shown.split('`').skip(1).step_by(2) {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{consumer}: {test}"));
            let tests = files.entry(file.to_owned()).or_insert_with(|| {
                let text = fs::read_to_string(root().join(file));
                tests_in(&text.unwrap_or_else(|error| panic!("{consumer}: {file}: {error}")))
            });
            assert!(tests.contains(name), "{consumer}: no test {name} in {file}");
            named.insert(test.to_owned());
        }
    }
    for subject in SUBJECTS {
        let directory = format!("integration-tests/tests/{subject}");
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if !file.ends_with(".rs") {
                continue;
            }
            let text = fs::read_to_string(root().join(&directory).join(&file)).unwrap();
            for name in tests_in(&text).iter().filter(|name| !HELPERS.contains(&name.as_str())) {
                let test = format!("{directory}/{file}::{name}");
                assert!(named.contains(&test), "not in the table: {test}");
            }
        }
    }
}

#[test]
fn tests_are_told_from_other_functions() {
    let text = "#[test]\n    fn real() {\n    }\n    fn helper() {}\n#[test]\n#[cfg(x)]\nfn other() {}\n";
    assert_eq!(tests_in(text).into_iter().collect::<Vec<_>>(), ["other", "real"]);
}
