//! The way in: runs a compiled program on a task.
//!
//! ```text
//!   run  ->  scheme_enter  ->  base  ->  program: its top-level forms, one after the other
//!    ▲                           │ leave: nothing raised was handled, or `exit`
//!    └───────────────────────────┘
//! ```

use crate::scheme::continuation::base::enter;
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::machine::{Current, Machine, Task};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::write;
use crate::scheme::value::Value;

/// Runs the program of `current`'s language. Returns its last form's value as `write` shows it.
///
/// # Errors
///
/// [`Failure`] when it faults, or calls `exit` with another code than 0.
pub fn run(current: &Current<'_>) -> Result<String, Box<Failure>> {
    // SAFETY: this is the task that we run on.
    let machine = unsafe { Machine::from_raw(current.task()) };
    let task: *const Task = current.task();
    // SAFETY: the program's code takes no arguments; this is the task. This frame holds no value meanwhile: compiled code
    // saves its registers where no map describes them.
    let value = unsafe { enter(task, machine.scheme().program, Value::FALSE) };
    let shown = || write::written(value);
    match machine.state().take_failure() {
        None => Ok(shown()),
        Some(Failure { fault: Fault::Exit(0), .. }) => Ok(String::new()),
        Some(failure) => Err(Box::new(failure)),
    }
}

/// Compiles and runs a text with the globals of `current`'s language. Returns its last form's value as `write` shows it;
/// nothing if that is of no use.
///
/// # Errors
///
/// As [`run`], or [`Fault::Refused`] for a text that is no program.
pub fn run_text(current: &Current<'_>, file: &str, text: &str) -> Result<Option<String>, Box<Failure>> {
    // SAFETY: this is the task that we run on.
    let machine = unsafe { Machine::from_raw(current.task()) };
    let program = machine
        .scheme()
        .compile(file, text)
        .map_err(|message| Failure::without_place(Fault::Refused(message)))?;
    let task: *const Task = current.task();
    let code = ObjectRef::of(program, Kind::Closure).map_or(0, |closure| closure.field(1).0 as usize);
    // SAFETY: the code of a procedure without arguments that captures nothing. The procedure is a constant; see `run`.
    let value = unsafe { enter(task, code, Value::FALSE) };
    let shown = (value != Value::UNSPECIFIED).then(|| write::written(value));
    machine.state().take_failure().map_or(Ok(shown), |failure| Err(Box::new(failure)))
}

/// What a program may use of its stack, in bytes.
pub fn stack_bytes(machine: &Machine<'_>) -> usize {
    let bounds = machine.current().stack_bounds();
    bounds.end.saturating_sub(bounds.start)
}
