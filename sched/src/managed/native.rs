//! Native stacks, and what runs first on one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use barrier_arch::arch;
use barrier_arch::arch::Prepared;
use barrier_arch::sanitizer::{self, Fibre};
use stack_alloc::GuardPages;
use unwind_walk::{LiveStack, ReadWord};

use super::arch as way;
use super::panicked::{drop_compiled_frames, panicked};
use super::{Next, Program, Steps};
use crate::current::Current;
use crate::language::Language;
use crate::stacks::{PooledStacks, StackSource, TaskStack};
use crate::task::join::Packet;
use crate::task::{Reason, Task};
use barrier_arch::Spacing;

/// Address space for native functions. What they touch becomes resident: a page or two.
const NATIVE_BYTES: usize = 256 << 10;

/// Where native stacks come from.
#[derive(Debug)]
pub(crate) struct NativeStacks(PooledStacks);

impl NativeStacks {
    pub(crate) fn new() -> NativeStacks {
        NativeStacks(PooledStacks::new(Spacing::Off, GuardPages::default()))
    }

    /// A stack. A task that is ready cannot go on without one, and there is nobody to tell: the process ends if there is none.
    pub(crate) fn take(&self) -> TaskStack {
        self.0.alloc(NATIVE_BYTES).unwrap_or_else(|error| {
            eprintln!("fatal: no native stack for a task that is ready: {error}");
            std::process::abort()
        })
    }

    /// Takes one back.
    ///
    /// # Safety
    ///
    /// It came from here, and nothing runs on it or will.
    pub(crate) unsafe fn give_back(&self, stack: TaskStack) {
        // SAFETY: passed on.
        unsafe { self.0.free(stack) }
    }
}

impl<L: Language> Task<L> {
    /// Does it have to be lent a native stack before it can go on?
    ///
    /// # Safety
    ///
    /// The caller has the stack.
    pub(crate) unsafe fn wants_native(&self) -> bool {
        // SAFETY: rule 2 of the task.
        self.crossing.managed_sp() != 0 && unsafe { &*self.inner() }.native.is_none()
    }

    /// Lends it a native stack, on which it will call `target`.
    ///
    /// # Safety
    ///
    /// The caller has the stack, and the task wants one.
    pub(crate) unsafe fn lend_native(&self, stack: TaskStack) {
        let task: *const Task<L> = self;
        // SAFETY: an unused stack.
        let Prepared { context, outermost_sp } =
            unsafe { arch::prepare(stack.bars.stack_hi(), on_native::<L>, task.addr()) };
        self.crossing.native_sp.store(outermost_sp, Ordering::Relaxed);
        // SAFETY: rule 2 of the task.
        let inner = unsafe { &mut *self.inner() };
        // SAFETY: as above.
        inner.fibre = unsafe { Fibre::new(stack.limit..stack.bars.stack_hi()) };
        (inner.context, inner.resumed_sp, inner.native) = (context, outermost_sp, Some(stack));
    }

    /// Takes the native stack of a task that needs it no more.
    ///
    /// # Safety
    ///
    /// The caller has the stack, and no frame on the native one is needed.
    pub(crate) unsafe fn take_native(&self) -> Option<TaskStack> {
        // SAFETY: rule 2 of the task.
        unsafe { (*self.inner()).native.take() }
    }

    /// Shows each word of the native stack that a stopped task has, its saved registers included; returns how many bytes that was.
    ///
    /// # Safety
    ///
    /// The caller has the stack, and the task does not run.
    pub(crate) unsafe fn visit_native(&self, mut visit: impl FnMut(usize)) -> usize {
        // SAFETY: rule 2 of the task.
        let inner = unsafe { &*self.inner() };
        if inner.native.is_none() {
            return 0;
        }
        // SAFETY: the task left from its native stack.
        let from = unsafe { inner.context.registers() }.saved_from;
        let words = from..self.crossing.native_sp.load(Ordering::Relaxed);
        // SAFETY: live words of a stack that does not run.
        let live = unsafe { LiveStack::new(words.start, words.end) };
        let defined = |word| if sanitizer::runs_under_valgrind() { sanitizer::defined(word) } else { word };
        words
            .clone()
            .step_by(size_of::<usize>())
            .filter_map(|slot| live.read_word(slot))
            .map(defined)
            .for_each(&mut visit);
        words.len()
    }

