//! The built-in stepper: the chain of frame records that frame pointers make.

use crate::memory::{ReadWord, WORD};
use crate::step::{Registers, Step, StepError, Unwind};

/// From the frame pointer to the return address: the caller's frame pointer lies in between.
const RETURN_SLOT: usize = WORD;
/// From the frame pointer to the canonical frame address: the frame record is two words.
const CFA: usize = 2 * WORD;

/// Follows frame pointers, as x86-64's `push rbp; mov rbp, rsp` leaves them.
///
/// ```text
///             higher addresses
///   cfa  →  ┌───────────────────┐  sp of the caller after the return
///           │  return address   │  ← return_slot = fp + 1 word
///           │  caller's fp      │  ← fp
///           │  locals, spills   │
///    sp  →  └───────────────────┘
/// ```
///
/// A frame pointer of 0 marks the outermost frame. All code on the stack must be compiled with frame pointers (Rust:
/// `-C force-frame-pointers=yes`; Cranelift: `preserve_frame_pointers`), or the chain skips frames.
///
/// The frame record must be aligned and lie at or above the stack pointer, so every step leads up and a corrupt chain
/// ends.
///
/// A frame that is stopped at a call has its record. At an instruction of the prologue before the record is made, or
/// of the epilogue after it is dropped, the chain starts with the caller's record: the caller is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct FramePointers;

impl Unwind for FramePointers {
    #[inline(always)]
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        let &Registers { sp, fp, .. } = registers;
        if fp == 0 {
            return Ok(Step::Outermost);
        }
        if fp % WORD != 0 {
            return Err(StepError::Misaligned(fp));
        }
        let cfa = fp.wrapping_add(CFA);
        // The second half: `fp` is the last record of the address space and `cfa` wrapped around.
        if fp < sp || cfa < fp {
            return Err(StepError::NotAbove { sp, cfa });
        }
        let caller_fp = memory.read_word(fp).ok_or(StepError::Unreadable(fp))?;
        Ok(Step::Caller { cfa, return_slot: fp + RETURN_SLOT, fp: caller_fp })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(sp: usize, fp: usize) -> Result<Step, StepError> {
        let registers = Registers { pc: 1, sp, fp };
        FramePointers.step(&registers, &|address: usize| (address == 0x1000).then_some(0x2000))
    }

    #[test]
    fn a_frame_record_gives_cfa_slot_and_callers_fp() {
        let expected = Step::Caller { cfa: 0x1000 + CFA, return_slot: 0x1000 + WORD, fp: 0x2000 };
        assert_eq!(step(0x0ff0, 0x1000), Ok(expected));
        assert_eq!(step(0x1000, 0x1000), Ok(expected));
        assert_eq!(step(0x1000, 0), Ok(Step::Outermost));
    }

    #[test]
    fn what_is_no_frame_record_is_refused() {
        assert_eq!(step(0xff0, 0x1001), Err(StepError::Misaligned(0x1001)));
        assert_eq!(step(0x1008, 0x1000), Err(StepError::NotAbove { sp: 0x1008, cfa: 0x1000 + CFA }));
        assert_eq!(step(0xff0, 0x3000), Err(StepError::Unreadable(0x3000)));
        let last = usize::MAX - (CFA - 1);
        assert_eq!(step(0xff0, last), Err(StepError::NotAbove { sp: 0xff0, cfa: 0 }));
    }
}
