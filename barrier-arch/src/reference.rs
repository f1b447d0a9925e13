//! The trampoline's step in plain Rust, on any memory.
//!
//! The assembly is tested against this; simulated stacks run on it. It does exactly what one hit does, in
//! the same order: find the record, heal the slot, set the position.

use crate::stkbar::below_top;
use crate::stub::{Key, Stub};

/// Words by address: a stack in plain memory, or the live one.
pub trait Memory {
    /// The word at `address`.
    fn load(&self, address: usize) -> usize;
    /// Overwrites the word at `address`.
    fn store(&mut self, address: usize, word: usize);
}

/// The record a stub asks for is not there: somebody broke I1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stack barrier lost: no record for return slot {slot:#x}")]
pub struct Lost {
    /// The slot that was returned through.
    pub slot: usize,
}

/// One hit: a function has returned into `stub` and the stack pointer is now `sp`.
///
/// Returns the original return address, where to go on.
///
/// # Errors
///
/// [`Lost`] if the array has no record for the popped slot.
pub fn hit(stub: Stub, sp: usize, memory: &mut impl Memory) -> Result<usize, Lost> {
    let slot = sp - size_of::<usize>();
    let top = stub.class().top_of(sp);
    let record = |index: usize| top - below_top::RECORD_0 - below_top::STRIDE * index;
    let state = memory.load(top - below_top::STATE);
    let (mut index, len) = match stub.key() {
        Key::Index(i) => (usize::from(i), usize::MAX),
        Key::Search => ((state & 0xffff_ffff) / below_top::STRIDE, (state >> 32) / below_top::STRIDE),
    };
    // Records of frames that were skipped (longjmp) lie lower: step over them.
    while stub.key() == Key::Search && index < len && memory.load(record(index)) < slot {
        index += 1;
    }
    if index >= len || memory.load(record(index)) != slot {
        return Err(Lost { slot });
    }
    let pc = memory.load(record(index) + size_of::<usize>());
    memory.store(slot, pc);
    let position = (index + 1) * below_top::STRIDE;
    memory.store(top - below_top::STATE, (state & !0xffff_ffff) | position);
    Ok(pc)
}
