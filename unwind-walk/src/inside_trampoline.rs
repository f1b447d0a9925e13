//! A walk that starts at an instruction of the trampoline: a signal arrived between the return and the jump on.
//!
//! ```text
//!   x86-64, at  the popped slot, sp - 8, holds      where the frame goes on
//!   stub        the stub's address                  its record
//!   tail        the stub's address                  its record
//!   tail        healed: the original address        that address
//!   pad         anything (the unwinder wrote)       the record of the slot
//!   pad, pushed healed, and sp is the slot          the word at sp; sp is one higher
//! ```
//!
//! On the other machines the record of the last slot that has been popped says it, wherever in the trampoline.
//!
//! The function that returned is gone and its caller does not run yet. It is shown as if the step were complete:
//! frame 0 is the caller, at its original return address, with the caller's stack and frame pointer. Nothing is
//! changed.
//! `barrier_arch::arch::interrupted_return` knows the instructions; this file finds the list for it.

use barrier_arch::arch::{self, SLOT_BYTES};
use barrier_arch::{SizeClass, Stub};

use crate::barriers::{List, Source};
use crate::error::Missed;
use crate::memory::ReadWord;
use crate::step::Registers;

/// The registers after the trampoline has gone on, for registers that lie in it.
///
/// # Errors
///
/// [`Missed`] if no record tells where it goes on.
#[cold]
#[inline(never)]
pub(crate) fn complete(
    registers: Registers,
    source: Source<'_>,
    memory: &impl ReadWord,
) -> Result<Registers, Missed> {
    let Registers { pc, sp, fp } = registers;
    // The slot that the return has popped, where the stack pointer says it.
    let slot = sp.wrapping_sub(arch::sp_after(0));
    let missed = Missed { slot, stub: pc };
    if slot >= usize::MAX - 2 * SLOT_BYTES {
        return Err(missed); // no stack ends there; keeps the arithmetic below from wrapping
    }
    let bars = list_of(source, pc, slot, memory);
    let gone_on = arch::interrupted_return(pc, sp, bars.as_deref(), |address| memory.read_word(address));
    gone_on.map(|(pc, sp)| Registers { pc, sp, fp }).ok_or(missed)
}

/// The list of the stack: by the key of the stub, or, where there is none any more, by trying sizes.
fn list_of<'a>(source: Source<'a>, pc: usize, slot: usize, memory: &impl ReadWord) -> Option<List<'a>> {
    let stub = Stub::at(pc).or_else(|| Stub::at(memory.read_word(slot)?));
    match stub {
        Some(stub) => source.list(slot, stub.class()),
        None => SizeClass::all().find_map(|class| source.list(slot, class)),
    }
}
