//! The way into compiled code, on a task of the kind that the code is made for.
//!
//! ```text
//!   stacks that stay    a closure calls `enter`, above whose frames those of compiled code lie
//!   stacks that move    a `sched::Program` says what is to be entered, and gets the value: no frame of Rust lies below
//! ```

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sched::{Call, Current as SchedCurrent, JoinHandle, Next, Program, Runtime, SpawnError};

use crate::scheme::cli::Stacks;
use crate::scheme::continuation::base::{enter, enter_code};
use crate::scheme::fault::{Failure, Fault};
use crate::scheme::language::Scheme;
use crate::scheme::machine::{Current, Machine, Task};
use crate::scheme::value::Value;

/// Compiled code without parameters, and the closure that it is called with.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Address of the code.
    pub code: usize,
    /// Its closure, or `#f` if it captures nothing. Nobody's root until the code has it: no safepoint comes before.
    pub closure: Value,
}

/// What a task does: enters compiled code once.
pub trait Job: Send + 'static {
    /// What it ends with.
    type Output: Send + 'static;

    /// What to enter.
    ///
    /// # Errors
    ///
    /// What the task ends with if there is nothing to enter.
    fn begin(&mut self, machine: &Machine<'_>) -> Result<Entry, Self::Output>;

    /// Ends with what the code has returned, or with why it did not.
    fn end(&mut self, machine: &Machine<'_>, value: Value) -> Self::Output;
}

/// Starts a job on a task of its own.
///
/// # Errors
///
/// [`SpawnError`] if there is no stack for it.
pub fn start<J: Job>(runtime: &Runtime<Scheme>, job: J) -> Result<JoinHandle<Scheme, J::Output>, SpawnError> {
    match runtime.language().stacks {
        Stacks::Reserve => runtime.spawn(|current| run(current, job)),
        Stacks::Copy => runtime.spawn_program(OnBothStacks(job)),
    }
}

/// Starts a job beside the caller's.
///
/// # Errors
///
/// As [`start`].
pub fn spawn<J: Job>(current: &Current<'_>, job: J) -> Result<JoinHandle<Scheme, J::Output>, SpawnError> {
    match current.language().stacks {
        Stacks::Reserve => current.spawn(|current| run(current, job)),
        Stacks::Copy => current.spawn_program(OnBothStacks(job)),
    }
}

/// Does a job on the caller's own stack.
pub fn run<J: Job>(current: &Current<'_>, mut job: J) -> J::Output {
    // SAFETY: this is the task that we run on.
    let machine = unsafe { Machine::from_raw(current.task()) };
    let task: *const Task = current.task();
    match job.begin(&machine) {
        Ok(Entry { code, closure }) => {
            // SAFETY: such code, by the job's word; this is the task. This frame holds no value meanwhile: compiled code saves
            // its registers where no map describes them.
            let entered = catch_unwind(AssertUnwindSafe(|| unsafe { enter(task, code, closure) }));
            job.end(&machine, entered.unwrap_or_else(|panic| failed(&machine, &*panic)))
        }
        Err(output) => output,
    }
}

/// A procedure written in Rust has panicked, and the frames of compiled code are gone: the job has failed.
fn failed(machine: &Machine<'_>, panic: &(dyn Any + Send)) -> Value {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let fault = Fault::Internal(text.unwrap_or("a panic without a message").to_owned());
    machine.state().take_pending();
    machine.give_up(Failure::without_place(fault));
    Value::FAILED
}

/// A job as a task of compiled code.
struct OnBothStacks<J>(J);

impl<J: Job> Program<Scheme> for OnBothStacks<J> {
    type Output = J::Output;

    fn next(&mut self, current: &SchedCurrent<'_, Scheme>, returned: Option<usize>) -> Next<J::Output> {
        // SAFETY: this is the task that we run on.
        let machine = unsafe { Machine::from_raw(current.task()) };
        if let Some(value) = returned {
            return Next::Done(self.0.end(&machine, Value(value as u64)));
        }
        match self.0.begin(&machine) {
            Ok(Entry { code, closure }) => {
                let words = [code, closure.0 as usize];
                // SAFETY: such code, by the job's word, and made for stacks that move.
                Next::Call(unsafe { Call::new(enter_code(), words) })
            }
            Err(output) => Next::Done(output),
        }
    }

    fn panicked(
        &mut self,
        current: &SchedCurrent<'_, Scheme>,
        panic: Box<dyn Any + Send>,
    ) -> Next<J::Output> {
        // SAFETY: this is the task that we run on.
        let machine = unsafe { Machine::from_raw(current.task()) };
        let value = failed(&machine, &*panic);
        Next::Done(self.0.end(&machine, value))
    }
}
