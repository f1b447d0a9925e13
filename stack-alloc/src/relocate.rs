//! A stack that moves into a bigger or smaller one, barriers and all.
//!
//! ```text
//!    old                                        new
//!    stack_hi  ┌────────────────┐               ┌────────────────┐ stack_hi
//!              │ frames         │  same         │ frames         │
//!              │ slot → stub    │  distance     │ slot → stub'   │  stub' = same index, new size class
//!    sp        └────────────────┘  below        └────────────────┘ new sp
//!              │ untouched      │  stack_hi     │ free           │
//! ```
//!
//! Everything keeps its distance below `stack_hi`. In this order: the words are copied; the barrier records
//! go along, at the same indices (I11); then the pointers into the stack that the caller names are shifted.
//! The old stack is only read. It stays as it was until it is freed, so that whoever still looks at it sees
//! nothing odd.

use barrier_arch::{StkbarSlice, patch};

use crate::error::RelocateError;
use crate::stack::Stack;

/// Copies the frames of `old`, from stack pointer `sp` up, into `new`, and returns the stack pointer there.
///
/// `pointers` is called once, after the copy, with a function to call on every slot that may hold an address
/// in the used part of the old stack: the saved frame pointers and whatever else the frames hold, **in the
/// new copy** (at the same distance below the new `stack_hi`), and slots elsewhere, as in a saved register
/// context. A word from `sp` to `stack_hi`, both included (the outermost frame's end is `stack_hi`), is
/// shifted; any other is left alone, so a slot may be named twice. Return slots need not be named.
///
/// ```
/// use stack_alloc::{StackPool, relocate};
/// let pool = StackPool::default();
/// let (small, small_bars) = pool.alloc(4096)?;
/// let (big, big_bars) = pool.alloc(65536)?;
/// // One word on the stack, which points at itself.
/// let sp = small_bars.stack_hi() - 16;
/// // SAFETY: below `stack_hi` of a stack on which nothing runs.
/// unsafe { (sp as *mut usize).write(sp) };
/// // SAFETY: nothing runs on either; what was written is what is copied.
/// let new_sp = unsafe {
///     relocate((&small, &small_bars), (&big, &big_bars), sp, |shift| {
///         shift((big_bars.stack_hi() - 16) as *mut usize);
///     })
/// }?;
/// // SAFETY: the copy.
/// assert_eq!(unsafe { (new_sp as *const usize).read() }, new_sp);
/// # unsafe { pool.free(small, small_bars); pool.free(big, big_bars) };
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`RelocateError`], with both stacks unchanged: `sp` is not in the old stack, or the frames or the barrier
/// records do not fit into the new one.
///
/// # Safety
///
/// * Each array belongs to its stack. The old stack is stopped with stack pointer `sp` (any red zone the code
///   uses below it included), and goes on, if at all, only on the new one. Nothing runs on the new stack, and
///   its array is empty.
/// * Nobody walks the new stack before it is entered, not from a signal handler either: records and slots are
///   out of step for a moment. The old one may be walked at any instruction, until it is freed.
/// * `pointers` passes its function valid, aligned words that nobody else uses, none of them in the old
///   stack; and it names every slot that holds an address in the old stack and will be used as one.
/// * No frame relies on an alignment above 16 bytes.
#[doc(alias = "copystack")]
#[doc(alias = "adjustpointers")]
pub unsafe fn relocate(
    old: (&Stack, &StkbarSlice),
    new: (&Stack, &StkbarSlice),
    sp: usize,
    pointers: impl FnOnce(&mut dyn FnMut(*mut usize)),
) -> Result<usize, RelocateError> {
    let new_sp = place(old, new, sp)?;
    let used = sp..=old.1.stack_hi();
    // SAFETY: `place` checked that both ranges lie within their stacks, which are two.
    unsafe { copy(old.0, sp, new.0, new_sp, used.end() - sp) };
    // SAFETY: stopped, and copied to the same distance below the new `stack_hi`.
    let carried = unsafe { patch::carry_over(old.1, new.1, sp) };
    debug_assert!(carried, "`place` checked that the records fit");
    let shift = new_sp.wrapping_sub(sp);
    pointers(&mut |slot: *mut usize| {
        debug_assert!(
            !(old.0.base()..old.0.top()).contains(&slot.addr()),
            "a slot of the old stack was named"
        );
        // SAFETY: a valid word, by the caller's promise.
        let word = unsafe { slot.read() };
        if used.contains(&word) {
            // SAFETY: as above.
            unsafe { slot.write(word.wrapping_add(shift)) };
        }
    });
    Ok(new_sp)
}

/// Where the stack pointer comes to lie in the new stack.
fn place(
    (old, old_bars): (&Stack, &StkbarSlice),
    (new, new_bars): (&Stack, &StkbarSlice),
    sp: usize,
) -> Result<usize, RelocateError> {
    let (limit, stack_hi) = (old.limit(), old_bars.stack_hi());
    if !(limit..=stack_hi).contains(&sp) || !sp.is_multiple_of(size_of::<usize>()) {
        return Err(RelocateError::BadStackPointer { sp, limit, stack_hi });
    }
    let (used, room) = (stack_hi - sp, new_bars.stack_hi().saturating_sub(new.limit()));
    if used > room {
        return Err(RelocateError::DoesNotFit { used, room });
    }
    let (records, capacity) = (old_bars.len(), new_bars.capacity());
    if records > capacity {
        return Err(RelocateError::TooManyBarriers { records, capacity });
    }
    Ok(new_bars.stack_hi() - used)
}

/// # Safety
///
/// `bytes` from `sp` on `old`, and from `new_sp` on `new`, another stack, lie within them and are nobody
/// else's meanwhile.
unsafe fn copy(old: &Stack, sp: usize, new: &Stack, new_sp: usize, bytes: usize) {
    // SAFETY: within the stack.
    let from = unsafe { old.as_ptr().add(sp - old.base()) };
    // SAFETY: within the stack.
    let to = unsafe { new.as_ptr().add(new_sp - new.base()) };
    // SAFETY: two stacks do not overlap.
    unsafe { from.copy_to_nonoverlapping(to, bytes) };
}
