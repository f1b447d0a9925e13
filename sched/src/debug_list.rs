//! All tasks of the process, for debuggers: `debuggers/gdb.py` finds the list by its symbol, which is not mangled, and needs no debug information.
//!
//! ```text
//!   SCHED_TASKS ─▶ version │ count │ ─▶ [ id │ state │ sp │ base │ top ] [ … ] …       words, in this order
//! ```
//!
//! `state` and `sp` are addresses of the task's own words: where it stands (`task/state.rs`), and the stack pointer that its own stack was left
//! with. `base` and `top` change when the stack moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use barrier_arch::StkbarSlice;
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
    sp: *const usize,
    base: usize,
    top: usize,
}

// SAFETY: addresses, read by a debugger only.
unsafe impl Send for Entry {}

#[used]
#[unsafe(no_mangle)]
static SCHED_TASKS: TaskList =
    TaskList { version: VERSION, count: AtomicUsize::new(0), entries: AtomicPtr::new(std::ptr::null_mut()) };

static ENTRIES: Mutex<Entries> = Mutex::new(Entries { all: Vec::new(), owners: Vec::new() });

/// The entries, and for each the place where its owner keeps its index.
struct Entries {
    all: Vec<Entry>,
    owners: Vec<Arc<AtomicUsize>>,
}

impl Entries {
    fn remove(&mut self, index: usize) {
        self.all.swap_remove(index);
        self.owners.swap_remove(index);
        if let Some(owner) = self.owners.get(index) {
            owner.store(index, Ordering::Relaxed);
        }
    }
}

/// A task's place on the list, which it loses when this is dropped.
#[derive(Debug)]
pub(crate) struct Listed(Arc<AtomicUsize>);

impl Listed {
    /// Puts a task on the list. `state` and `sp`, the word that says where its stack was left, stay where they are until the result is
    /// dropped.
    pub(crate) fn new(id: u64, state: *const State, sp: *const usize, bars: &StkbarSlice) -> Listed {
        let entry = Entry { id, state, sp, base: bars.base(), top: bars.top() };
        Listed(change(|entries| {
            let index = Arc::new(AtomicUsize::new(entries.all.len()));
            entries.all.push(entry);
            entries.owners.push(Arc::clone(&index));
            index
        }))
    }

    /// The task has another stack now.
    pub(crate) fn moved(&self, bars: &StkbarSlice) {
        change(|entries| {
            let entry = &mut entries.all[self.0.load(Ordering::Relaxed)];
            (entry.base, entry.top) = (bars.base(), bars.top());
        });
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        change(|entries| entries.remove(self.0.load(Ordering::Relaxed)));
    }
}

/// At any moment the count is that of entries which are there.
fn change<R>(change: impl FnOnce(&mut Entries) -> R) -> R {
    let mut entries = ENTRIES.lock();
    SCHED_TASKS.count.store(0, Ordering::Release);
    let result = change(&mut entries);
    SCHED_TASKS.entries.store(entries.all.as_mut_ptr(), Ordering::Release);
    SCHED_TASKS.count.store(entries.all.len(), Ordering::Release);
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stacks::{PooledStacks, StackSource};
    use barrier_arch::Spacing;
    use stack_alloc::GuardPages;

    /// What a debugger would read of the tasks of this test.
    fn listed(state: &State) -> Vec<(u64, usize)> {
        let entries = ENTRIES.lock();
        assert_eq!(SCHED_TASKS.count.load(Ordering::Relaxed), entries.all.len());
        let ours = entries.all.iter().filter(|entry| std::ptr::eq(entry.state, state));
        let mut found: Vec<_> = ours.map(|entry| (entry.id, entry.base)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn tasks_come_move_and_go_in_any_order() {
        let source = PooledStacks::new(Spacing::default(), GuardPages::Off);
        let stacks = [4096, 8192].map(|bytes| source.alloc(bytes).expect("a stack"));
        let [small, large] = stacks.each_ref().map(|stack| &stack.bars);
        let (state, sp) = (State::ready(), 0);
        let mut tasks: Vec<_> =
            (1..=4).map(|id| Listed::new(id, &raw const state, &raw const sp, small)).collect();
        drop(tasks.remove(0));
        tasks[2].moved(large);
        drop(tasks.remove(1));
        assert_eq!(listed(&state), [(2, small.base()), (4, large.base())]);
        tasks[0].moved(large);
        assert_eq!(listed(&state), [(2, large.base()), (4, large.base())]);
        drop(tasks);
        assert_eq!(listed(&state), []);
        for stack in stacks {
            // SAFETY: it came from there, and nothing ran on it.
            unsafe { source.free(stack) };
        }
    }
}
