//! The trampoline's step in plain Rust, on any memory, and the frames that it steps through.
//!
//! The assembly is tested against [`hit`]; simulated stacks run on it and on [`call`]. A hit does exactly what the machine code
//! does: find the record, put the return address back where the machine does, set the position. A call lays down what
//! this machine's ABI asks of a prologue, so that stacks made by hand can be walked by its rules.

use crate::arch::{self, HEALS, SLOT_BYTES};
use crate::description::{self, FrameRecord};
use crate::stkbar::{below_top, halves, state_word};
use crate::stub::{Key, Stub};

/// Words by address: a stack in plain memory, or the live one.
pub trait Memory {
    /// The word at `address`, as wide as a pointer.
    fn load(&self, address: usize) -> usize;
    /// Overwrites the word at `address`.
    fn store(&mut self, address: usize, word: usize);
}

/// The record a stub asks for is not there: somebody broke I1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stack barrier lost: no record for the return that left the stack pointer at {sp:#x}")]
pub struct Lost {
    /// The stack pointer after the return.
    pub sp: usize,
}

/// One hit: a function has returned into `stub` and the stack pointer is now `sp`.
///
/// Returns the original return address, where to go on.
///
/// # Errors
///
/// [`Lost`] if the array has no record for the popped slot.
pub fn hit(stub: Stub, sp: usize, memory: &mut impl Memory) -> Result<usize, Lost> {
    let top = stub.class().top_of(sp);
    let (position, len) = state(memory, top - below_top::STATE);
    let record = |index: usize| top - below_top::RECORD_0 - below_top::STRIDE * index;
    let popped = |index: usize| {
        index < len as usize / below_top::STRIDE && arch::is_popped(memory.load(record(index)), sp)
    };
    let index = match stub.key() {
        Key::Index(i) => usize::from(i),
        // Records of frames that were skipped (longjmp) lie lower: it is the last one popped.
        Key::Search => {
            let first = position as usize / below_top::STRIDE;
            (first..).take_while(|&index| popped(index)).last().ok_or(Lost { sp })?
        }
    };
    let (slot, pc) = (memory.load(record(index)), memory.load(record(index) + SLOT_BYTES));
    if !arch::returned_through(slot, sp) {
        return Err(Lost { sp });
    }
    if HEALS {
        // The slot, if the return popped nothing beyond it.
        memory.store(sp.wrapping_sub(arch::sp_after(0)), pc);
    }
    set_state(memory, top - below_top::STATE, ((index + 1) * below_top::STRIDE) as u32, len);
    Ok(arch::strip(pc))
}

/// Position and length, in bytes: two halves of a word, or two words.
fn state(memory: &impl Memory, at: usize) -> (u32, u32) {
    match usize::BITS {
        64 => halves(memory.load(at) as u64),
        _ => (memory.load(at) as u32, memory.load(at + 4) as u32),
    }
}

fn set_state(memory: &mut impl Memory, at: usize, position: u32, len: u32) {
    match usize::BITS {
        64 => memory.store(at, state_word(position, len) as usize),
        _ => memory.store(at, position as usize),
    }
}

/// A frame made by hand. Addresses, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its stack pointer.
    pub sp: usize,
    /// Its frame pointer.
    pub fp: usize,
    /// Where its return address is kept; 0 for an outermost frame.
    pub slot: usize,
    /// Lowest address of its locals.
    pub locals: usize,
}

/// What links frames on this machine.
const RECORD: FrameRecord = match description::host() {
    Some(host) => host.frame_record,
    None => panic!("this crate does not compile where there is no description"),
};
const LINKED: bool = matches!(description::host(), Some(host) if host.link_register.is_some());

/// Bytes from a frame's stack pointer up to its locals: room for what its callees, or the end of the chain, keep there.
pub const LOCALS_AT: usize = match RECORD {
    FrameRecord::AtFramePointer(bytes) if LINKED => bytes,
    FrameRecord::AtFramePointer(_) | FrameRecord::BelowFramePointer(_) => 0,
    FrameRecord::AtStackPointer { return_address } => (return_address + SLOT_BYTES).next_multiple_of(16),
};

/// Bytes that [`call`] takes for a frame of `locals` words.
pub const fn frame_bytes(locals: usize) -> usize {
    let link = match RECORD {
        FrameRecord::AtFramePointer(bytes) | FrameRecord::BelowFramePointer(bytes) => bytes,
        FrameRecord::AtStackPointer { .. } => 0,
    };
    link + LOCALS_AT + locals * SLOT_BYTES
}

/// The highest stack pointer that a frame can have which keeps its return address in `slot`, while it is live.
pub const fn live_sp(slot: usize) -> usize {
    arch::sp_after(slot).wrapping_sub(SLOT_BYTES)
}

/// Makes the outermost frame of a stack that starts below `stack_hi`, with `locals` words of locals, all zero: the one at which
/// a walk ends.
pub fn outermost(stack_hi: usize, locals: usize, memory: &mut impl Memory) -> Frame {
    let sp = stack_hi - LOCALS_AT - locals * SLOT_BYTES;
    (sp..stack_hi).step_by(SLOT_BYTES).for_each(|address| memory.store(address, 0));
    let fp = if LOCALS_AT == 0 { 0 } else { sp };
    Frame { sp, fp, slot: 0, locals: sp + LOCALS_AT }
}

/// `caller` calls a function with `locals` words of locals, to go on at `return_pc`. Returns the function's frame.
///
/// The locals are not written to. A return from the frame leaves the stack pointer at `caller.sp`.
pub fn call(caller: &Frame, locals: usize, return_pc: usize, memory: &mut impl Memory) -> Frame {
    let sp = caller.sp - frame_bytes(locals);
    let below = |slots: usize| caller.sp - slots * SLOT_BYTES;
    let (slot, fp) = match RECORD {
        FrameRecord::AtFramePointer(_) => (below(1), below(2)),
        FrameRecord::BelowFramePointer(_) => (below(1), caller.sp),
        FrameRecord::AtStackPointer { return_address } => (caller.sp + return_address, sp),
    };
    let (link, to) = match RECORD {
        FrameRecord::AtStackPointer { .. } => (sp, caller.sp),
        _ => (below(2), caller.fp),
    };
    memory.store(slot, return_pc);
    memory.store(link, to);
    Frame { sp, fp, slot, locals: sp + LOCALS_AT }
}
