//! A task: a green thread, its stack and its state.
//!
//! # Fields, and who may touch them when
//!
//! 1. `stack_limit`: anybody stores the poison; only the task itself puts the real limit back.
//! 2. `context`, `stack`: whoever the state word gives the stack to: the worker that runs it, or the holder of a claim.
//! 3. `receipt`: by its own rules.
//! 4. `worker`: written by the worker before it resumes the task, read by the task between two switches.
//! 5. `reason`: written by the task before it switches away, read by the worker after.
//! 6. `snapshot`: whoever has the stack, beside the first scan, and the collector while the world is stopped.
//! 7. `start`: taken by the task itself, once.

pub(crate) mod join;
pub(crate) mod state;

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use barrier_arch::arch::{self, Context};
use barrier_arch::sanitizer::Fibre;
use barrier_arch::{StkbarSlice, patch};
use gc_mark::stack::BadStack;
use gc_mark::{Receipt, Snapshot, Stopped};
use parking_lot::Mutex;
use unwind_walk::Registers;

use crate::collector::errand::Errand;
use crate::current::Current;
use crate::debug_list::Listed;
use crate::language::Language;
use crate::managed::crossing::{CROSSING_OFFSET, Crossing};
use crate::managed::{Steps, moving};
use crate::shared::Shared;
use crate::stacks::TaskStack;
use crate::sync;
use crate::worker::Worker;
use state::State;

/// Stored over a stack limit, it makes the next prologue check fail: the task comes to a safepoint.
pub const POISON: usize = usize::MAX;

/// A green thread. Compiled code holds its address and reads the first fields at fixed offsets
/// (`std::mem::offset_of!`).
#[repr(C)]
pub struct Task<L: Language> {
    /// What a prologue compares the stack pointer with: below it, call [`Current::safepoint`] or report an overflow.
    pub stack_limit: AtomicUsize,
    /// The way to its native stack.
    pub(crate) crossing: Crossing,
    /// The language's own state.
    pub language: L::Task,
    id: u64,
    real_limit: AtomicUsize,
    pub(crate) state: State,
    pub(crate) receipt: Receipt,
    pub(crate) errand: Errand,
    /// Empty unless the runtime has an oracle.
    pub(crate) snapshot: Mutex<Snapshot>,
    /// Longest time it was held at a safepoint or waiting for the collector, in nanoseconds.
    pub(crate) longest_stall: AtomicU64,
    pub(crate) worker: AtomicPtr<Worker<L>>,
    pub(crate) shared: Arc<Shared<L>>,
    inner: UnsafeCell<Inner<L>>,
    pub(crate) reason: Cell<Reason>,
    listed: OnceLock<Listed>,
}

/// What belongs to whoever has the stack (rule 2).
pub(crate) struct Inner<L: Language> {
    /// Where it goes on: on its own stack if it is a closure, on its native one otherwise.
    pub(crate) context: Context,
    /// The stack that `context` is of, for sanitizers.
    pub(crate) fibre: Fibre,
    /// Stack pointer of the outermost frame of the stack that `context` is of.
    pub(crate) resumed_sp: usize,
    /// Stack pointer of the outermost frame of its own stack.
    pub(crate) outermost_sp: usize,
    pub(crate) stack: Option<TaskStack>,
    /// Most bytes that frames of compiled code may take.
    pub(crate) most_bytes: usize,
    /// Lent to a task of compiled code.
    pub(crate) native: Option<TaskStack>,
    start: Option<Start<L>>,
    pub(crate) steps: Option<Steps<L>>,
}

type Start<L> = Box<dyn FnOnce(&Current<'_, L>) + Send>;

/// What a task is to do.
pub(crate) enum Body<L: Language> {
    /// Native code, on the task's own stack.
    Closure(Start<L>),
    /// Compiled code.
    Program(Steps<L>),
}

// SAFETY: the rules in the module's documentation.
unsafe impl<L: Language> Send for Task<L> {}
// SAFETY: as above.
unsafe impl<L: Language> Sync for Task<L> {}

/// Why a task switched away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was asked to; it goes on as soon as it may.
    Safepoint,
    /// It lets others go first.
    Yield,
    /// It waits for an unpark.
    Park,
    /// The same, with nothing on its native stack.
    ParkBetween,
    /// It has ended.
    Done,
}

