//! A task's own stack grows and shrinks: a new one, a copy, the old one goes.
//!
//! Growing follows Go's `newstack` (twice the size until the frame fits), shrinking its `shrinkstack`: half the size if less than a quarter is used,
//! when the task is stopped for its first scan. That is outside of the pause, and before the scan: barriers of the last cycle are void then and go
//! first, and there is no receipt yet that could be out of date.

use std::sync::atomic::Ordering;

use barrier_arch::description::{self, FrameRecord};
use unwind_walk::Registers;

use super::StackMode;
use super::arch::{FP_SLOT, SAVED_SP};
use super::native::saved;
use crate::collector::fatal;
use crate::current::Current;
use crate::language::Language;
use crate::shared::Shared;
use crate::stacks::{MoveStacks, Shift, TaskStack};
use crate::task::Task;

/// A stack that moves at each prologue check does so as long as no more than this is used of it: recursion would be quadratic.
const ALWAYS_BYTES: usize = 16 << 10;

/// Where a frame pointer leads.
const FRAME_RECORD: FrameRecord = match description::host() {
    Some(host) => host.frame_record,
    None => panic!("barrier-arch does not compile where there is no description"),
};

/// There is no room on a task's stack, and none to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackFull {
    /// The stack has the size that it may have at most.
    #[error("the stack of {bytes} bytes is used up")]
    Limit {
        /// Bytes that frames may use.
        bytes: usize,
    },
    /// There is no memory for a larger one.
    #[error("no stack of {bytes} bytes to grow into: {source}")]
    NoMemory {
        /// The size that was asked for.
        bytes: usize,
        /// What the source of stacks said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl<L: Language> Current<'_, L> {
    /// What compiled code calls, through [`super::native_call`], when its prologue check fails: afterwards a frame may reach `bytes` below the
    /// place where the task waits. Moves the stack if it must (rule 3).
    ///
    /// # Errors
    ///
    /// [`StackFull`]; the stack is as it was.
    ///
    /// # Panics
    ///
    /// If the task is a closure, which checks for itself.
    pub fn make_room(&self, bytes: usize) -> Result<(), StackFull> {
        assert!(self.is_managed(), "a closure's stack has the room that it has");
        let task = self.task();
        // SAFETY: we run on its native stack.
        let stack = unsafe { task.stack() }.expect("a running task has a stack");
        let (top, size) = (stack.bars.stack_hi(), stack.bars.class().bytes());
        let used = top - task.crossing.managed_sp() + bytes;
        let for_fun = task.shared.always_moves() && used - bytes <= ALWAYS_BYTES;
        if used <= top - task.real_limit() && !for_fun {
            return Ok(());
        }
        // SAFETY: we run on it (rule 2 of the task).
        let most = unsafe { (*task.inner()).most_bytes };
        let full = StackFull::Limit { bytes: top - task.real_limit() };
        let Some(mover) = task.shared.mover().filter(|_| used <= most) else { return Err(full) };
        let new = larger(&task.shared, size, used)?.ok_or(full)?;
        // SAFETY: it waits, and we run on its native stack (rule 1).
        unsafe { move_to(task, mover, new) };
        Ok(())
    }

    /// From now on the frames of the task's own stack may take `bytes` bytes at most, wherever it moves: the stack limit says so at once, even if
    /// frames lie beyond, as those do that are about to be dropped. At first there is no such limit but
    /// [the largest stack](crate::Builder::stack_bytes).
    ///
    /// # Panics
    ///
    /// If the task is a closure, whose stack has one limit.
    pub fn limit_stack(&self, bytes: usize) {
        assert!(self.is_managed(), "a closure's stack has the limit that it has");
        let task = self.task();
        // SAFETY: we run on it (rule 2 of the task).
        let inner = unsafe { &mut *task.inner() };
        inner.most_bytes = bytes;
        inner.stack.iter().for_each(|stack| task.set_real_limit(limit(task, stack, bytes)));
    }
}

/// Lowest address that a frame of `task` may have when its prologue asks, on a stack whose frames may take `most` bytes.
fn limit<L: Language>(task: &Task<L>, stack: &TaskStack, most: usize) -> usize {
    (stack.limit + task.shared.slack()).max(stack.bars.stack_hi().saturating_sub(most))
}

/// A stack of `size` bytes, or twice as many, and so on, on which `used` bytes fit. `None` if the largest is too small.
fn larger<L: Language>(
    shared: &Shared<L>,
    mut size: usize,
    used: usize,
) -> Result<Option<TaskStack>, StackFull> {
    while size <= shared.stack_bytes {
        // Not to be asked for in vain.
        if used <= size {
            let new = shared.stacks.alloc(size);
            let new = new.map_err(|source| StackFull::NoMemory { bytes: size, source })?;
            if let Some(new) = if_it_fits(shared, new, used) {
                return Ok(Some(new));
            }
        }
        size *= 2;
    }
    Ok(None)
}

