//! The built-in stepper: the chain that frame pointers, or a back chain, make.
//!
//! ```text
//!   at the frame pointer              below the frame pointer           at the stack pointer
//!   (x86, both Arms)                  (RISC-V, LoongArch)               (PowerPC, z)
//!
//!   cfa → ├────────────────┤          cfa = fp → ├────────────────┤           │ return address │ ← slot
//!         │ return address │ ← slot              │ return address │ ← slot    │ …              │
//!   fp →  │ caller's fp    │                     │ caller's fp    │     cfa → │ back chain     │
//!         │ …              │                     │ …              │           ├────────────────┤
//!   sp →  └────────────────┘          sp →       └────────────────┘           │ …              │
//!                                                                       sp →  │ cfa            │
//!                                                                             └────────────────┘
//! ```

// A frame record's words are as wide as a return slot: on x32 wider than a pointer.
use barrier_arch::arch::SLOT_BYTES as WORD;
use barrier_arch::description::{self, Architecture, FrameRecord};

use crate::memory::ReadWord;
use crate::step::{Registers, Step, StepError, Unwind};

/// Follows the chain that this machine's ABI has: frame pointers, as x86-64's `push rbp; mov rbp, rsp` leaves them, or
/// a back chain of stack pointers.
///
/// The outermost frame has a frame pointer (or back chain) of 0; with a link register, one that points at a record of two zeros, which the
/// stack pointer of the outermost frame points at, too. All code on the stack must be compiled with frame pointers (Rust:
/// `-C force-frame-pointers=yes`, on z `-C target-feature=+backchain`; Cranelift: `preserve_frame_pointers`), or the chain
/// skips frames.
///
/// The record must be aligned and lie at or above the stack pointer, so every step leads up and a corrupt chain
/// ends.
///
/// A frame that is stopped at a call has its record. At an instruction of the prologue before the record is made, or
/// of the epilogue after it is dropped, the chain starts with the caller's record: the caller is left out. On both Arms the
/// record says nothing of what lies between it and the canonical frame address: a few registers that the callee has saved
/// then count as the caller's frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramePointers;

/// This machine.
pub(crate) const HOST: &Architecture = match description::host() {
    Some(host) => host,
    None => panic!("barrier-arch does not compile where there is no description"),
};

impl Unwind for FramePointers {
    #[inline(always)]
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        FrameRecords(HOST).step(registers, memory)
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        FrameRecords(HOST).reach(registers, memory)
    }
}

/// [`FramePointers`] by the rules of any architecture: for another machine's core dump, and for tests. Words are this
/// machine's.
#[derive(Clone, Copy, Debug)]
pub struct FrameRecords(pub &'static Architecture);

impl Unwind for FrameRecords {
    #[inline(always)]
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        let &Registers { sp, fp, .. } = registers;
        let read = |address: usize| memory.read_word(address).ok_or(StepError::Unreadable(address));
        match self.0.frame_record {
            FrameRecord::AtFramePointer(_) if self.0.link_register.is_some() => beside_link(sp, fp, read),
            FrameRecord::AtFramePointer(_) => at_frame_pointer(sp, fp, read),
            FrameRecord::BelowFramePointer(_) => below_frame_pointer(sp, fp, read),
            FrameRecord::AtStackPointer { return_address } => back_chain(sp, return_address, read),
        }
    }

    #[inline(always)]
    fn slots_move(&self) -> bool {
        self.0.slots_move()
    }

    /// A record does not say for certain where its frame ends. The caller's lies above that, and its slot in it: if it is one.
    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        let Ok(Step::Caller { cfa, fp, .. }) = self.step(registers, memory) else { return None };
        let callers_record = match self.0.frame_record {
            FrameRecord::AtFramePointer(_) => fp,
            _ => fp.wrapping_sub(2 * WORD),
        };
        let is_record = |at: usize| aligned(at).is_ok() && memory.read_word(at).is_some();
        match callers_record {
            _ if !self.slots_move() => None,
            _ if fp == 0 && cfa == registers.fp => Some(usize::MAX), // the outermost frame has no slot
            record if record > cfa => is_record(record).then_some(record),
            _ => Some(cfa),
        }
    }
}

