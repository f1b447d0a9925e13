//! The way in: runs a compiled program on a task.
//!
//! ```text
//!   run  ->  protect  ->  body  ->  enter (sets r15)  ->  top-level forms, one after the other
//!    ▲                                                            │ fault: recover
//!    └────────────────────────────────────────────────────────────┘
//! ```

use barrier_arch::arch::{self, RecoverPoint};

use crate::scheme::fault::{Failure, Fault};
use crate::scheme::machine::{Current, Machine, Task};
use crate::scheme::primitives::write;
use crate::scheme::value::Value;

/// The generated entry.
type Enter = extern "C" fn(task: *const Task, code: usize, closure: Value) -> Value;

/// Runs the program of `current`'s language. Returns its last form's value as `write` shows it.
///
/// # Errors
///
/// [`Failure`] when it faults, or calls `exit` with another code than 0.
pub fn run(current: &Current<'_>) -> Result<String, Box<Failure>> {
    // SAFETY: this is the task that we run on.
    let machine = unsafe { Machine::from_raw(current.task()) };
    let state = machine.state();
    let mut point = RecoverPoint::default();
    let outer = state.set_recover_point((&raw const point) as usize);
    let task: *const Task = current.task();
    // SAFETY: `point` lives until `protect` has returned, and is forgotten then. What `recover` drops are
    // frames of `body`, compiled code and helpers: the latter hold nothing droppable when they fail.
    let value = unsafe { arch::protect(&raw mut point, body, task as usize) };
    state.set_recover_point(outer);
    machine.keep_arguments(0);
    let shown = || write::written(Value(value as u64));
    match state.take_failure() {
        None => Ok(shown()),
        Some(Failure { fault: Fault::Exit(0), .. }) => Ok(String::new()),
        Some(failure) => Err(Box::new(failure)),
    }
}

/// Enters each top-level form. Holds no value across an entry: compiled code saves this frame's registers where no map
/// describes them.
extern "C" fn body(task: usize) -> usize {
    let task = task as *const Task;
    // SAFETY: `run` passes the task that it runs on.
    let machine = unsafe { Machine::from_raw(task) };
    let scheme = machine.scheme();
    // SAFETY: the code that the compiler made for this very purpose, with this signature.
    let enter = unsafe { std::mem::transmute::<usize, Enter>(scheme.entry) };
    let mut value = Value::UNSPECIFIED;
    for thunk in &scheme.thunks {
        value = enter(task, *thunk, Value::FALSE);
    }
    value.0 as usize
}

/// What a program may use of its stack, in bytes.
pub fn stack_bytes(machine: &Machine<'_>) -> usize {
    let bounds = machine.current().stack_bounds();
    bounds.end.saturating_sub(bounds.start)
}
