//! The library: the files of `prelude/`, in the order in which one mentions the other.

/// A part of the library: name of the file, text.
pub type Part = (&'static str, &'static str);

macro_rules! parts {
    ($($name:literal),* $(,)?) => { &[$((concat!("prelude/", $name), include_str!(concat!("prelude/", $name)))),*] };
}

/// All parts. Procedures may mention each other across files: all are bound before anything is compiled.
pub const PARTS: &[Part] = parts![
    "pairs.scm",
    "lists.scm",
    "higher-order.scm",
    "sorting.scm",
    "numbers.scm",
    "strings.scm",
    "hash-tables.scm",
    "exceptions.scm",
    "continuations.scm",
    "ports.scm",
    "concurrency.scm",
    "evaluation.scm",
    "bits.scm",
    "random.scm",
];

/// The names that the parts define at top level: each definition starts a line.
pub fn defined(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let rest = line.strip_prefix("(define (").or_else(|| line.strip_prefix("(define "))?;
        rest.split([' ', ')']).next()
    })
}
