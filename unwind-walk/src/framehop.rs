//! Our walk, driven by somebody else's unwinder: [`framehop`](https://docs.rs/framehop).
//!
//! The other way round, framehop's own loop over a stack with barriers, needs no adapter: let it read the stack through
//! [`Unbarred`](crate::Unbarred).

use core::cell::RefCell;

use framehop::x86_64::UnwindRegsX86_64;
use framehop::{Error, FrameAddress, Unwinder};

use crate::memory::{ReadWord, WORD};
use crate::stack_base;
use crate::step::{Registers, Step, StepError, Unwind};

/// A stepper that asks a framehop unwinder, with a cache of its own: for one thread.
///
/// It keeps rule I6 (and so may run in a signal handler) if the unwinder's allocation policy is
/// `MustNotAllocateDuringUnwind`. A step that interrupts another one on the same cache is refused as [`StepError::Unknown`].
///
/// framehop reports a frame's return address and not where that is kept; on x86-64 it is the word below the canonical frame address.
#[derive(Debug)]
pub struct ByFramehop<'u, U: Unwinder> {
    unwinder: &'u U,
    cache: RefCell<U::Cache>,
}

impl<'u, U: Unwinder<UnwindRegs = UnwindRegsX86_64>> ByFramehop<'u, U> {
    /// With an empty cache.
    pub fn new(unwinder: &'u U, cache: U::Cache) -> ByFramehop<'u, U> {
        ByFramehop { unwinder, cache: RefCell::new(cache) }
    }

    fn step_from(
        &self,
        address: FrameAddress,
        registers: &Registers,
        memory: &impl ReadWord,
    ) -> Result<Step, StepError> {
        let &Registers { pc, sp, fp } = registers;
        if stack_base::is_at(pc) {
            return Ok(Step::Outermost);
        }
        let mut cache = self.cache.try_borrow_mut().map_err(|_| StepError::Unknown(pc))?;
        let mut after = UnwindRegsX86_64::new(pc as u64, sp as u64, fp as u64);
        let mut read = |address: u64| memory.read_word(address as usize).map(|word| word as u64).ok_or(());
        match self.unwinder.unwind_frame(address, &mut after, &mut cache, &mut read) {
            Ok(None) | Err(Error::ReturnAddressIsNull) => Ok(Step::Outermost),
            Ok(Some(_)) => {
                let cfa = after.sp() as usize;
                Ok(Step::Caller { cfa, return_slot: cfa.wrapping_sub(WORD), fp: after.bp() as usize })
            }
            Err(Error::CouldNotReadStack(address)) => Err(StepError::Unreadable(address as usize)),
            Err(_) => Err(StepError::Unknown(pc)),
        }
    }
}

impl<U: Unwinder<UnwindRegs = UnwindRegsX86_64>> Unwind for ByFramehop<'_, U> {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        let address = FrameAddress::from_return_address(registers.pc as u64);
        self.step_from(address.ok_or(StepError::Unknown(0))?, registers, memory)
    }

    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        self.step_from(FrameAddress::from_instruction_pointer(registers.pc as u64), registers, memory)
    }
}
