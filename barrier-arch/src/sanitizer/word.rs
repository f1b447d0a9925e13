//! A word of a stack, whatever lies there.
//!
//! To AddressSanitizer what lies between two locals must not be read. But who scans a frame word by word reads that, too, and the slot of a frame
//! that was dropped (by longjmp, say) may lie there. This is the only place of these crates where it looks away.

use crate::arch::Slot;
#[cfg(not(sanitized))]
use crate::sync::AtomicSlot;
use crate::sync::Ordering;

/// Reads a word of a stack. Volatile, because a trampoline or [`patch`](crate::patch) changes return slots without the compiler's knowledge.
///
/// # Safety
///
/// Aligned and readable.
#[cfg(not(sanitized))]
#[inline(always)]
pub unsafe fn read_word<T: Copy>(address: usize) -> T {
    // SAFETY: passed on.
    unsafe { (address as *const T).read_volatile() }
}

/// Reads a word of a stack. Not by `read_volatile`, which is a function of its own and instrumented.
///
/// # Safety
///
/// Aligned and readable.
#[cfg(sanitized)]
#[inline(never)]
#[sanitize(address = "off")]
pub unsafe fn read_word<T: Copy>(address: usize) -> T {
    // SAFETY: passed on.
    unsafe { *core::hint::black_box(address as *const T) }
}

/// Reads what was a return slot.
///
/// # Safety
///
/// Aligned, and within a stack.
#[cfg(not(sanitized))]
pub(crate) unsafe fn read_slot(slot: usize) -> Slot {
    // SAFETY: passed on.
    unsafe { AtomicSlot::from_ptr(slot as *mut Slot) }.load(Ordering::Relaxed)
}

/// As above.
///
/// # Safety
///
/// As above.
#[cfg(sanitized)]
pub(crate) unsafe fn read_slot(slot: usize) -> Slot {
    // SAFETY: passed on.
    unsafe { read_word(slot) }
}

/// Writes a return slot, after all that was written before. The slot of a frame that was dropped may lie between two locals by now, and be what it was: then
/// nobody minds, but for AddressSanitizer.
///
/// # Safety
///
/// Aligned, writable, and a return slot or nothing.
#[cfg(not(sanitized))]
pub(crate) unsafe fn write_slot(slot: usize, word: Slot) {
    // SAFETY: passed on.
    unsafe { AtomicSlot::from_ptr(slot as *mut Slot) }.store(word, Ordering::Release);
}

/// As above.
///
/// # Safety
///
/// As above.
#[cfg(sanitized)]
#[inline(never)]
#[sanitize(address = "off")]
pub(crate) unsafe fn write_slot(slot: usize, word: Slot) {
    core::sync::atomic::fence(Ordering::Release);
    // SAFETY: passed on.
    unsafe { *core::hint::black_box(slot as *mut Slot) = word };
}
