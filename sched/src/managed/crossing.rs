//! What the way between the two stacks of a task reads and writes, at fixed offsets from the task's address.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Where it lies in every task: right behind the stack limit.
pub(crate) const CROSSING_OFFSET: usize = size_of::<usize>();

/// The two stacks of a task, as assembly sees them. Written by whoever has the task's stack, and by its own code.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct Crossing {
    /// The native function that is called next.
    pub(crate) target: AtomicUsize,
    /// Stack pointer of the task's own stack while it waits. *The* word that says where the stack is: a move becomes true when it is stored.
    pub(super) managed_sp: AtomicUsize,
    /// Where native calls begin on the native stack.
    pub(super) native_sp: AtomicUsize,
    /// Not 0: when the native function has returned, the task leaves, and `target` is called when it is resumed.
    pub(super) leaves: AtomicUsize,
    /// What is called then.
    pub(super) between: AtomicUsize,
    /// Where a panic of the native function ends: called with the task and the exception.
    pub(super) panicked: AtomicUsize,
    /// Asks the program for the next call.
    pub(super) step: AtomicUsize,
    /// What the last call returned.
    pub(super) returned: AtomicUsize,
    /// Arguments of the next call.
    pub(super) words: [AtomicUsize; 2],
}

impl Crossing {
    pub(crate) fn managed_sp(&self) -> usize {
        self.managed_sp.load(Ordering::Relaxed)
    }

    /// The word that [`managed_sp`](Crossing::managed_sp) reads, for debuggers.
    pub(crate) fn managed_sp_word(&self) -> *const usize {
        self.managed_sp.as_ptr()
    }

    pub(super) fn set(&self, words: [usize; 2]) {
        self.words.iter().zip(words).for_each(|(to, word)| to.store(word, Ordering::Relaxed));
    }
}
