//! One OS thread that runs tasks.
//!
//! The worker stays behind the gate (it may run tasks) as long as it has some, and steps back to sleep, and when a task comes to a
//! safepoint because somebody closed the gate. What a task is asked for at a safepoint is done here, on the worker's
//! own stack, by [`crate::collector::errand`].

use std::cell::{Cell, UnsafeCell};
use std::sync::Arc;

use barrier_arch::arch::Context;
use barrier_arch::sanitizer::Fibre;
use crossbeam_utils::CachePadded;

use crate::collector::errand::{self, ScannerOf};
use crate::language::Language;
use crate::shared::Shared;
use crate::stacks::TaskStack;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::sync::{Deque, Parker};
use crate::task::Reason;
use crate::task::Task;
use crate::task::state::{Park, Start};

/// What each worker runs at the moment.
pub(crate) struct Roster<L: Language>(Vec<CachePadded<AtomicPtr<Task<L>>>>);

impl<L: Language> Roster<L> {
    pub(crate) fn new(workers: usize) -> Roster<L> {
        Roster((0..workers).map(|_| CachePadded::new(AtomicPtr::new(std::ptr::null_mut()))).collect())
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.0.len()
    }

    /// Shows each running task. The caller holds the lock of `Shared::tasks`.
    pub(crate) fn each_current(&self, mut f: impl FnMut(&Task<L>)) {
        for current in &self.0 {
            // SAFETY: a worker clears its entry before it takes the task off the list, which needs the lock that the caller
            // holds; so what is found here is alive.
            if let Some(task) = unsafe { current.load(Ordering::SeqCst).as_ref() } {
                f(task);
            }
        }
    }
}

/// A worker's state.
pub(crate) struct Worker<L: Language> {
    index: usize,
    shared: Arc<Shared<L>>,
    deque: Deque<Arc<Task<L>>>,
    parker: Parker,
    /// Where this thread left off to run a task.
    context: UnsafeCell<Context>,
    /// The thread's own stack, for sanitizers.
    fibre: UnsafeCell<Fibre>,
    local: UnsafeCell<L::Worker>,
    /// The native stack that it lends to the next task that has none.
    native: Cell<Option<TaskStack>>,
}

impl<L: Language> Worker<L> {
    pub(crate) fn new(
        index: usize,
        shared: Arc<Shared<L>>,
        deque: Deque<Arc<Task<L>>>,
        parker: Parker,
    ) -> Worker<L> {
        let local = UnsafeCell::new(shared.language.new_worker());
        let context = UnsafeCell::new(Context::default());
        let fibre = UnsafeCell::new(Fibre::of_thread());
        Worker { index, shared, deque, parker, context, fibre, local, native: Cell::new(None) }
    }

    pub(crate) fn context(&self) -> *const Context {
        self.context.get()
    }

    pub(crate) fn local(&self) -> *mut L::Worker {
        self.local.get()
    }

    /// Runs tasks until the runtime shuts down.
    pub(crate) fn run(self) {
        let shared = Arc::clone(&self.shared);
        let mut scanner = errand::scanner(&shared);
        self.shared.gate.enter();
        while let Some(task) = self.next() {
            self.turn(task, &mut scanner);
        }
        self.shared.gate.leave();
    }

    /// A task that is ready; sleeps until there is one. `None` on shutdown.
    fn next(&self) -> Option<Arc<Task<L>>> {
        let queue = &self.shared.queue;
        loop {
            if self.shared.is_shutting_down() {
                return None;
            }
            self.shared.timers.ring();
            if let Some(task) = queue.pop(self.index, &self.deque) {
                return Some(task);
            }
            queue.going_idle(self.index);
            self.shared.gate.leave();
            let found = queue.pop(self.index, &self.deque);
            if found.is_none() && !self.shared.is_shutting_down() {
                self.sleep();
            }
            queue.no_longer_idle(self.index);
            self.shared.gate.enter();
            if found.is_some() {
                return found;
            }
        }
    }

    /// Until somebody has work, or the next alarm is due. The worker is registered as idle.
    fn sleep(&self) {
        match self.shared.timers.earliest() {
            Some(at) => self.parker.park_deadline(at),
            None => self.parker.park(),
        }
    }

    /// One stay of `task` on this thread, until it gives it up.
    fn turn(&self, task: Arc<Task<L>>, scanner: &mut ScannerOf<'_, L>) {
        if task.state.start() == Start::Claimed {
            return; // whoever has it will queue it again
        }
        let current = &self.shared.roster.0[self.index];
        task.worker.store((&raw const *self).cast_mut(), Ordering::Relaxed);
        current.store(Arc::as_ptr(&task).cast_mut(), Ordering::SeqCst);
        let reason = self.stay(&task, scanner);
        current.store(std::ptr::null_mut(), Ordering::SeqCst);
        match reason {
            Reason::Safepoint => {} // only on shutdown: it is abandoned
            Reason::Yield => {
                task.state.make_ready();
                self.shared.queue.push(task);
            }
            Reason::Park => {
                if task.state.park() == Park::GoesOn {
                    self.shared.queue.push_local(&self.deque, task);
                }
            }
            Reason::ParkBetween => {
                self.take_back(&task);
                if task.state.park() == Park::GoesOn {
                    self.shared.queue.push_local(&self.deque, task);
                }
            }
            Reason::Done => self.finish(&task),
        }
    }

    /// Runs `task` through its safepoints; returns why it really left.
    fn stay(&self, task: &Arc<Task<L>>, scanner: &mut ScannerOf<'_, L>) -> Reason {
        loop {
            // Whoever closes the gate poisons what it finds in `current`. The task is there by now: either it was poisoned, or
            // we see the gate closed.
            if self.shared.gate.is_closed() {
                errand::before_it_stops(&self.shared, scanner, task);
                self.shared.gate.leave();
                self.shared.gate.enter();
            }
            errand::before_it_runs(&self.shared, scanner, task);
            self.lend(task);
            // SAFETY: we started it.
            let reason = unsafe { task.resume(self.fibre.get(), self.context.get()) };
            if reason != Reason::Safepoint || self.shared.is_shutting_down() {
                return reason;
            }
        }
    }

    /// Sees to it that `task`, which we started, has a native stack if it needs one.
    fn lend(&self, task: &Task<L>) {
        // SAFETY: we started it.
        if unsafe { task.wants_native() } {
            let stack = self.native.take().unwrap_or_else(|| self.shared.natives.take());
            // SAFETY: as above, and it was asked.
            unsafe { task.lend_native(stack) };
        }
    }

    /// Takes the native stack of a task that needs it no more, and keeps it for the next one.
    fn take_back(&self, task: &Task<L>) {
        // SAFETY: it has left, with nothing on it, and is ours until its state says otherwise.
        if let Some(one_too_many) = self.native.replace(unsafe { task.take_native() }) {
            // SAFETY: nothing runs on it.
            unsafe { self.shared.natives.give_back(one_too_many) };
        }
    }

    /// Takes a task that ended apart.
    fn finish(&self, task: &Task<L>) {
        task.state.finish();
        if task.crossing.managed_sp() != 0 {
            self.take_back(task);
        }
        // SAFETY: it is done, so the stack is ours; the collector cannot claim it any more, and the world is not stopped
        // while we are behind the gate.
        if let Some(stack) = unsafe { task.take_stack() } {
            // SAFETY: it came from there; nothing will run on it.
            unsafe { self.shared.stacks.free(stack) };
        }
        self.shared.tasks.lock().remove(&task.id());
    }
}
