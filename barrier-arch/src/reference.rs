//! The trampoline's step in plain Rust, on any memory, and the frames that it steps through.
//!
//! The assembly is tested against [`hit`]; simulated stacks run on it and on [`call`]. A hit does exactly what the machine code
//! does: find the record, put the return address back where the machine does, set the position. A call lays down what
//! this machine's ABI asks of a prologue, so that stacks made by hand can be walked by its rules.
//!
//! The same by the rules of any other architecture: [`Machine`].

mod machine;

use crate::arch::{self, SLOT_BYTES};
use crate::description;
use crate::stkbar::{below_top, halves, state_word};
use crate::stub::{Key, Stub};

pub use machine::{Frame, Machine};

/// This machine.
const HOST: Machine = match description::host() {
    Some(host) => Machine::of(host),
    None => panic!("this crate does not compile where there is no description"),
};
const _: () = assert!(
    HOST.healed_word(0x1000).is_some() == arch::HEALS,
    "the description says what the trampoline does"
);

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
    hit_by(&HOST, stub, sp, memory)
}

fn hit_by(machine: &Machine, stub: Stub, sp: usize, memory: &mut impl Memory) -> Result<usize, Lost> {
    let top = stub.class().top_of(sp);
    let (position, len) = state(memory, top - below_top::STATE);
    let record = |index: usize| top - below_top::RECORD_0 - below_top::STRIDE * index;
    let popped = |index: usize| {
        index < len as usize / below_top::STRIDE && machine.is_popped(memory.load(record(index)), sp)
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
    if !machine.returned_through(slot, sp) {
        return Err(Lost { sp });
    }
    if let Some(word) = machine.healed_word(sp) {
        memory.store(word, pc);
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

/// Bytes from a frame's stack pointer up to its locals: room for what its callees, or the end of the chain, keep there.
pub const LOCALS_AT: usize = HOST.locals_at();

/// Bytes that [`call`] takes for a frame of `locals` words.
pub const fn frame_bytes(locals: usize) -> usize {
    HOST.frame_bytes(locals)
}

/// The highest stack pointer that a frame can have which keeps its return address in `slot`, while it is live.
pub const fn live_sp(slot: usize) -> usize {
    arch::sp_after(slot).wrapping_sub(SLOT_BYTES)
}

/// [`Machine::outermost`] on this machine.
pub fn outermost(stack_hi: usize, locals: usize, memory: &mut impl Memory) -> Frame {
    HOST.outermost(stack_hi, locals, memory)
}

/// [`Machine::call`] on this machine.
pub fn call(caller: &Frame, locals: usize, return_pc: usize, memory: &mut impl Memory) -> Frame {
    HOST.call(caller, locals, return_pc, memory)
}
