//! Frames that keep their return address at another distance below the CFA than the next function's, and a stepper that knows how far, as
//! one does that goes by unwind tables.
//!
//! ```text
//!   cfa   ├────────────────┤
//!         │ apart - 1 words│   other registers, say
//!         │ apart          │
//!         │ return address │ ← slot
//!         │ caller's fp    │
//!         │ locals         │
//!   sp    └────────────────┘
//! ```
//!
//! So are the frames of all machines whose barriers move ([`Unwind::slots_move`]); those of the others are as their ABI has them.

use barrier_arch::arch::SLOT_BYTES;
use unwind_walk::{FrameRecords, ReadWord, Registers, Step, StepError, Unwind};

/// Frame records, and the word above them.
#[derive(Clone, Copy, Debug)]
pub struct Apart(pub FrameRecords);

impl Unwind for Apart {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self.0.step(registers, memory)? {
            Step::Caller { return_slot, fp, .. } if self.slots_move() => {
                let above = return_slot + SLOT_BYTES;
                let apart = memory.read_word(above).ok_or(StepError::Unreadable(above))?;
                Ok(Step::Caller { cfa: above + apart * SLOT_BYTES, return_slot, fp })
            }
            step => Ok(step),
        }
    }

    fn slots_move(&self) -> bool {
        self.0.slots_move()
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        match self.step(registers, memory) {
            Ok(Step::Caller { cfa, .. }) if self.slots_move() => Some(cfa),
            _ => None,
        }
    }
}