impl<L: Language> Task<L> {
    /// A task that will run `body` on `stack`.
    pub(crate) fn new(shared: Arc<Shared<L>>, stack: TaskStack, body: Body<L>) -> Arc<Task<L>> {
        const { assert!(std::mem::offset_of!(Self, crossing) == CROSSING_OFFSET, "assembly looks for it there") };
        let stack_hi = stack.bars.stack_hi();
        let (start, steps, slack) = match body {
            Body::Closure(start) => (Some(start), None, 0),
            Body::Program(steps) => (None, Some(steps), shared.slack()),
        };
        let (limit, is_program) = (stack.limit + slack, steps.is_some());
        let task = Arc::new(Task {
            stack_limit: AtomicUsize::new(limit),
            crossing: Crossing::default(),
            language: shared.language.new_task(),
            id: shared.next_task_id(),
            real_limit: AtomicUsize::new(limit),
            state: State::ready(),
            receipt: Receipt::new(),
            errand: Errand::default(),
            snapshot: Mutex::new(Snapshot::new()),
            longest_stall: AtomicU64::new(0),
            worker: AtomicPtr::new(std::ptr::null_mut()),
            shared,
            inner: UnsafeCell::new(Inner {
                context: Context::default(),
                fibre: Fibre::of_thread(),
                resumed_sp: 0,
                outermost_sp: stack_hi - crate::managed::OUTERMOST_BYTES,
                stack: Some(stack),
                most_bytes: usize::MAX,
                native: None,
                start,
                steps,
            }),
            reason: Cell::new(Reason::Yield),
            listed: OnceLock::new(),
        });
        // SAFETY: nobody else has the task yet, and its stack is unused.
        unsafe {
            if is_program {
                task.prepare_managed()
            } else {
                task.prepare_closure(stack_hi)
            }
            task.list(is_program);
        }
        task.relax();
        task
    }

    /// Makes the first resumption call [`enter`].
    ///
    /// # Safety
    ///
    /// The caller has the stack, which is unused.
    unsafe fn prepare_closure(&self, stack_hi: usize) {
        let task: *const Task<L> = self;
        // SAFETY: passed on; rule 2.
        unsafe {
            let prepared = arch::prepare(stack_hi, enter::<L>, task.addr());
            let inner = &mut *self.inner.get();
            inner.context = prepared.context;
            inner.fibre = Fibre::new(self.real_limit()..stack_hi);
            (inner.outermost_sp, inner.resumed_sp) = (prepared.outermost_sp, prepared.outermost_sp);
        }
    }

    /// Tells debuggers of it.
    ///
    /// # Safety
    ///
    /// The caller has the stack.
    unsafe fn list(&self, is_program: bool) {
        // SAFETY: rule 2.
        let inner = unsafe { &*self.inner.get() };
        let left = (&raw const inner.context).cast();
        let sp = if is_program { self.crossing.managed_sp_word() } else { left };
        if let Some(stack) = &inner.stack {
            self.listed.get_or_init(|| Listed::new(self.id, &raw const self.state, sp, &stack.bars));
        }
    }

    /// Tells debuggers that its stack has moved.
    pub(crate) fn list_moved(&self, bars: &StkbarSlice) {
        self.listed.get().into_iter().for_each(|listed| listed.moved(bars));
    }

    pub(crate) fn inner(&self) -> *mut Inner<L> {
        self.inner.get()
    }

    /// Stack pointer of the outermost frame of its own stack.
    ///
    /// # Safety
    ///
    /// The caller has the stack (rule 2), or runs on it.
    pub(crate) unsafe fn outermost_sp(&self) -> usize {
        // SAFETY: rule 2.
        unsafe { (*self.inner.get()).outermost_sp }
    }

    /// A number that no other task of this runtime has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The lowest address that its frames may use.
    pub fn real_limit(&self) -> usize {
        self.real_limit.load(Ordering::Relaxed)
    }

    /// The stack has moved, and has this limit now. If the limit is poisoned it stays so.
    pub(crate) fn set_real_limit(&self, limit: usize) {
        let old = self.real_limit.swap(limit, Ordering::Relaxed);
        // A failure means that somebody has poisoned it: the next safepoint puts the new one in.
        let _ = self.stack_limit.compare_exchange(old, limit, Ordering::SeqCst, Ordering::Relaxed);
    }

    /// Nobody wants anything any more: puts the real limit back. Called by the task itself, before it looks who wants what.
    pub(crate) fn relax(&self) {
        let limit = if self.always_moves() { POISON } else { self.real_limit() };
        sync::point();
        self.stack_limit.store(limit, Ordering::SeqCst);
        sync::point();
    }

    /// Shall its next prologue check fail, whatever anybody wants?
    fn always_moves(&self) -> bool {
        self.shared.always_moves() && self.crossing.managed_sp() != 0
    }

    /// Longest time it was held by the collector so far, in nanoseconds.
    pub fn longest_stall_ns(&self) -> u64 {
        self.longest_stall.load(Ordering::Relaxed)
    }

