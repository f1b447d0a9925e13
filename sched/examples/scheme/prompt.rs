//! The prompt: reads forms, runs them, shows what they give. Errors do not leave it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Editor, Helper};
use sched::Runtime;

use super::extent::{Extent, Step};
use super::fault::{Failure, Fault};
use super::language::Scheme;
use super::report::Source;
use super::runtime::run::start_text;

/// Asks for another line until every parenthesis is closed.
#[derive(Debug)]
struct WholeForms;

impl Helper for WholeForms {}
impl Hinter for WholeForms {
    type Hint = String;
}
impl Highlighter for WholeForms {}
impl Completer for WholeForms {
    type Candidate = String;
}
impl Validator for WholeForms {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let whole = is_whole(context.input());
        Ok(if whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Does the text end outside of every form?
pub fn is_whole(text: &str) -> bool {
    let mut extent = Extent::new();
    for c in text.chars() {
        if extent.step(c) == Step::Stop {
            // The next form begins.
            extent = Extent::new();
            extent.step(c);
        }
    }
    extent.may_end()
}

/// Runs the prompt to its end, after what `inputs` has. Returns the code to exit with.
///
/// # Errors
///
/// If the terminal cannot be read.
pub fn interact(runtime: &Runtime<Scheme>, inputs: &mut Inputs) -> rustyline::Result<i32> {
    let mut editor: Editor<WholeForms, FileHistory> = Editor::new()?;
    editor.set_helper(Some(WholeForms));
    let history = history_file();
    if let Some(file) = &history {
        // The first time there is none.
        editor.load_history(file).ok();
    }
    let code = converse(runtime, &mut editor, inputs)?;
    if let Some(file) = &history {
        editor.save_history(file).ok();
    }
    Ok(code)
}

/// In the user's home, unless `SCHEME_HISTORY` says otherwise.
fn history_file() -> Option<PathBuf> {
    let named = std::env::var_os("SCHEME_HISTORY").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".scheme_history")))
}

fn converse(
    runtime: &Runtime<Scheme>,
    editor: &mut Editor<WholeForms, FileHistory>,
    inputs: &mut Inputs,
) -> rustyline::Result<i32> {
    for number in 1.. {
        let text = match editor.readline("> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        };
        editor.add_history_entry(text.as_str())?;
        match respond(runtime, &format!("input {number}"), text, inputs) {
            Answer::Shown(Cow::Borrowed("")) => {}
            Answer::Shown(text) => println!("{text}"),
            Answer::Exit(code) => return Ok(code),
        }
    }
    Ok(0)
}

/// The texts that were run, by the names that messages give them: what one defines may fail in a later one.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<(String, String)>);

impl Inputs {
    /// One more.
    pub fn add(&mut self, file: &str, text: String) {
        self.0.push((file.to_owned(), text));
    }

    /// The text in which the failure is; another one if it is in none.
    fn source(&self, failure: &Failure) -> Source<'_> {
        let named =
            |(name, _): &&(String, String)| failure.place.as_ref().is_some_and(|(file, _)| name == file);
        let found = self.0.iter().rev().find(named).or(self.0.last());
        found.map_or(Source { file: "", text: "" }, |(file, text)| Source { file, text })
    }

    fn failure(&self, failure: &Failure) -> String {
        self.source(failure).failure(failure)
    }

    fn forgotten(&self, failures: BTreeMap<usize, Failure>) -> String {
        let text =
            |(task, failure)| self.source(&failure).forgotten(&BTreeMap::from([(task, failure.clone())]));
        failures.into_iter().map(text).collect()
    }
}

/// What came of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A value or a message; empty if there is nothing to say.
    Shown(Cow<'static, str>),
    /// `(exit code)`.
    Exit(i32),
}

/// Runs one input on a task of its own. What it has written ends with its line.
pub fn respond(runtime: &Runtime<Scheme>, file: &str, text: String, inputs: &mut Inputs) -> Answer {
    let language = runtime.language();
    language.ending.expect();
    let task = start_text(runtime, file, &text);
    let exit = task.as_ref().ok().and_then(|_| language.ending.wait());
    let result = exit.map_or_else(|| Ok(task.map(|task| task.join())), Err);
    // A standard output that is gone is noticed by what is printed next.
    language.channels.end_line("prompt").ok();
    language.channels.flush_all();
    inputs.add(file, text);
    eprint!("{}", inputs.forgotten(language.ending.take_failures()));
    match result {
        // Another task has ended it all.
        Err(code) => Answer::Exit(code),
        Ok(Ok(Ok(Ok(None)))) => Answer::Shown("".into()),
        Ok(Ok(Ok(Ok(Some(value))))) => Answer::Shown(value.into()),
        Ok(Ok(Ok(Err(failure)))) => match failure.fault {
            Fault::Exit(code) => Answer::Exit(code),
            _ => Answer::Shown(inputs.failure(&failure).into()),
        },
        Ok(Ok(Err(error))) => Answer::Shown(error.to_string().into()),
        Ok(Err(error)) => Answer::Shown(error.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn lines_are_asked_for_until_all_is_closed() {
        for whole in ["", "1", "(+ 1 2)", "(a) (b)", "(a) b", "; comment", "(display \"(\") 'x", "#\\( (a)"] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in ["(", "(define (f)\n", "\"a", "(a) (b", "'", "#| x", "(a) #;"] {
            assert!(!is_whole(open), "{open}");
        }
    }
}
