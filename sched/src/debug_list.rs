//! All tasks of the process, for debuggers: `debuggers/gdb.py` finds the list by its symbol and needs no debug information.
//!
//! ```text
//!   SCHED_TASKS ─▶ version │ count │ ─▶ [ id │ state │ context │ base │ top ] [ … ] …       words, in this order
//! ```
//!
//! `state` and `context` are addresses of the task's own words: where it stands (`task/state.rs`), and the stack pointer that it was left with.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use barrier_arch::StkbarSlice;
use barrier_arch::arch::Context;
use parking_lot::Mutex;

use crate::task::state::State;

/// Counted up whenever the layout changes.
const VERSION: usize = 1;

#[repr(C)]
struct TaskList {
    version: usize,
    count: AtomicUsize,
    entries: AtomicPtr<Entry>,
}

#[repr(C)]
struct Entry {
    id: u64,
    state: *const State,
    context: *const Context,
    base: usize,
    top: usize,
}

// SAFETY: addresses, read by a debugger only.
unsafe impl Send for Entry {}

#[used]
static SCHED_TASKS: TaskList =
    TaskList { version: VERSION, count: AtomicUsize::new(0), entries: AtomicPtr::new(std::ptr::null_mut()) };

static ENTRIES: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// A task's place on the list, which it loses when this is dropped.
#[derive(Debug)]
pub(crate) struct Listed(*const State);

impl Listed {
    /// Puts a task on the list. `state` and `context` stay where they are until the result is dropped.
    pub(crate) fn new(id: u64, state: *const State, context: *const Context, bars: &StkbarSlice) -> Listed {
        change(|entries| entries.push(Entry { id, state, context, base: bars.base(), top: bars.top() }));
        Listed(state)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        change(|entries| entries.retain(|entry| entry.state != self.0));
    }
}

/// At any moment the count is that of entries which are there.
fn change(change: impl FnOnce(&mut Vec<Entry>)) {
    let mut entries = ENTRIES.lock();
    SCHED_TASKS.count.store(0, Ordering::Release);
    change(&mut entries);
    SCHED_TASKS.entries.store(entries.as_mut_ptr(), Ordering::Release);
    SCHED_TASKS.count.store(entries.len(), Ordering::Release);
}
