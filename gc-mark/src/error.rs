//! What a scan objects to: broken invariants, for the owner of the stacks to stop the process with.

use core::fmt;

use barrier_arch::StkbarSlice;
use barrier_arch::checker::Violation;
use unwind_walk::{Fault, Frame, Registers, WalkError};

use crate::phase::Phase;

/// Why a stack could not be scanned. The marking of this cycle is not complete; do not sweep.
///
/// Displayed with all barriers of the stack, as they are when it is displayed: do that before the stack runs on.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError<'s> {
    /// A first scan outside of the phases in which the write barrier is on and stacks are scanned (I3), or a re-scan
    /// while the world runs.
    #[error("{scan} in phase {found}: {scan}s belong into {wanted}")]
    WrongPhase {
        /// `first scan` or `re-scan`.
        scan: &'static str,
        /// The phase it was tried in.
        found: Phase,
        /// Where it belongs.
        wanted: &'static str,
    },
    /// Two callers hold the same stack stopped.
    #[error("the stack is being scanned by somebody else; claim it before you stop it")]
    Busy,
    /// The walk failed: the frames are not what the stepper takes them for, or barriers are lost (I1, I2, I10).
    #[error("frame {frame} (pc {:#x} sp {:#x} fp {:#x}): {fault}; barriers {bars}", .registers.pc, .registers.sp, .registers.fp)]
    Walk {
        /// What is wrong.
        fault: Fault,
        /// Index of the frame where it was found; 0 is the youngest.
        frame: usize,
        /// Registers of that frame.
        registers: Registers,
        /// The barriers of the stack.
        bars: Barriers<'s>,
    },
    /// The checker found an invariant of the barriers broken ([`crate::checker`]).
    #[error("{violation}; barriers {bars}")]
    Violated {
        /// Which one, and where.
        violation: Violation,
        /// The barriers of the stack.
        bars: Barriers<'s>,
    },
    /// The frame map names a slot outside of the stack.
    #[error(
        "the frame map says that the frame at pc {pc:#x} sp {sp:#x} keeps a reference at {slot:#x}, which is not on its stack; barriers {bars}"
    )]
    BadSlot {
        /// Where the frame goes on.
        pc: usize,
        /// Its stack pointer.
        sp: usize,
        /// The slot.
        slot: usize,
        /// The barriers of the stack.
        bars: Barriers<'s>,
    },
}

/// A stack's barriers, displayed as a list ([`StkbarSlice::dump`]) with `==>` at the one in question.
#[derive(Clone, Copy, Debug)]
pub struct Barriers<'s> {
    bars: &'s StkbarSlice,
    culprit: Option<usize>,
}

impl<'s> Barriers<'s> {
    fn near(bars: &'s StkbarSlice, slot: usize) -> Barriers<'s> {
        let below = bars.iter().take_while(|record| record.saved_lr_ptr < slot).count();
        Barriers { bars, culprit: Some(below) }
    }
}

impl fmt::Display for Barriers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bars.dump(self.culprit).fmt(f)
    }
}

impl<'s> ScanError<'s> {
    #[cold]
    pub(crate) fn walk(error: &WalkError<'_>, bars: &'s StkbarSlice) -> ScanError<'s> {
        let WalkError { fault, frame, registers, .. } = *error;
        ScanError::Walk { fault, frame, registers, bars: Barriers::near(bars, registers.sp) }
    }

    #[cold]
    pub(crate) fn violated(violation: Violation, bars: &'s StkbarSlice) -> ScanError<'s> {
        ScanError::Violated { violation, bars: Barriers { bars, culprit: None } }
    }

    #[cold]
    pub(crate) fn bad_slot(frame: &Frame, slot: usize, bars: &'s StkbarSlice) -> ScanError<'s> {
        ScanError::BadSlot { pc: frame.pc, sp: frame.sp, slot, bars: Barriers::near(bars, slot) }
    }
}
