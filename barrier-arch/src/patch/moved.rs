//! Barriers that stand elsewhere than where they were put.
//!
//! With a link register a return address is a value before it is a word of the stack. A function that ends in a tail call takes it from its
//! slot into the register, barrier and all, and the function that it jumps to keeps it where *that one's* frame has room:
//!
//! ```text
//!   f calls something                 f has jumped to g, which calls something
//!
//!   ├────────────┤ cfa of f           ├────────────┤ cfa of g, the same
//!   │            │                    │ stub       │ ← slot of g
//!   │ stub       │ ← slot of f        │            │ ← what the record says: a word like any other by now
//!   │            │                    │            │
//!   └────────────┘ sp                 └────────────┘ sp
//! ```
//!
//! # The rule
//!
//! **A barrier belongs to a canonical frame address (CFA), not to a slot: the stub in a frame's return slot is that of the highest record whose
//! slot lies below the frame's CFA.** A tail call keeps the CFA; all frames above are where they were, so the slots of their records lie
//! above it; frames below are gone. So trampolines and their CFI go by the stack pointer after the return, which is the CFA, and
//! walks by the CFA, or, where frame pointers say only roughly where that is, by any address from there up to the caller's own slot
//! ([`StkbarSlice::resolve_below`]).
//!
//! Only the lowest barrier that was not hit can have moved: its function has run, those of the others wait where they waited. Who walks meets it
//! first. Before anything else here is done to a stack that has run, whoever walks it tells the list by [`settle`] where that barrier
//! is now: the rest of [`super`] restores and skips by the slots that the records say.
//!
//! | | barriers move |
//! |---|---|
//! | arm, AArch64 | yes: the slot lies beside the saved frame pointer, anywhere in the frame |
//! | RISC-V, LoongArch | yes: at the CFA, but for functions with a variable number of arguments, and code without frame pointers |
//! | PowerPC, z | no: the ABI has one place for it, in the caller's frame |
//! | x86, x86-64, x32 | no: the call itself has pushed it |
//!
//! On all of them a tail call of [`arch::switch`](crate::arch::switch) leaves a stack with the stub where it will go on: see [`complete`].

use crate::aftermath::Watch;
use crate::arch::{self, Context, SLOT_BYTES, SigningKey, Slot};
use crate::sanitizer::{read_slot, write_slot};
use crate::stkbar::{Stkbar, StkbarSlice};
use crate::stub::Stub;

/// Tells the list that the barrier of record `index` stands in `slot` now, found by walking.
///
/// The frame's canonical frame address lies above `slot`, and at or below `reach`. Returns `false`, having changed nothing, if `slot` holds no stub
/// of that record, or one with an authentication code of which neither the record nor `reach` says how it was made.
///
/// # Safety
///
/// The stack is stopped, or runs this very call. `slot` is the return slot of a live frame, which the record belongs to by the rule above.
pub unsafe fn settle(bars: &StkbarSlice, index: usize, slot: usize, reach: usize) -> bool {
    let Some(record) = bars.get(index) else { return false };
    // SAFETY: a live return slot, by the caller's promise.
    let word = unsafe { read_slot(slot) } as usize;
    let stub = bars.stub(index);
    let saved = saved_for(word, stub.pc(), record, slot, reach).filter(|_| Stub::at(word) == Some(stub));
    let Some(saved_lr_val) = saved else { return false };
    // SAFETY: as the caller promises; only this slot will be looked at.
    let watch = unsafe { Watch::begin(bars, arch::sp_after(slot).wrapping_sub(SLOT_BYTES)) };
    let (position, len) = bars.state();
    make_room_below(bars, index, slot);
    bars.set_record(index, Stkbar { saved_lr_ptr: slot, saved_lr_val });
    bars.set_state(position.min(index), len);
    watch.settled(index, slot, saved_lr_val);
    true
}

/// Completes the return that a stack was left before: if it will go on in a stub, then that barrier counts as hit, and the stack goes on
/// where the return would have led. Whether it was so.
///
/// To be called whenever a stack has been left, before its barriers are looked at: a function whose return address was taken may have
/// ended in a tail call of [`arch::switch`], which keeps the stub as the address to go on at. No frame has it in a slot any more.
///
/// # Safety
///
/// The stack of `bars` was left with `context`, and has not run since; nobody else changes either.
pub unsafe fn complete(bars: &StkbarSlice, context: &Context) -> bool {
    // SAFETY: the caller's promise.
    let registers = unsafe { context.registers() };
    let found = Stub::at(registers.pc).and_then(|stub| bars.popped(stub, registers.sp));
    let Some((index, record)) = found else { return false };
    // SAFETY: one of the saved words of a stack that does not run.
    unsafe { write_slot(context.saved_pc(), record.return_pc() as Slot) };
    // SAFETY: the frame of that barrier has been left, and its return address is back.
    unsafe { super::mark_hit(bars, index) };
    true
}

/// The return address without a barrier that fits to `word`, found in `slot`: with the code that this frame will check, if with any.
fn saved_for(word: usize, stub: usize, record: Stkbar, slot: usize, reach: usize) -> Option<usize> {
    let (pc, saved) = (record.return_pc(), record.saved_lr_val);
    if word == arch::strip(word) {
        return Some(pc);
    }
    // The function before has signed with the same address; or it was one that does not, and this one does.
    if saved != pc {
        return Some(saved);
    }
    let cfas = (slot + SLOT_BYTES).next_multiple_of(16)..=reach;
    let signatures = cfas.step_by(16).flat_map(|cfa| [(cfa, SigningKey::A), (cfa, SigningKey::B)]);
    let (cfa, key) = { signatures }.find(|&(cfa, key)| arch::sign(stub, cfa, key) == Some(word))?;
    arch::sign(pc, cfa, key)
}

/// Keeps the records in order (I2): those before `index` are hit, or dead, and their slots mean nothing any more.
fn make_room_below(bars: &StkbarSlice, index: usize, slot: usize) {
    let mut above = slot;
    for index in (0..index).rev() {
        let record = bars.record(index);
        if record.saved_lr_ptr < above {
            break;
        }
        above = above.wrapping_sub(SLOT_BYTES);
        bars.set_record(index, Stkbar { saved_lr_ptr: above, ..record });
    }
}
