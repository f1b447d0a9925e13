//! What a user is told: errors with the line of the source that they are about, and where the time went.
//!
//! ```text
//!   fact.scm:2:31: *: argument 2 must be a number, not ()
//!      2 | (define (fact n) (if (= n 0) '() (* n (fact (- n 1)))))
//!        |                                  ^
//!     in fact (fact.scm:2:34)
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use super::core::Span;
use super::fault::Failure;
use super::session::BuildError;

/// Widest part of a line that is shown, in characters.
const WIDTH: usize = 100;

/// A program's text, to be quoted from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As messages name it.
    pub file: &'a str,
    /// All of it.
    pub text: &'a str,
}

impl Source<'_> {
    /// The line of a place in this file, with a caret under the column.
    fn quoted(&self, file: &str, span: Span) -> Option<String> {
        let line =
            self.text.lines().nth((span.line as usize).checked_sub(1)?).filter(|_| file == self.file)?;
        let column = (span.column as usize).saturating_sub(1);
        let start = (column + 1).saturating_sub(WIDTH);
        let shown: String = line.chars().skip(start).take(WIDTH).collect();
        // Tabs stay tabs, so that the caret stands where the character does.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent: String = line.chars().skip(start).take(column - start).map(blank).collect();
        Some(format!("\n{:>5} | {shown}\n      | {indent}^", span.line))
    }

    /// A program that failed: what, where, and on the way from where.
    pub fn failure(&self, failure: &Failure) -> String {
        let place = failure.place.as_ref();
        let quoted = place.and_then(|(file, span)| self.quoted(file, *span)).unwrap_or_default();
        format!("{}{quoted}{}", failure.headline(), failure.backtrace())
    }

    /// Errors of tasks that nobody has joined, by their numbers.
    pub fn forgotten(&self, failures: &BTreeMap<usize, Failure>) -> String {
        let text = |(task, failure): (&usize, &Failure)| {
            format!("task {task} failed, and nobody has joined it: {}\n", self.failure(failure))
        };
        failures.iter().map(text).collect()
    }

    /// What is odd about a program that can run.
    pub fn warnings(&self, warnings: &[(Span, String)]) -> String {
        let text = |(span, what): &(Span, String)| {
            let quoted = self.quoted(self.file, *span).unwrap_or_default();
            format!("{}:{}:{}: warning: {what}{quoted}\n", self.file, span.line, span.column)
        };
        warnings.iter().map(text).collect()
    }

    /// A program that was not compiled.
    pub fn refusal(&self, error: &BuildError) -> String {
        let quoted = match error {
            BuildError::Syntax(error) => self.quoted(&error.file, error.span),
            _ => None,
        };
        format!("{error}{}", quoted.unwrap_or_default())
    }
}

/// Where the time went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Until there was machine code.
    pub compiled: Duration,
    /// From then to the end.
    pub ran: Duration,
    /// How many collections there were.
    pub collections: usize,
    /// All pauses together.
    pub paused: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Times { compiled, ran, collections, paused, longest } = self;
        write!(f, "compiled in {compiled:.1?}, ran for {ran:.2?}; {collections} collections, ")?;
        write!(f, "{paused:.1?} of pauses, {longest:.1?} the longest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::fault::Fault;

    const SOURCE: Source<'_> = Source { file: "a.scm", text: "(one)\n\t(two three)\n" };

    fn at(line: u32, column: u32) -> Failure {
        Failure {
            fault: Fault::DivisionByZero { procedure: "/" },
            place: Some(("a.scm".into(), Span { line, column })),
            trace: Vec::new(),
            omitted: 0,
            outermost: Vec::new(),
        }
    }

    #[test]
    fn the_caret_stands_under_the_character() {
        let text = SOURCE.failure(&at(2, 7));
        assert_eq!(text, "a.scm:2:7: /: division by zero\n    2 | \t(two three)\n      | \t     ^");
    }

    #[test]
    fn long_lines_are_cut_so_that_the_place_is_seen() {
        let text = format!("{}x{}", "a".repeat(300), "b".repeat(300));
        let source = Source { file: "a.scm", text: &text };
        let shown = source.failure(&at(1, 301));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[2].chars().position(|c| c == '^'), lines[1].chars().position(|c| c == 'x'));
        assert!(lines[1].len() < 120);
    }

    #[test]
    fn other_files_and_lines_that_are_not_there_are_not_quoted() {
        let mut failure = at(9, 1);
        assert_eq!(SOURCE.failure(&failure).lines().count(), 1);
        failure.place = Some(("b.scm".into(), Span { line: 1, column: 1 }));
        assert_eq!(SOURCE.failure(&failure).lines().count(), 1);
    }
}