type Read = Result<usize, StepError>;

#[inline(always)]
fn at_frame_pointer(sp: usize, fp: usize, read: impl Fn(usize) -> Read) -> Result<Step, StepError> {
    if fp == 0 {
        return Ok(Step::Outermost);
    }
    aligned(fp)?;
    let cfa = fp.wrapping_add(2 * WORD);
    // The second half: `fp` is the last record of the address space and `cfa` wrapped around.
    if fp < sp || cfa < fp {
        return Err(StepError::NotAbove { sp, cfa });
    }
    Ok(Step::Caller { cfa, return_slot: fp + WORD, fp: read(fp)? })
}

/// As [`at_frame_pointer`]; the chain ends at a record of zeros, and its address is the outermost frame's stack pointer.
#[inline(always)]
fn beside_link(sp: usize, fp: usize, read: impl Fn(usize) -> Read) -> Result<Step, StepError> {
    let is_last = |record: usize| read(record) == Ok(0) && read(record.wrapping_add(WORD)) == Ok(0);
    match at_frame_pointer(sp, fp, &read)? {
        Step::Caller { fp: 0, .. } if is_last(fp) => Ok(Step::Outermost),
        Step::Caller { fp: last, return_slot, .. } if last > fp && is_last(last) => {
            Ok(Step::Caller { cfa: last, return_slot, fp: 0 })
        }
        step => Ok(step),
    }
}

#[inline(always)]
fn below_frame_pointer(sp: usize, fp: usize, read: impl Fn(usize) -> Read) -> Result<Step, StepError> {
    if fp == 0 {
        return Ok(Step::Outermost);
    }
    aligned(fp)?;
    if fp.wrapping_sub(sp) < 2 * WORD || fp < sp {
        return Err(StepError::NotAbove { sp, cfa: fp });
    }
    Ok(Step::Caller { cfa: fp, return_slot: fp - WORD, fp: read(fp - 2 * WORD)? })
}

#[inline(always)]
fn back_chain(sp: usize, return_address: usize, read: impl Fn(usize) -> Read) -> Result<Step, StepError> {
    aligned(sp)?;
    let caller = read(sp)?;
    if caller == 0 {
        return Ok(Step::Outermost);
    }
    aligned(caller)?;
    if caller <= sp || caller.checked_add(return_address).is_none() {
        return Err(StepError::NotAbove { sp, cfa: caller });
    }
    Ok(Step::Caller { cfa: caller, return_slot: caller + return_address, fp: caller })
}

