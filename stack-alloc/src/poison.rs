//! Stacks filled with a recognisable word, to see what reads them before writing.

use crate::stack::Stack;

/// What a fresh or freed stack is filled with in poison mode.
///
/// No canonical address on x86-64 or AArch64, so that following it faults; odd, so that it is no aligned
/// pointer elsewhere.
pub const POISON: usize = 0xdead_57ac_dead_57ad_u64 as usize;

/// How far below the top: the memory of a huge stack is not all to be made resident.
pub(crate) const POISONED_BYTES: usize = 1 << 20;

/// Fills `stack`, from its top down to its limit or as far as poison reaches.
///
/// # Safety
///
/// Nobody uses the stack, and none of its content, barrier array included, is needed.
pub(crate) unsafe fn fill(stack: &Stack) {
    let from = stack.limit().max(stack.top().saturating_sub(POISONED_BYTES));
    let words = (stack.top() - from) / size_of::<usize>();
    // SAFETY: within the stack.
    let first = unsafe { stack.as_ptr().add(from - stack.base()) }.cast::<usize>();
    for i in 0..words {
        // SAFETY: writable words of the stack, by the caller's promise nobody else's.
        unsafe { first.add(i).write(POISON) };
    }
}
