//! The files beside this one: the library, the programs, and the programs in error.
//!
//! ```text
//! programs/X.scm        prints what is in X.out
//! errors/syntax/X.scm   is refused by the front end with the line in X.err
//! errors/run/X.scm      stops with a message whose first line is that in X.err
//! ```
//!
//! A `*` in an `.err` stands for anything, and a first line `; options: …` gives what the command line needs.
//! Messages name the file without its directory. That all files run is for the back end to show.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::core::Program;
use super::super::session::expand_prelude;
use super::expand;

/// What the back end provides.
fn primitives() -> HashSet<String> {
    let names = super::super::primitives::all().into_iter().map(|p| p.name.to_owned());
    names.chain(["apply", "%call/cc", "%resume"].map(str::to_owned)).collect()
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scheme")
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All Scheme files of a directory: name, path.
fn sources(part: &str) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(directory().join(part)).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let sources = paths.filter(|path| path.extension().is_some_and(|e| e == "scm"));
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    sources.map(|path| (name(&path).unwrap_or_default(), path)).collect()
}

fn library() -> Vec<Program> {
    expand_prelude(&primitives()).unwrap_or_else(|error| panic!("{error}"))
}

/// Primitives and library.
fn known() -> HashSet<String> {
    let library = library();
    let names = library.iter().flat_map(|part| &part.assigned_globals);
    primitives().into_iter().chain(names.map(|name| name.to_string())).collect()
}

#[test]
fn the_library_expands_and_defines_nothing_twice() {
    let library = library();
    let mut names: Vec<_> = library.iter().flat_map(|part| &part.assigned_globals).collect();
    let redefined: Vec<_> = names.iter().filter(|n| n.contains("redefined")).collect();
    assert!(redefined.is_empty(), "{redefined:?}");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let primitives = primitives();
    let both: Vec<_> = names.iter().filter(|name| primitives.contains(&****name)).collect();
    assert!(both.is_empty(), "{both:?}");
    for name in ["map", "append", "for-each", "sort", "assoc", "caddr", "hash-table-ref"] {
        assert!(names.iter().any(|known| &***known == name), "{name}");
    }
}

#[test]
fn every_program_expands_and_has_its_output_beside_it() {
    let known = known();
    let programs = sources("programs");
    assert!(programs.len() >= 25, "{} programs", programs.len());
    for (name, path) in programs {
        if let Err(error) = expand(&name, &text(&path), &known) {
            panic!("{error}");
        }
        assert!(!text(&path.with_extension("out")).is_empty(), "{name}");
    }
}

#[test]
fn every_program_with_a_fault_in_its_text_is_refused() {
    let known = known();
    for (name, path) in sources("errors/syntax") {
        let error = expand(&name, &text(&path), &known).expect_err(&name);
        assert_eq!(error.to_string(), text(&path.with_extension("err")).trim_end());
    }
}

#[test]
fn programs_with_faults_at_run_time_only_expand() {
    let known = known();
    for (name, path) in sources("errors/run") {
        if let Err(error) = expand(&name, &text(&path), &known) {
            panic!("{error}");
        }
        let message = text(&path.with_extension("err"));
        assert!(message.contains(": ") && message.lines().count() == 1, "{name}: {message}");
    }
}
