//! Where the pieces of the trampoline lie.
//!
//! ```text
//!   stub_table()        32 stubs per class, then one searching stub per class       see `stub.rs`
//!   TAILS               one tail per class
//!   SEARCHING_TAILS     one searching tail per class
//!   PAD                 the landing pad, and what stops the process at a missing record
//!   END
//! ```
//!
//! Offsets are in bytes from the first stub; how long a piece is, each architecture's file says.

use super::target::{self, PAD_BYTES, SEARCHING_TAIL_BYTES, TAIL_BYTES};
use crate::size_class::SizeClass;
use crate::stub::{BLOCK_BYTES, STUB_BYTES};

pub(super) const TAILS: usize = ((BLOCK_BYTES + STUB_BYTES) * SizeClass::COUNT).next_multiple_of(64);
pub(super) const SEARCHING_TAILS: usize = TAILS + TAIL_BYTES * SizeClass::COUNT;
pub(super) const PAD: usize = SEARCHING_TAILS + SEARCHING_TAIL_BYTES * SizeClass::COUNT;
pub(super) const END: usize = PAD + PAD_BYTES;

/// The stubs are 512-byte aligned, and one such unit goes before them: unwinders look a return address up one byte
/// before it.
const ALIGNMENT: usize = 512;

/// Address of the first stub.
#[inline]
pub fn stub_table() -> usize {
    (target::trampoline().wrapping_sub(1) | (ALIGNMENT - 1)).wrapping_add(1 + ALIGNMENT)
}

/// Is `pc` one of the trampoline's instructions: stub, tail or landing pad?
pub fn is_trampoline(pc: usize) -> bool {
    pc.wrapping_sub(stub_table()) < END
}

/// Address of the landing pad.
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "powerpc64",
    all(feature = "unwind", not(target_arch = "arm"))
))]
pub(crate) fn landing_pad() -> usize {
    stub_table() + PAD
}
