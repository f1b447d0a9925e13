//! Which task of compiled code has the calling thread: for a signal handler, which is not told.
//!
//! ```text
//!   native function ─▶ here(task) … away(safepoint) … ─▶ compiled code ─▶ native function ─▶ here(task) …
//! ```
//!
//! A task's native functions say so when they are called; it stays true while compiled code runs, and until the task can be taken off the thread: that
//! is what [`away`] is around. So whoever finds a task here finds one that cannot end, nor be moved by anybody but this very thread.

use std::cell::Cell;
use std::ptr::null;

use sched::Current;
use unwind_walk::Registers;

use crate::compiled::{Compiled, Task};
use crate::levels;

thread_local! {
    static TASK: Cell<*const Task> = const { Cell::new(null()) };
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// A native function of the task runs.
///
/// Never inlined, as all here: the address of a thread-local must not be kept across a switch to another thread.
#[inline(never)]
pub(crate) fn here(current: &Current<'_, Compiled>) {
    let waiting = current.waits_at().map_or(0, |at| levels::waiting(current.task(), at));
    WAITING.set(waiting);
    TASK.set(current.task());
}

/// No task has the thread: it is about to end.
#[inline(never)]
pub fn end() {
    TASK.set(null());
}

/// Something that may switch to other tasks, and come back on another thread.
pub fn away<R>(current: &Current<'_, Compiled>, f: impl FnOnce() -> R) -> R {
    end();
    let result = f();
    here(current);
    result
}

/// The task that has the calling thread, where its compiled code waits or last waited, and how many levels of its recursion waited for the next one
/// then. For a signal handler.
#[inline(never)]
pub fn task<'t>() -> Option<(&'t Task, Registers, usize)> {
    // SAFETY: it has the thread, so it is alive.
    let task = unsafe { TASK.get().as_ref() }?;
    // SAFETY: as above.
    let current: Current<'_, Compiled> = unsafe { Current::from_raw(task) };
    Some((task, current.waits_at()?, WAITING.get()))
}
