//! The mutants of `ci/mutants/` still fit the code: each replaces a text that occurs exactly once, and names tests that exist. Whether the tests
//! fail is for `ci/mutants.sh` to see, which takes long; that a mutant has gone stale is seen here, by whoever made it so.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// One entry: which text of which file it replaces, and which tests must notice.
#[derive(Debug, PartialEq, Eq)]
struct Mutant<'a> {
    name: &'a str,
    file: &'a str,
    package: &'a str,
    target: &'a str,
    text: String,
}

/// The mutants of a list: `mutant NAME FILE PACKAGE TARGET FILTER <<'END'`, the text, `====`, its replacement, `END`. A word that begins with
/// `$` is a variable of the list.
fn mutants(list: &str) -> Vec<Mutant<'_>> {
    let variables: HashMap<&str, &str> =
        list.lines().filter(|line| !line.contains(' ')).filter_map(|line| line.split_once('=')).collect();
    let value = |word| str::strip_prefix(word, "$").map_or(word, |name| variables[name]);
    let lines: Vec<&str> = list.lines().collect();
    let heads = lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.strip_prefix("mutant ")?)));
    heads
        .map(|(at, head)| {
            let words: Vec<&str> = head.split(' ').map(value).collect();
            let [name, file, package, target, ..] = words[..] else { panic!("{head}") };
            let text = lines[at + 1..].iter().take_while(|line| **line != "====");
            Mutant { name, file, package, target, text: text.map(|line| format!("{line}\n")).collect() }
        })
        .collect()
}

/// What is wrong with a mutant, if anything.
fn stale(mutant: &Mutant<'_>) -> Option<String> {
    let Mutant { name, file, package, target, text } = mutant;
    let Ok(code) = fs::read_to_string(root().join(file)) else {
        return Some(format!("{name}: there is no {file}"));
    };
    // A model is the same tests, built for a model checker.
    let model = target.strip_prefix("loom/").or(target.strip_prefix("shuttle/")).unwrap_or(target);
    let example = target.strip_prefix("example/");
    let target = example.unwrap_or(model);
    let directory = if example.is_some() { "examples" } else { "tests" };
    let tests = root().join(package).join(if target == "lib" { "src" } else { directory });
    let place = |test: &str| tests.join(test);
    let exists = match target {
        "lib" => tests.is_dir(),
        test => place(&format!("{test}.rs")).is_file() || place(test).join("main.rs").is_file(),
    };
    match code.matches(text.as_str()).count() {
        _ if !exists => Some(format!("{name}: {package} has no tests {target}")),
        1 => None,
        times => Some(format!("{name}: its text occurs {times} times in {file}, not once")),
    }
}

#[test]
fn every_mutant_fits_the_code() {
    let lists = fs::read_dir(root().join("ci/mutants")).unwrap().map(|entry| entry.unwrap().path());
    let lists: Vec<String> = lists.map(|path| fs::read_to_string(path).unwrap()).collect();
    let all: Vec<Mutant<'_>> = lists.iter().flat_map(|list| mutants(list)).collect();
    assert!(all.len() > 70, "{} mutants", all.len());
    let stale: Vec<String> = all.iter().filter_map(stale).collect();
    assert!(stale.is_empty(), "bring ci/mutants up to date:\n{}", stale.join("\n"));
}

#[test]
fn a_list_is_read_as_the_script_reads_it() {
    let list = "patch=barrier-arch/src/patch.rs\n\nmutant one $patch barrier-arch patch some <<'END'\n    let x = 1;\n    y(x);\n====\n    y(2);\nEND\n\n\
                mutant two a/b.rs a lib other <<'END'\nz\n====\nEND\n";
    let two = mutants(list);
    let name_file_text: Vec<_> = two.iter().map(|it| (it.name, it.file, it.text.as_str())).collect();
    assert_eq!(
        name_file_text,
        [("one", "barrier-arch/src/patch.rs", "    let x = 1;\n    y(x);\n"), ("two", "a/b.rs", "z\n")]
    );
    assert!(stale(&two[1]).is_some_and(|wrong| wrong.contains("there is no a/b.rs")));
    assert!(stale(&two[0]).is_some_and(|wrong| wrong.contains("0 times")), "no such text");
}
