//! Two steppers in a row.

use barrier_arch::arch::SigningKey;

use crate::memory::ReadWord;
use crate::step::{Registers, Step, StepError, Unwind};

/// The first stepper, and the second for code of which the first knows nothing ([`StepError::Unknown`]).
///
/// Nest them for more: a JIT's own table, then the process's unwind tables, then frame pointers.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstOf<A, B>(pub A, pub B);

impl<A: Unwind, B: Unwind> Unwind for FirstOf<A, B> {
    #[inline]
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self.0.step(registers, memory) {
            Err(StepError::Unknown(_)) => self.1.step(registers, memory),
            known => known,
        }
    }

    #[inline]
    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self.0.step_interrupted(registers, memory) {
            Err(StepError::Unknown(_)) => self.1.step_interrupted(registers, memory),
            known => known,
        }
    }

    #[inline]
    fn slots_move(&self) -> bool {
        self.0.slots_move() || self.1.slots_move()
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        match self.0.step(registers, memory) {
            Err(StepError::Unknown(_)) => self.1.reach(registers, memory),
            _ => self.0.reach(registers, memory),
        }
    }

    fn signing(&self, lookup_pc: usize) -> Option<SigningKey> {
        self.0.signing(lookup_pc).or_else(|| self.1.signing(lookup_pc))
    }
}

impl<U: Unwind> Unwind for &U {
    #[inline]
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        (**self).step(registers, memory)
    }

    #[inline]
    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        (**self).step_interrupted(registers, memory)
    }

    #[inline]
    fn slots_move(&self) -> bool {
        (**self).slots_move()
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        (**self).reach(registers, memory)
    }

    fn signing(&self, lookup_pc: usize) -> Option<SigningKey> {
        (**self).signing(lookup_pc)
    }
}
