//! Every test that `docs/go-history.md` names runs with barriers off, at exponential distances and at every frame. There are no exceptions.
//!
//! Found out by reading: the test's function, and the functions of its file that it calls, must go through all three modes (`MODES` or
//! `SPACINGS` as a whole, each of the three by name, or by `in_each_mode`). Only what is no mechanism of barriers, a test without any stack or runtime in it, has no mode
//! to run in.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What stands between backquotes and looks like a test.
fn tests_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains(".rs::"))
}

/// Indentation and name of the function that begins on this line.
fn named(line: &str) -> Option<(usize, &str)> {
    let after = line.split_once("fn ").filter(|(before, _)| !before.contains(['/', '"', '(']))?.1;
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    Some((line.len() - line.trim_start().len(), &after[..end]))
}

/// The functions of a file, by name: from the line with the name to the bracket below it.
fn functions(text: &str) -> HashMap<&str, String> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, named(line)?)));
    starts
        .map(|(at, (indent, name))| {
            let last = format!("{}}}", " ".repeat(indent));
            let body = lines[at..].iter().take_while(|line| **line != last);
            (name, body.copied().collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

/// The text of function `name` and of all that it calls in its file.
fn reached(functions: &HashMap<&str, String>, name: &str) -> String {
    let (mut seen, mut todo, mut text) = (HashSet::new(), vec![name.to_owned()], String::new());
    while let Some(name) = todo.pop() {
        let Some(body) = functions.get(name.as_str()).filter(|_| seen.insert(name.clone())) else { continue };
        text += body;
        let words = body.split(|c: char| !c.is_alphanumeric() && c != '_');
        todo.extend(words.filter(|&word| functions.contains_key(word)).map(str::to_owned));
    }
    text
}

/// Does this go through all three modes?
fn all_modes(text: &str) -> bool {
    let whole = |name: &str| {
        let mut after = text.split(name).skip(1);
        after.any(|after| !after.starts_with('[') || after.starts_with("[..]"))
    };
    let some = text.contains("MODES[1..]") || text.contains("Spacing::EveryFrame");
    let exponential = text.contains("MODES[1..]")
        || text.contains("Spacing::default()")
        || text.contains("Spacing::Exponential");
    whole("MODES")
        || whole("SPACINGS")
        || text.contains("in_each_mode(")
        || text.contains("Spacing::Off") && some && exponential
}

/// What a test with a stack in it speaks of: the array of barriers, the stacks of the test harnesses, whole runtimes.
const STACK_WORDS: [&str; 16] = [
    "bars",
    "StkbarSlice",
    "Spacing",
    "SimStack",
    "TestStack",
    "PlainStack",
    "StackPool",
    "relocate",
    "scene",
    "Scene",
    "program",
    "Program",
    "gdb",
    "Runtime",
    "builder",
    "runtime",
];

/// Is there a stack with a barrier array in it?
fn has_a_stack(text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| STACK_WORDS.contains(&word))
}

#[test]
fn every_named_test_runs_in_three_modes() {
    let text = fs::read_to_string(root().join("docs/go-history.md")).unwrap();
    let named: HashSet<&str> = tests_in(&text).collect();
    let (mut wrong, mut in_modes) = (Vec::new(), 0);
    for test in &named {
        let (file, name) = test.split_once("::").unwrap();
        let functions_of = fs::read_to_string(root().join(file)).unwrap();
        let reached = reached(&functions(&functions_of), name);
        assert!(!reached.is_empty(), "{test} is not found");
        in_modes += usize::from(all_modes(&reached));
        if has_a_stack(&reached) && !all_modes(&reached) {
            wrong.push(*test);
        }
    }
    wrong.sort_unstable();
    assert!(wrong.is_empty(), "these do not run in three modes:\n{}", wrong.join("\n"));
    assert!(in_modes > named.len() * 2 / 3, "{in_modes} of {} tests", named.len());
}

#[test]
fn modes_left_out_are_noticed() {
    let file = "fn helper(spacing: Spacing) {\n    let bars = 1;\n}\n\nfn two() {\n    for s in &MODES[1..] {\n        helper(s);\n    }\n}\n\n\
                fn all() {\n    runtimes();\n}\n\nfn runtimes() {\n    for s in MODES {}\n}\n\nfn none() {\n    1 + 1;\n}\n\n\
                fn by_name() {\n    go(Spacing::Off);\n    for s in &MODES[1..] {}\n}\n";
    let functions = functions(file);
    let modes = |name: &str| all_modes(&reached(&functions, name));
    assert!(modes("all") && modes("by_name") && !modes("two") && !modes("none"));
    assert!(has_a_stack(&reached(&functions, "two")) && !has_a_stack(&reached(&functions, "none")));
}
