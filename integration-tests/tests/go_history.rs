//! The table of Go's history (`docs/go-history.md`) is complete, and every file and test that it names exists.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The last of Go's numbered changes; each has a row.
const LAST: usize = 46;
/// Reports that nobody explained, what a port got wrong, why they were taken out: each is in the first cell of some row.
const REPORTS: [&str; 22] = [
    "#18206",
    "#18718",
    "#19260",
    "#15313",
    "#15477",
    "1.5.x without #34",
    "06de487678",
    "0fc7ab7e10",
    "345e75e99b",
    "81e90f6ac3",
    "8aadb6f034",
    "9536c1e714",
    "24499608ca",
    "c137922c8d",
    "ba30763195",
    "many stacks that ran",
    "walkers from outside",
    "the first scan",
    "fixed return addresses",
    "1",
    "23",
    "46",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Cells of every row: number, Go's commits, what could go wrong, where it is prevented, shown by.
fn rows() -> Vec<[String; 5]> {
    let text = fs::read_to_string(root().join("docs/go-history.md")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cells = lines.map(|line| line.split(" | ").map(str::to_owned).collect::<Vec<_>>());
    cells
        .filter(|cells| cells.first().is_some_and(|first| first != "| Go"))
        .map(|cells| cells.try_into().unwrap_or_else(|cells| panic!("five cells: {cells:?}")))
        .collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Is `name` a test in the text of a file?
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let start = format!("fn {name}(");
    lines.iter().enumerate().filter(|(_, line)| line.starts_with(&start)).any(|(at, _)| {
        let above =
            lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|&line| line == "#[test]")
    })
}

#[test]
fn every_entry_has_a_row_and_every_test_exists() {
    let rows = rows();
    let numbered: Vec<usize> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
    assert_eq!(numbered, (1..=LAST).collect::<Vec<_>>());
    for report in REPORTS {
        assert_eq!(
            rows.iter().filter(|row| row[0].split(", ").any(|it| it == report)).count(),
            1,
            "{report}"
        );
    }
    let mut files = HashMap::new();
    for [number, _, _, wherein, shown] in &rows {
        for file in quoted(wherein).filter(|path| path.contains('/') && path.contains('.')) {
            assert!(root().join(file).is_file(), "row {number}: {file}");
        }
        let tests: Vec<_> = quoted(shown).collect();
        assert!(!tests.is_empty(), "row {number} names no test");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("row {number}: {test}"));
            let text = files.entry(file.to_owned()).or_insert_with(|| {
                fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("row {number}: {file}: {e}"))
            });
            assert!(has_test(text, name), "row {number}: no test {name} in {file}");
        }
    }
}

/// The sources below a directory, as path and text.
fn sources(below: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(below).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Does it use what says of an address whether it is a barrier's, or makes such addresses?
fn knows_stubs(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| ["Stub", "is_barrier", "is_trampoline", "stub_table"].contains(&word))
}

#[test]
fn two_crates_know_how_a_barrier_looks() {
    for (others, expected) in [("stack-alloc", 0), ("gc-mark", 0), ("sched", 0), ("unwind-walk", 4)] {
        let all = sources(&root().join(others).join("src"));
        let knowing: Vec<_> =
            all.iter().filter(|(_, text)| knows_stubs(text)).map(|(path, _)| path).collect();
        assert!(knowing.len() <= expected && all.len() > 5, "{knowing:?}");
    }
    assert!(sources(&root().join("barrier-arch/src")).iter().any(|(_, text)| knows_stubs(text)));
}

#[test]
fn a_name_that_does_not_exist_is_noticed() {
    let text = "/// Doc.\n    #[test]\n    fn real() {\n    }\n    fn helper() {}\n";
    assert!(has_test(text, "real"));
    assert!(!has_test(text, "rea") && !has_test(text, "helper") && !has_test("fn real() {}", "real"));
}