    /// Makes its own stack, on which nothing is needed any more, wait for the program's first call.
    ///
    /// # Safety
    ///
    /// The caller has the stack, or runs on the native one.
    pub(crate) unsafe fn prepare_managed(&self) {
        let task: *const Task<L> = self;
        // SAFETY: an unused stack, whose outermost frame begins there.
        let sp = unsafe { way::prepare(self.outermost_sp(), task.addr()) };
        let crossing = &self.crossing;
        crossing.managed_sp.store(sp, Ordering::Relaxed);
        crossing.target.store(step_first::<L> as *const () as usize, Ordering::Relaxed);
        crossing.step.store(step_next::<L> as *const () as usize, Ordering::Relaxed);
        crossing.between.store(leave_between::<L> as *const () as usize, Ordering::Relaxed);
        crossing.panicked.store(panicked::<L> as *const () as usize, Ordering::Relaxed);
    }
}

/// What a walk of a task's own stack starts from.
///
/// # Safety
///
/// `managed_sp` is that of a stack that waits, and nobody enters it meanwhile.
pub(crate) unsafe fn saved(managed_sp: usize) -> arch::SavedRegisters {
    // SAFETY: passed on.
    unsafe { way::saved(managed_sp) }
}

/// The first function on a native stack: calls `target`, and goes on with compiled code.
extern "C" fn on_native<L: Language>(task: usize) -> ! {
    let task = task as *const Task<L>;
    // SAFETY: the worker that resumed the task keeps it alive; the stack is new.
    unsafe { Fibre::entered(&raw mut (*(*task).inner()).fibre) };
    // SAFETY: as above.
    let crossing = unsafe { &(*task).crossing };
    let target = crossing.target.load(Ordering::Relaxed);
    // SAFETY: `step_first`, or what `park_and_call` was given.
    let target =
        unsafe { std::mem::transmute::<usize, extern "C-unwind" fn(*const Task<L>) -> usize>(target) };
    // Below this frame is nobody who could.
    let value = catch_unwind(AssertUnwindSafe(|| target(task))).unwrap_or_else(|panic| {
        crossing.leaves.store(0, Ordering::Relaxed);
        drop_compiled_frames(task, panic)
    });
    if crossing.leaves.load(Ordering::Relaxed) != 0 {
        leave_between(task);
    }
    // SAFETY: `target` has returned, and nothing here is to be dropped; the stack waits.
    unsafe { way::enter_managed(task.addr(), value) }
}

/// Leaves with nothing on the native stack.
extern "C" fn leave_between<L: Language>(task: *const Task<L>) -> ! {
    // SAFETY: compiled code, or `on_native`, passes the task that runs.
    let task = unsafe { &*task };
    task.crossing.leaves.store(0, Ordering::Relaxed);
    // SAFETY: we run on its native stack; the worker takes that away, so nobody comes back.
    unsafe { task.leave(Reason::ParkBetween) };
    arch::trap()
}

/// The program's first call.
extern "C" fn step_first<L: Language>(task: *const Task<L>) -> usize {
    step(task, Returned::Nothing)
}

/// The call after one that has returned.
extern "C" fn step_next<L: Language>(task: *const Task<L>) -> usize {
    // SAFETY: compiled code passes the task that runs.
    let value = unsafe { (*task).crossing.returned.load(Ordering::Relaxed) };
    step(task, Returned::Value(value))
}

/// How the last call has ended.
pub(crate) enum Returned {
    /// There was none.
    Nothing,
    /// With this value.
    Value(usize),
    /// A native function that it called has panicked.
    Panicked(Box<dyn Any + Send>),
}

/// Asks the program; returns the code to call.
pub(super) fn step<L: Language>(task: *const Task<L>, returned: Returned) -> usize {
    // SAFETY: the task that runs, on its native stack.
    let (task, current) = unsafe { (&*task, Current::from_raw(task)) };
    // SAFETY: we run on it (rule 7 of the task). Taken out meanwhile: others may look at the task's fields.
    let mut steps = unsafe { (*task.inner()).steps.take() };
    let call = steps.as_mut().and_then(|steps| steps(&current, returned));
    // SAFETY: as above.
    unsafe { (*task.inner()).steps = steps };
    if let Some(call) = call {
        task.crossing.set(call.words);
        return call.code;
    }
    // SAFETY: as above; nobody resumes a task that is done.
    unsafe { task.leave(Reason::Done) };
    arch::trap()
}

/// What a task of `program` runs: its panic is caught, its outcome left in `packet`.
pub(crate) fn steps_of<L: Language, P: Program<L>>(
    mut program: P,
    packet: std::sync::Arc<Packet<L, P::Output>>,
) -> Steps<L> {
    Box::new(move |current, returned| {
        let next = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match returned {
            Returned::Nothing => program.next(current, None),
            Returned::Value(value) => program.next(current, Some(value)),
            Returned::Panicked(panic) => program.panicked(current, panic),
        }));
        let result = match next {
            Ok(Next::Call(call)) => return Some(call),
            Ok(Next::Done(result)) => Ok(result),
            Err(panic) => Err(panic),
        };
        packet.settle(result);
        None
    })
}
