//! "I run on this task": what a task may ask of the scheduler.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use barrier_arch::arch::own_frame;
use barrier_arch::patch;
use gc_mark::{settle, write_barrier};
use unwind_walk::Registers;

use crate::collector::fatal;
use crate::language::Language;
use crate::managed::{Program, moving};
use crate::shared::{Shared, SpawnError};
use crate::sync;
use crate::task::join::JoinHandle;
use crate::task::state::Unpark;
use crate::task::{Reason, Task};

/// The task that the caller runs on. Cannot leave it.
pub struct Current<'t, L: Language> {
    task: &'t Task<L>,
    not_send: PhantomData<*const ()>,
}

impl<'t, L: Language> Current<'t, L> {
    /// From the task's address, as compiled code passes it to its helpers.
    ///
    /// # Safety
    ///
    /// The caller runs on that very task.
    pub unsafe fn from_raw(task: *const Task<L>) -> Current<'t, L> {
        // SAFETY: a running task is alive.
        Current { task: unsafe { &*task }, not_send: PhantomData }
    }

    /// The task.
    pub fn task(&self) -> &'t Task<L> {
        self.task
    }

    /// The task, to be unparked by somebody else.
    pub fn handle(&self) -> Arc<Task<L>> {
        self.task.handle()
    }

    /// The language.
    pub fn language(&self) -> &'t L {
        &self.task.shared.language
    }

    /// A place where the task may be stopped: the collector may look at its stack now.
    ///
    /// What compiled code calls when its prologue check fails and the stack pointer is not really below
    /// [`Task::real_limit`]; also for loops in native code. Cheap if nobody wants anything.
    pub fn safepoint(&self) {
        sync::point();
        if self.task.stack_limit.load(Ordering::Relaxed) == self.task.real_limit() {
            return;
        }
        // First the limit, then the look at who wants what: a poison stored after this is not lost.
        self.task.relax();
        self.held(|| self.leave(Reason::Safepoint));
    }

    /// Where the compiled code that called native code goes on: what a walk of the task's own stack starts from, and a
    /// move of it changes. `None` if the task is a closure, whose frames lie further up the caller's own stack.
    pub fn waits_at(&self) -> Option<Registers> {
        // SAFETY: this very task runs, on its native stack.
        self.is_managed().then(|| unsafe { moving::registers(self.task) }.0)
    }

    /// Lets other tasks run first. While the task panics and there are several workers, those on other workers only: it stays on its thread.
    pub fn yield_now(&self) {
        self.leave(Reason::Yield);
    }

    /// Waits for an [`Task::unpark`]; returns at once if one came since the last park. May return without, and does so while the task panics
    /// and there are several workers.
    pub fn park(&self) {
        self.leave(Reason::Park);
    }

    /// Starts a task.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no stack for it.
    pub fn spawn<R: Send + 'static>(
        &self,
        f: impl FnOnce(&Current<'_, L>) -> R + Send + 'static,
    ) -> Result<JoinHandle<L, R>, SpawnError> {
        Shared::spawn(&self.task.shared, f)
    }

    /// Starts a task of compiled code.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no stack for it, or this architecture has no such tasks.
    pub fn spawn_program<P: Program<L>>(&self, program: P) -> Result<JoinHandle<L, P::Output>, SpawnError> {
        Shared::spawn_program(&self.task.shared, program)
    }

    /// Gives `f` the state of the OS thread that the task happens to run on. `f` must not come to a safepoint: the task
    /// may go on on another thread.
    pub fn with_worker<R>(&self, f: impl FnOnce(&mut L::Worker) -> R) -> R {
        let worker = self.task.worker.load(Ordering::Relaxed);
        // SAFETY: that worker is in `resume` with this task, and `f` does not switch.
        f(unsafe { &mut *(*worker).local() })
    }

    /// Must stores be shaded?
    pub fn is_marking(&self) -> bool {
        self.task.shared.phases.write_barrier_on()
    }

    /// The slow part of the write barrier: `value` was stored while marking.
    pub fn shade(&self, value: usize) {
        let shared = &self.task.shared;
        write_barrier::shade(shared.language.heap(), &shared.grey, value);
    }

    /// Asks for a cycle, and does not wait.
    pub fn request_collection(&self) {
        self.task.shared.requests.ask();
    }

    /// Asks for a cycle and waits until one that began after the call has ended.
    pub fn collect(&self) {
        self.held(|| {
            let ticket = self.task.shared.requests.ask();
            while !self.task.shared.requests.is_served_or_wake(ticket, || self.handle()) {
                self.park();
            }
        });
    }

    /// Addresses of the task's stack: from the real limit to where the outermost frame begins.
    pub fn stack_bounds(&self) -> Range<usize> {
        self.task.real_limit()..self.bars(|bars| bars.stack_hi())
    }

    /// Marks hit the barriers of all frames below `sp`, which the caller is about to drop, as by
    /// [`barrier_arch::arch::recover`].
    pub fn skip_barriers(&self, sp: usize) -> usize {
        self.settle_barriers();
        // SAFETY: this very task runs, and goes on at `sp`.
        self.bars(|bars| unsafe { patch::skip(bars, sp) })
    }

    /// Restores the return addresses below `dst` and marks those barriers hit: before a write to `dst`, somewhere up the
    /// caller's own stack, that has no write barrier; or a recover there.
    #[doc(alias = "gcUnwindBarriers")]
    pub fn unwind_barriers(&self, dst: usize) -> usize {
        self.settle_barriers();
        let here = 0_usize;
        let sp = if self.is_managed() { self.task.crossing.managed_sp() } else { (&raw const here) as usize };
        // SAFETY: this very task runs; the address of a local is below every live frame but the youngest, and so is the place
        // where compiled code waits for us.
        self.bars(|bars| unsafe { patch::unwind(bars, sp, dst) })
    }

    /// Finds the barrier that a tail call may have taken along ([`patch::settle`]).
    fn settle_barriers(&self) {
        let registers = if self.is_managed() {
            // SAFETY: we run on the task's native stack; its own waits.
            unsafe { moving::registers(self.task) }.0
        } else {
            let (sp, fp) = own_frame();
            Registers { pc: Self::settle_barriers as *const () as usize, sp, fp }
        };
        let unwind = self.task.shared.language.unwind();
        // SAFETY: this very task runs; registers of a frame of its own stack, in which it is about to call, or waits.
        let settled = self.bars(|bars| unsafe { settle(&unwind, bars, registers) });
        settled.unwrap_or_else(|violation| fatal::die(self.task, &violation));
    }

    /// The task's barriers.
    pub fn bars<R>(&self, f: impl FnOnce(&barrier_arch::StkbarSlice) -> R) -> R {
        // SAFETY: we run on it.
        let stack = unsafe { self.task.stack() };
        f(&stack.expect("a running task has a stack").bars)
    }

    fn leave(&self, reason: Reason) {
        let stays = self.must_stay();
        let reason = if stays { Reason::Safepoint } else { reason };
        // SAFETY: we run on it.
        unsafe { self.task.leave(reason) }
        if stays {
            std::thread::yield_now();
        }
    }

    /// std counts panics per thread: a task whose destructors run because of one must end it on the thread where it began. It comes to
    /// safepoints only, after which its worker goes on with it.
    fn must_stay(&self) -> bool {
        std::thread::panicking() && self.task.shared.roster.workers() > 1
    }

    /// Does something that may take long, and remembers the longest.
    fn held(&self, f: impl FnOnce()) {
        let since = Instant::now();
        f();
        self.task.longest_stall.fetch_max(since.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }
}

impl<L: Language> Task<L> {
    /// Ends its park, or makes its next one return at once.
    pub fn unpark(self: &Arc<Task<L>>) {
        if self.state.unpark() == Unpark::Ready {
            self.shared.queue.push(Arc::clone(self));
        }
    }
}

impl<L: Language> std::fmt::Debug for Current<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Current({:?})", self.task)
    }
}
