//! What holds for any text: reader and expander say what they found, or what is wrong and where; they do not panic, run on or change their mind.
//!
//! Texts come from proptest here and from a fuzzer (`fuzz/`, target `scheme_source`).

use std::collections::HashSet;

use super::expand::expand;
use super::reader::read;
use super::syntax_error::SyntaxError;

/// Names that programs may use without a definition.
const KNOWN: [&str; 8] = ["+", "-", "car", "cons", "list", "vector", "apply", "values"];

/// Reads and expands `text`, twice.
///
/// # Panics
///
/// If something of the above does not hold.
pub fn check(text: &str) {
    let data = read("text", text).map_err(|error| placed(text, &error));
    let known: HashSet<String> = KNOWN.map(String::from).into();
    let expanded = || match expand("text", text, &known) {
        Ok(program) => format!("{program:?}"),
        Err(error) => placed(text, &error),
    };
    let once = expanded();
    assert_eq!(once, expanded(), "the same text");
    if let Err(message) = data {
        assert_eq!(once, message, "what cannot be read cannot be expanded");
    }
}

/// The message, if the place that it names is one of the text.
fn placed(text: &str, error: &SyntaxError) -> String {
    let (line, column) = (error.span.line as usize, error.span.column as usize);
    let lines = text.split('\n').count();
    assert!((1..=lines).contains(&line) && column >= 1, "{error} at {line}:{column} of {lines} lines");
    let width = text.split('\n').nth(line - 1).map_or(0, |text| text.chars().count());
    assert!(column <= width + 1, "{error} at {line}:{column}, but that line has {width} characters");
    error.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::check;

    /// Words that mean something together.
    const WORDS: [&str; 48] = [
        "(",
        ")",
        "(",
        ")",
        "(",
        ")",
        "[",
        "]",
        "'",
        "`",
        ",",
        ",@",
        "#(",
        "#u8(",
        ".",
        "...",
        "#;",
        "#|",
        "|#",
        ";",
        "\n",
        "lambda",
        "define",
        "let",
        "let*",
        "letrec",
        "let-values",
        "set!",
        "if",
        "cond",
        "case",
        "do",
        "else",
        "=>",
        "begin",
        "quote",
        "quasiquote",
        "define-syntax",
        "syntax-rules",
        "let-syntax",
        "define-record-type",
        "cond-expand",
        "import",
        "x",
        "y",
        "_",
        "1/2",
        "\"s\\n\"",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_words(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60)) {
            check(&words.join(" "));
        }

        #[test]
        fn any_characters(text in ".{0,80}") {
            check(&text);
        }
    }

    /// Texts that once were read wrongly, each in a file whose name says what went wrong.
    #[test]
    fn what_a_fuzzer_found() {
        let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/scheme_source");
        for file in std::fs::read_dir(found).expect("the fuzzers' directory") {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            check(&String::from_utf8_lossy(&bytes));
        }
    }
}
