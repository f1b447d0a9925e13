//! A stack that does not run, and how a new one becomes such a stack.

use super::target::{self, OUTERMOST_BYTES, SAVED_BYTES, SAVED_FP, SAVED_PC, SLOT_BYTES, Slot};

/// A stack that does not run: its stack pointer, all else lies on the stack.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Context {
    sp: usize,
}

impl Context {
    /// What a walk of this stack starts from.
    ///
    /// # Safety
    ///
    /// The context was filled in by [`switch`](super::switch) or [`prepare`] and its stack has not run since.
    pub unsafe fn registers(&self) -> SavedRegisters {
        // SAFETY: the saved words lie there, by the caller's promise.
        let word = |offset: usize| unsafe { ((self.sp + offset) as *const Slot).read() as usize };
        SavedRegisters {
            pc: target::strip(word(SAVED_PC)),
            sp: self.sp + SAVED_BYTES,
            fp: word(SAVED_FP),
            saved_from: self.sp,
        }
    }

    /// Where its `pc` is kept.
    pub(crate) fn saved_pc(&self) -> usize {
        self.sp + SAVED_PC
    }

    /// The same stack after it was copied `delta` bytes up (wrapping: down).
    pub fn moved(&self, delta: usize) -> Context {
        Context { sp: self.sp.wrapping_add(delta) }
    }
}

/// Registers of a stack that does not run, as far as a walk needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedRegisters {
    /// Where it will go on.
    pub pc: usize,
    /// Its stack pointer there.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// Lowest address of the saved registers, which lie right below `sp`.
    pub saved_from: usize,
}

/// A stack that was made ready to run for the first time.
#[derive(Debug)]
pub struct Prepared {
    /// What to [`switch`](super::switch) to.
    pub context: Context,
    /// Stack pointer of the outermost frame: a walk that ends anywhere else was cut short (I10).
    pub outermost_sp: usize,
}

/// Makes a new stack ready: the first [`switch`](super::switch) to it calls `entry(argument)`.
///
/// ```text
///   stack_hi        ┌──────────────────────────┐
///                   │ parent: address of the   │   Context of whoever resumed this stack
///                   │ what the ABI wants there │
///   outermost_sp    ├──────────────────────────┤   stack pointer of `stack_base`, which calls `entry`
///                   │ saved registers          │   what the first switch takes up
///   context.sp      └──────────────────────────┘
/// ```
///
/// # Safety
///
/// `stack_hi` is 16-byte aligned and the memory below it is a stack that nobody uses.
pub unsafe fn prepare(stack_hi: usize, entry: extern "C" fn(usize) -> !, argument: usize) -> Prepared {
    let outermost_sp = stack_hi - OUTERMOST_BYTES;
    let sp = outermost_sp - SAVED_BYTES;
    let words = target::first_words(entry, argument, outermost_sp);
    for at in (outermost_sp..stack_hi).step_by(SLOT_BYTES) {
        // SAFETY: within the unused stack, aligned; the caller's promise.
        unsafe { (at as *mut Slot).write(0) };
    }
    for (i, word) in words.into_iter().enumerate() {
        // SAFETY: within the unused stack, aligned; the caller's promise.
        unsafe { ((sp + i * SLOT_BYTES) as *mut Slot).write(word) };
    }
    // SAFETY: a stack that has just been prepared.
    unsafe { set_parent(outermost_sp, core::ptr::null()) };
    Prepared { context: Context { sp }, outermost_sp }
}

/// What unwinders find beyond a stack that nobody resumed: a frame without a caller.
static NOBODY: [Slot; SAVED_BYTES / SLOT_BYTES] = [0; SAVED_BYTES / SLOT_BYTES];
static NOWHERE: &[Slot; SAVED_BYTES / SLOT_BYTES] = &NOBODY;

/// Tells debuggers where the stack with this `outermost_sp` was resumed from: `parent` was or will be
/// filled in by the [`switch`](super::switch) to it. Null: from nowhere.
///
/// # Safety
///
/// `outermost_sp` is that of a prepared stack; `parent` stays valid until the next call or the stack's end.
pub unsafe fn set_parent(outermost_sp: usize, parent: *const Context) {
    let parent = if parent.is_null() { (&raw const NOWHERE).cast() } else { parent };
    let at = outermost_sp + OUTERMOST_BYTES - 2 * SLOT_BYTES;
    // SAFETY: the word `prepare` set aside for this.
    unsafe { (at as *mut Slot).write(parent as usize as Slot) }
}

/// Where [`recover`](super::recover) goes on.
///
/// Filled in by [`protect`](super::protect); meaningful until that call of `protect` returns.
#[repr(C)]
#[derive(Debug, Default)]
pub struct RecoverPoint {
    sp: usize,
    pc: usize,
}

impl RecoverPoint {
    /// The stack pointer there: every frame below it is gone after a [`recover`](super::recover). To be given to
    /// [`crate::patch::skip`] first.
    pub fn sp(&self) -> usize {
        self.sp
    }
}
