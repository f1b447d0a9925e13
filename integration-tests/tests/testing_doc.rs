//! What `docs/testing.md` tells a newcomer is there: the files, tests, scripts and test targets that it names; and no script is without a mention.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between backquotes, in text and in blocks of commands.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').filter(|part| !part.is_empty()).flat_map(|part| part.split([' ', '\n']))
}

/// Directories at the top of the repository, and so the first part of each path.
fn tops() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let directories = entries.filter(|entry| entry.path().is_dir());
    directories.map(|entry| format!("{}/", entry.file_name().to_string_lossy())).collect()
}

/// What is wrong with a path, or a path and a test in it (`path::test`).
fn wrong(name: &str) -> Option<String> {
    let (path, test) = name.split_once("::").map_or((name, None), |(path, test)| (path, Some(test)));
    if !root().join(path).exists() {
        return Some(format!("there is no {path}"));
    }
    let test = test?;
    let missing = !read(path).contains(&format!("fn {test}("));
    missing.then(|| format!("there is no {test} in {path}"))
}

/// Package and target of each `cargo test -p PACKAGE --test TARGET …`.
fn targets(text: &str) -> Vec<(String, String)> {
    let commands = text.lines().filter_map(|line| Some(line.split_once("cargo test ")?.1));
    commands
        .flat_map(|command| {
            let words: Vec<&str> = command.split([' ', '`']).collect();
            let after =
                |flag| words.windows(2).filter(move |pair| pair[0] == flag).map(|pair| pair[1].to_owned());
            let package = after("-p").next().unwrap_or_default();
            after("--test").map(|target| (package.clone(), target)).collect::<Vec<_>>()
        })
        .collect()
}

fn scripts() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("ci")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "sh")).collect()
}

#[test]
fn everything_that_it_names_exists() {
    let text = read("docs/testing.md");
    let tops = tops();
    let paths: Vec<&str> = named(&text)
        .map(|word| word.trim_start_matches(['(', '"']).trim_end_matches([')', ',', '.', ';', ':', '"']))
        .filter(|word| tops.iter().any(|top| word.starts_with(top.as_str())) && !word.starts_with("target/"))
        .collect();
    assert!(paths.len() > 60, "{} paths", paths.len());
    let wrong: Vec<String> = paths.iter().filter_map(|path| wrong(path)).collect();
    assert!(wrong.is_empty(), "docs/testing.md:\n{}", wrong.join("\n"));
}

#[test]
fn every_command_has_its_test_target() {
    let targets = targets(&read("docs/testing.md"));
    assert!(targets.len() > 5, "{targets:?}");
    for (package, target) in targets {
        let tests = root().join(&package).join("tests");
        let exists =
            tests.join(format!("{target}.rs")).is_file() || tests.join(&target).join("main.rs").is_file();
        assert!(exists, "{package} has no test {target}");
    }
}

/// By this document, the README, what CI runs, or another script.
#[test]
fn no_script_is_without_a_mention() {
    let scripts = scripts();
    assert!(scripts.len() > 8);
    let others = |script: &Path| -> String {
        let scripts = scripts.iter().filter(|other| *other != script).map(read);
        scripts.chain(["docs/testing.md", "README.md", ".ci/run"].map(read)).collect()
    };
    let forgotten: Vec<_> = scripts
        .iter()
        .filter(|script| {
            let name = format!("ci/{}", script.file_name().unwrap().to_string_lossy());
            !others(script).contains(&name)
        })
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[test]
fn a_name_that_is_wrong_is_noticed() {
    assert_eq!(wrong("ci/test.sh"), None);
    assert_eq!(wrong("integration-tests/tests/testing_doc.rs::a_name_that_is_wrong_is_noticed"), None);
    assert!(wrong("ci/no-such.sh").is_some());
    assert!(wrong("integration-tests/tests/testing_doc.rs::no_such_test").is_some());
    let commands = "`cargo test -p a --test b --test c` and\ncargo test -p d --lib\n";
    assert_eq!(targets(commands), [("a".to_owned(), "b".to_owned()), ("a".to_owned(), "c".to_owned())]);
}