    /// One more handle on the task.
    pub(crate) fn handle(&self) -> Arc<Task<L>> {
        let pointer: *const Task<L> = self;
        // SAFETY: tasks live in an Arc, and this one is alive; the count goes up for the new one.
        unsafe {
            Arc::increment_strong_count(pointer);
            Arc::from_raw(pointer)
        }
    }

    /// Makes its next prologue check fail.
    pub(crate) fn poison(&self) {
        sync::point();
        self.stack_limit.store(POISON, Ordering::SeqCst);
    }

    /// Goes on with the task on the caller's thread until it switches away; says why it did.
    ///
    /// # Safety
    ///
    /// The caller started it, and its thread's context goes into `*back`; `own` is of that thread.
    pub(crate) unsafe fn resume(&self, own: *mut Fibre, back: *mut Context) -> Reason {
        let inner = self.inner.get();
        // SAFETY: the stack is the caller's (rule 2), and nobody else enters it; `back` outlives the stay.
        unsafe {
            let base = (*inner).resumed_sp;
            arch::set_parent(base, back);
            Fibre::resume(own, &raw mut (*inner).fibre, back, &raw const (*inner).context);
            arch::set_parent(base, std::ptr::null());
        }
        self.reason.get()
    }

    /// Switches from the task to its worker.
    ///
    /// # Safety
    ///
    /// The caller runs on this task.
    pub(crate) unsafe fn leave(&self, reason: Reason) {
        self.reason.set(reason);
        let worker = self.worker.load(Ordering::Relaxed);
        let inner = self.inner.get();
        // SAFETY: the worker that resumed it waits in `resume`; its context is there.
        unsafe {
            let (fibre, save, load) =
                (&raw mut (*inner).fibre, &raw mut (*inner).context, (*worker).context());
            match reason {
                Reason::Safepoint | Reason::Yield | Reason::Park => Fibre::leave(fibre, save, load),
                Reason::ParkBetween | Reason::Done => Fibre::leave_for_good(fibre, save, load),
            }
        }
    }

    /// Its stack, stopped.
    ///
    /// # Errors
    ///
    /// [`BadStack`] if the saved context contradicts the stack: memory was overwritten.
    ///
    /// # Safety
    ///
    /// The caller has the stack (rule 2), it is not done, and it stays so while the result is in use.
    pub(crate) unsafe fn stopped(&self) -> Result<Option<Stopped<'_>>, BadStack> {
        // SAFETY: rule 2.
        let inner = unsafe { &*self.inner.get() };
        let Some(stack) = &inner.stack else { return Ok(None) };
        let (registers, saved_from) = if self.crossing.managed_sp() != 0 {
            // SAFETY: it does not run, so its own stack waits.
            unsafe { moving::registers(self) }
        } else {
            // SAFETY: it does not run, so its context is saved.
            let saved = unsafe {
                patch::complete(&stack.bars, &inner.context);
                inner.context.registers()
            };
            (Registers { pc: saved.pc, sp: saved.sp, fp: saved.fp }, saved.saved_from)
        };
        // SAFETY: as the caller promises.
        unsafe { Stopped::new(registers, &stack.bars, inner.outermost_sp, saved_from) }.map(Some)
    }

    /// Its stack; `None` when it has ended.
    ///
    /// # Safety
    ///
    /// The caller has the stack (rule 2), or runs on it.
    pub(crate) unsafe fn stack(&self) -> Option<&TaskStack> {
        // SAFETY: rule 2.
        unsafe { (*self.inner.get()).stack.as_ref() }
    }

    /// Takes the stack of a task that has ended.
    ///
    /// # Safety
    ///
    /// The caller is the worker that finished it, and nobody walks it.
    pub(crate) unsafe fn take_stack(&self) -> Option<TaskStack> {
        // SAFETY: rule 2.
        unsafe { (*self.inner.get()).stack.take() }
    }
}

impl<L: Language> fmt::Debug for Task<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({}, {:?})", self.id, self.state)
    }
}

/// The first function on every task's stack.
extern "C" fn enter<L: Language>(task: usize) -> ! {
    // SAFETY: `Task::new` passes its address, and the worker that runs it keeps it alive.
    let task = unsafe { &*(task as *const Task<L>) };
    // SAFETY: it runs here for the first time.
    unsafe { Fibre::entered(&raw mut (*task.inner.get()).fibre) };
    // SAFETY: this is the task (rule 7).
    let start = unsafe { (*task.inner.get()).start.take() };
    if let Some(start) = start {
        // SAFETY: we run on it.
        start(&unsafe { Current::from_raw(task) });
    }
    // SAFETY: we run on it; nobody resumes a task that is done.
    unsafe { task.leave(Reason::Done) };
    arch::trap()
}
