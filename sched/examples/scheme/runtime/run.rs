//! What tasks of Scheme do: run the program, or a text that comes later.
//!
//! ```text
//!   entry  ->  scheme_enter  ->  base  ->  program: its top-level forms, one after the other
//!     ▲                           │ leave: nothing raised was handled, or `exit`
//!     └───────────────────────────┘
//! ```

use sched::{JoinHandle, Runtime, SpawnError};

use super::entry::{self, Entry, Job};
use crate::scheme::concurrency::ending::OfProgram;
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::language::Scheme;
use crate::scheme::machine::{Current, Machine};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::write;
use crate::scheme::value::Value;

/// How a program ended: its last form's value as `write` shows it. A [`Failure`] if it faults, or calls `exit` with another code than 0.
pub type Ended = Result<String, Box<Failure>>;

/// How a text ended: its last form's value as `write` shows it; nothing if that is of no use.
pub type Shown = Result<Option<String>, Box<Failure>>;

/// Starts the program of `runtime`'s language.
///
/// # Errors
///
/// [`SpawnError`] if there is no stack for it.
pub fn start(runtime: &Runtime<Scheme>) -> Result<JoinHandle<Scheme, Ended>, SpawnError> {
    entry::start(runtime, OfProgram(Whole))
}

/// Runs the program of `current`'s language on the caller's own stack.
///
/// # Errors
///
/// See [`Ended`].
pub fn run(current: &Current<'_>) -> Ended {
    entry::run(current, OfProgram(Whole))
}

/// Starts a task that compiles a text, and runs it with the globals of `runtime`'s language. A text that is no program
/// is refused by the task: [`Fault::Refused`].
///
/// # Errors
///
/// [`SpawnError`] if there is no stack for it.
pub fn start_text(
    runtime: &Runtime<Scheme>,
    file: &str,
    text: &str,
) -> Result<JoinHandle<Scheme, Shown>, SpawnError> {
    entry::start(runtime, OfProgram(Text { file: file.into(), text: text.into() }))
}

/// The program.
struct Whole;

impl Job for Whole {
    type Output = Ended;

    fn begin(&mut self, machine: &Machine<'_>) -> Result<Entry, Ended> {
        Ok(Entry { code: machine.scheme().program, closure: Value::FALSE })
    }

    fn end(&mut self, machine: &Machine<'_>, value: Value) -> Ended {
        match machine.state().take_failure() {
            None => Ok(write::written(value)),
            Some(Failure { fault: Fault::Exit(0), .. }) => Ok(String::new()),
            Some(failure) => Err(Box::new(failure)),
        }
    }
}

/// A text that comes while the program runs, or after it.
struct Text {
    file: String,
    text: String,
}

impl Job for Text {
    type Output = Shown;

    fn begin(&mut self, machine: &Machine<'_>) -> Result<Entry, Shown> {
        let program = machine
            .scheme()
            .compile(&self.file, &self.text)
            .map_err(|message| Err(Failure::without_place(Fault::Refused(message)).into()))?;
        let code = ObjectRef::of(program, Kind::Closure).map_or(0, |closure| closure.field(1).0 as usize);
        // The procedure captures nothing, and is a constant.
        Ok(Entry { code, closure: Value::FALSE })
    }

    fn end(&mut self, machine: &Machine<'_>, value: Value) -> Shown {
        let shown = (value != Value::UNSPECIFIED).then(|| write::written(value));
        machine.state().take_failure().map_or(Ok(shown), |failure| Err(Box::new(failure)))
    }
}
