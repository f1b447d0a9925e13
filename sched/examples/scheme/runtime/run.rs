//! The way in: runs a compiled program on a task.
//!
//! ```text
//!   run  ->  scheme_enter  ->  base  ->  program: its top-level forms, one after the other
//!    ▲                           │ leave: nothing raised was handled, or `exit`
//!    └───────────────────────────┘
//! ```
//!
//! On a stack that moves there is no `run`: [`Whole`] enters the program, and gets its value.

use sched::{Call, JoinHandle, Next, Program, Runtime, SpawnError};

use crate::scheme::cli::Stacks;
use crate::scheme::continuation::base::{enter, enter_code};
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::language::Scheme;
use crate::scheme::machine::{Current, Machine, Task};
use crate::scheme::object::{Kind, ObjectRef};
use crate::scheme::primitives::write;
use crate::scheme::value::Value;

/// How a program ended: its last form's value as `write` shows it. A [`Failure`] if it faults, or calls `exit` with another code than 0.
pub type Ended = Result<String, Box<Failure>>;

/// Starts the program of `runtime`'s language, on a task of the kind that its code is made for.
///
/// # Errors
///
/// [`SpawnError`] if there is no stack for it.
pub fn start(runtime: &Runtime<Scheme>) -> Result<JoinHandle<Scheme, Ended>, SpawnError> {
    match runtime.language().stacks {
        Stacks::Reserve => runtime.spawn(run),
        Stacks::Copy => runtime.spawn_program(Whole),
    }
}

/// The program as a task of compiled code.
#[derive(Debug)]
pub struct Whole;

impl Program<Scheme> for Whole {
    type Output = Ended;

    fn next(&mut self, current: &Current<'_>, returned: Option<usize>) -> Next<Ended> {
        // SAFETY: this is the task that we run on.
        let machine = unsafe { Machine::from_raw(current.task()) };
        match returned {
            // SAFETY: the program's code takes no arguments, and is made for stacks that move.
            None => Next::Call(unsafe {
                Call::new(enter_code(), [machine.scheme().program, Value::FALSE.0 as usize])
            }),
            Some(value) => Next::Done(ended(&machine, Value(value as u64))),
        }
    }
}

/// Runs the program of `current`'s language on the caller's own stack.
///
/// # Errors
///
/// See [`Ended`].
pub fn run(current: &Current<'_>) -> Ended {
    // SAFETY: this is the task that we run on.
    let machine = unsafe { Machine::from_raw(current.task()) };
    let task: *const Task = current.task();
    // SAFETY: the program's code takes no arguments; this is the task. This frame holds no value meanwhile: compiled code
    // saves its registers where no map describes them.
    let value = unsafe { enter(task, machine.scheme().program, Value::FALSE) };
    ended(&machine, value)
}

fn ended(machine: &Machine<'_>, value: Value) -> Ended {
    match machine.state().take_failure() {
        None => Ok(write::written(value)),
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