/// `new`, unless `used` bytes and what is kept free do not fit: then it goes back.
fn if_it_fits<L: Language>(shared: &Shared<L>, new: TaskStack, used: usize) -> Option<TaskStack> {
    if used + shared.slack() <= room(&new) {
        return Some(new);
    }
    // SAFETY: nobody has used it.
    unsafe { shared.stacks.free(new) };
    None
}

/// Bytes that frames may use.
fn room(stack: &TaskStack) -> usize {
    stack.bars.stack_hi().saturating_sub(stack.limit)
}

/// Before the first scan of a stopped task: shrinks its stack if little of it is used.
///
/// # Safety
///
/// The caller has the stack.
pub(crate) unsafe fn shrink<L: Language>(shared: &Shared<L>, task: &Task<L>) {
    let (StackMode::Copy { first }, Some(mover)) = (shared.modes.stacks, shared.mover()) else { return };
    // Collector and worker may both come for the first scan. Only the one that is first may take away barriers.
    if shared.phases.cycle().is_none_or(|cycle| task.receipt.is_scanned(cycle)) {
        return;
    }
    // SAFETY: rule 2 of the task.
    let Some(stack) = (unsafe { task.stack() }).filter(|_| task.crossing.managed_sp() != 0) else { return };
    let (used, size) = (stack.bars.stack_hi() - task.crossing.managed_sp(), stack.bars.class().bytes());
    let always = shared.modes.always_move;
    if !always && used >= room(stack) / 4 {
        return;
    }
    let half = Some(size / 2).filter(|half| *half >= first);
    let sizes = half.into_iter().chain(always.then_some(size));
    // No memory for the smaller one: then the larger one stays.
    let new = sizes.filter_map(|size| if_it_fits(shared, shared.stacks.alloc(size).ok()?, used)).next();
    let Some(new) = new else { return };
    crate::collector::errand::remove_barriers(task);
    // SAFETY: the caller has the stack, and the task waits (rule 1).
    unsafe { move_to(task, mover, new) };
    shared.moves.shrunk.fetch_add(1, Ordering::Relaxed);
}

/// Moves a stack that waits, in the order of rule 4.
///
/// # Safety
///
/// The caller has the stack, or runs on the task's native one. `new` came from the runtime's source, and has room.
unsafe fn move_to<L: Language>(task: &Task<L>, mover: &dyn MoveStacks, new: TaskStack) {
    // SAFETY: rule 2 of the task; nobody else looks at these fields while we have the stack.
    let inner = unsafe { &mut *task.inner() };
    let Some(old) = inner.stack.as_ref() else { return };
    let (old_hi, new_hi) = (old.bars.stack_hi(), new.bars.stack_hi());
    let old_sp = task.crossing.managed_sp();
    let mut pointers = |shift: Shift<'_>| shift_frame_pointers(old_sp, new_hi.wrapping_sub(old_hi), shift);
    // SAFETY: the stack waits; all addresses that it holds are saved frame pointers (rule 2).
    let moved = unsafe { mover.relocate(old, &new, old_sp, &mut pointers) };
    let new_sp = moved.unwrap_or_else(|error| fatal::die(task, &error));
    // SAFETY: the caller has the stack, so nobody scans it.
    unsafe { task.receipt.carry_over(&old.bars, &new.bars) };
    if task.shared.modes.oracle {
        task.snapshot.lock().carry_over(&old.bars, &new.bars);
    }
    inner.outermost_sp = inner.outermost_sp.wrapping_add(new_hi.wrapping_sub(old_hi));
    task.set_real_limit(limit(task, &new, inner.most_bytes));
    task.list_moved(&new.bars);
    let old = inner.stack.replace(new);
    task.crossing.managed_sp.store(new_sp, Ordering::Release);
    task.shared.moves.all.fetch_add(1, Ordering::Relaxed);
    if let Some(old) = old {
        // SAFETY: the task goes on on the new one, and nobody walks the old one (rule 4).
        unsafe { task.shared.stacks.free(old) };
    }
}

/// Shows the saved frame pointers in the new copy: one in the saved registers, then one in each frame record that those lead to. Where callees save the
/// stack pointer, that lies at a fixed distance from where a back chain leads; whatever else lies there is no address of the stack, or of nobody.
fn shift_frame_pointers(old_sp: usize, by: usize, shift: Shift<'_>) {
    let mut slot = old_sp + FP_SLOT;
    loop {
        let copy = slot.wrapping_add(by) as *mut usize;
        // SAFETY: a word of the copy; the chain was walked before, and ends with 0.
        let pointer = unsafe { copy.read() };
        if pointer == 0 {
            return;
        }
        shift(copy);
        slot = FRAME_RECORD.link(pointer);
        SAVED_SP.into_iter().for_each(|at| shift((slot + at).wrapping_add(by) as *mut usize));
    }
}

/// The registers of a task of compiled code that waits, for a walk of its own stack.
///
/// # Safety
///
/// The task waits, and nobody enters or moves its stack meanwhile.
pub(crate) unsafe fn registers<L: Language>(task: &Task<L>) -> (Registers, usize) {
    // SAFETY: passed on.
    let at = unsafe { saved(task.crossing.managed_sp()) };
    (Registers { pc: at.pc, sp: at.sp, fp: at.fp }, at.saved_from)
}