#[inline(always)]
fn aligned(pointer: usize) -> Result<(), StepError> {
    if pointer.is_multiple_of(WORD) { Ok(()) } else { Err(StepError::Misaligned(pointer)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use description::{AMD64, ARM64, PPC64, RISCV64};

    /// Memory in which some words are known.
    fn step_in(
        arch: &'static Architecture,
        sp: usize,
        fp: usize,
        words: &[(usize, usize)],
    ) -> Result<Step, StepError> {
        let memory = |address: usize| words.iter().find(|w| w.0 == address).map(|w| w.1);
        FrameRecords(arch).step(&Registers { pc: 1, sp, fp }, &memory)
    }

    fn step(sp: usize, fp: usize) -> Result<Step, StepError> {
        step_in(&AMD64, sp, fp, &[(0x1000, 0x2000)])
    }

    #[test]
    fn a_frame_record_gives_cfa_slot_and_callers_fp() {
        let expected = Step::Caller { cfa: 0x1000 + 2 * WORD, return_slot: 0x1000 + WORD, fp: 0x2000 };
        assert_eq!(step(0x0ff0, 0x1000), Ok(expected));
        assert_eq!(step(0x1000, 0x1000), Ok(expected));
        assert_eq!(step(0x1000, 0), Ok(Step::Outermost));
    }

    #[test]
    fn what_is_no_frame_record_is_refused() {
        assert_eq!(step(0xff0, 0x1001), Err(StepError::Misaligned(0x1001)));
        assert_eq!(step(0x1008, 0x1000), Err(StepError::NotAbove { sp: 0x1008, cfa: 0x1000 + 2 * WORD }));
        assert_eq!(step(0xff0, 0x3000), Err(StepError::Unreadable(0x3000)));
        let last = usize::MAX - (2 * WORD - 1);
        assert_eq!(step(0xff0, last), Err(StepError::NotAbove { sp: 0xff0, cfa: 0 }));
    }

    #[test]
    fn with_a_link_register_the_chain_ends_at_a_record_of_zeros() {
        let records = [(0x1000, 0x2000), (0x1000 + WORD, 7), (0x2000, 0x3000), (0x2000 + WORD, 8)];
        let zeros = [(0x3000, 0), (0x3000 + WORD, 0)];
        let words = [records[0], records[1], records[2], records[3], zeros[0], zeros[1]];
        let step = |sp, fp| step_in(&ARM64, sp, fp, &words);
        let inner = Step::Caller { cfa: 0x1000 + 2 * WORD, return_slot: 0x1000 + WORD, fp: 0x2000 };
        assert_eq!(step(0x0ff0, 0x1000), Ok(inner));
        // The outermost frame's stack pointer is the address of the zeros.
        assert_eq!(step(0x1800, 0x2000), Ok(Step::Caller { cfa: 0x3000, return_slot: 0x2000 + WORD, fp: 0 }));
        assert_eq!(step(0x3000, 0), Ok(Step::Outermost));
        assert_eq!(step(0x3000, 0x3000), Ok(Step::Outermost), "a stack that has not run yet");
    }

    #[test]
    fn a_frame_reaches_to_its_callers_record_where_slots_move() {
        let reach = |arch: &'static Architecture, fp: usize, words: &[(usize, usize)]| {
            let memory = |address: usize| words.iter().find(|w| w.0 == address).map(|w| w.1);
            FrameRecords(arch).reach(&Registers { pc: 1, sp: 0xf00, fp }, &memory)
        };
        let at = [(0x1000, 0x2000), (0x1000 + WORD, 7), (0x2000, 0x3000), (0x2000 + WORD, 8)];
        assert_eq!(reach(&ARM64, 0x1000, &at), Some(0x2000));
        assert_eq!(reach(&ARM64, 0x1000, &at[..2]), None, "what is no record says nothing");
        assert_eq!(reach(&ARM64, 0x1000, &[(0x1000, 0x2001), (0x1000 + WORD, 7)]), None);
        assert_eq!([reach(&AMD64, 0x1000, &at), reach(&PPC64, 0x1000, &at)], [None; 2]);
        let records = [(0x1000 - 2 * WORD, 0x2000), (0x2000 - 2 * WORD, 0)];
        assert_eq!(reach(&RISCV64, 0x1000, &records), Some(0x2000 - 2 * WORD));
        assert_eq!(reach(&RISCV64, 0x1000, &records[..1]), None);
        assert_eq!(reach(&RISCV64, 0x2000, &records), Some(usize::MAX), "its caller is the outermost");
    }

    #[test]
    fn a_back_chain_gives_the_callers_stack_pointer() {
        let words = [(0x1000, 0x2000), (0x2000, 0), (0x3000, 0x3000), (0x4000, 0x5001)];
        let step = |sp| step_in(&PPC64, sp, 0, &words);
        assert_eq!(step(0x1000), Ok(Step::Caller { cfa: 0x2000, return_slot: 0x2010, fp: 0x2000 }));
        assert_eq!(step(0x2000), Ok(Step::Outermost));
        assert_eq!(step(0x3000), Err(StepError::NotAbove { sp: 0x3000, cfa: 0x3000 }));
        assert_eq!(step(0x4000), Err(StepError::Misaligned(0x5001)));
        assert_eq!(step(0x6000), Err(StepError::Unreadable(0x6000)));
    }
}
