//! How a walk ends, and what a strict walk objects to.

use core::fmt;

use crate::barriers::{Ledger, List};
use crate::frame::Frame;
use crate::step::{Registers, StepError};

/// A walk that was not wrong, as far as it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walked {
    /// How many frames the callback saw.
    pub frames: usize,
    /// Why there were no more.
    pub end: End,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the outermost frame.
    Outermost,
    /// The callback broke off.
    Stopped,
    /// The callback saw as many frames as were asked for.
    Max,
    /// At a barrier without a record, only in a diagnostic walk: the caller is unknown.
    Lost(Missed),
    /// At a frame that cannot be unwound, only in a diagnostic walk.
    Broken(StepError),
}

/// A barrier for which there is no record (I1 is broken, or the list belongs to another stack).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("missed stack barrier: return slot {slot:#x} holds {stub:#x} and no record says what that replaced")]
pub struct Missed {
    /// Address of the return slot.
    pub slot: usize,
    /// What it holds; if the walk started inside the trampoline, the pc it started from.
    pub stub: usize,
}

/// What a strict walk found wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A return slot holds a barrier that is not in the list.
    #[error(transparent)]
    Missed(#[from] Missed),
    /// A barrier of the list was not met on the way to the outermost frame: the walk left out its frame.
    #[error("leftover stack barriers: the walk did not meet return slot {slot:#x}, which holds a barrier")]
    Leftover {
        /// Address of the return slot of the first of them.
        slot: usize,
    },
    /// The last frame is not the outermost one (I10).
    #[error("the walk ended short of the outermost frame, whose sp is {outermost_sp:#x}")]
    EndedShort {
        /// Where it should have ended.
        outermost_sp: usize,
    },
    /// A frame cannot be unwound.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// Why a frame's caller is not known: what both kinds of walk meet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lost {
    Missed(Missed),
    Step(StepError),
}

impl From<Missed> for Lost {
    fn from(missed: Missed) -> Lost {
        Lost::Missed(missed)
    }
}

impl From<StepError> for Lost {
    fn from(error: StepError) -> Lost {
        Lost::Step(error)
    }
}

impl From<Lost> for Fault {
    fn from(lost: Lost) -> Fault {
        match lost {
            Lost::Missed(missed) => Fault::Missed(missed),
            Lost::Step(error) => Fault::Step(error),
        }
    }
}

impl From<Lost> for End {
    fn from(lost: Lost) -> End {
        match lost {
            Lost::Missed(missed) => End::Lost(missed),
            Lost::Step(error) => End::Broken(error),
        }
    }
}

/// Why a strict walk failed: what, where, and all the barriers of the stack.
///
/// Displayed on one line, the list last, as [`barrier_arch::StkbarSlice::dump`] prints it: `@@@` at the lowest
/// barrier not hit, `==>` at the record that is wrong or that was expected next. The list is read when it is
/// displayed: do that before the stack runs again.
///
/// Nothing was allocated: the list is borrowed.
#[derive(Debug)]
pub struct WalkError<'a> {
    /// What is wrong.
    pub fault: Fault,
    /// Index of the frame where it was found; 0 is the youngest.
    pub frame: usize,
    /// Registers of that frame.
    pub registers: Registers,
    list: Option<List<'a>>,
    culprit: usize,
}

impl<'a> WalkError<'a> {
    /// For the frame where `fault` was found. Takes the frame by value: a reference would keep the walk's state
    /// out of registers.
    #[cold]
    pub(crate) fn new(fault: Fault, frame: Frame, ledger: Ledger<'a>) -> WalkError<'a> {
        let culprit = ledger.culprit_at(match fault {
            Fault::Missed(Missed { slot, .. }) | Fault::Leftover { slot } => slot,
            Fault::EndedShort { .. } | Fault::Step(_) => frame.sp,
        });
        WalkError {
            fault,
            frame: frame.index,
            registers: frame.registers(),
            culprit,
            list: ledger.into_list(),
        }
    }
}

impl core::error::Error for WalkError<'_> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.fault)
    }
}

impl fmt::Display for WalkError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Registers { pc, sp, fp } = self.registers;
        write!(f, "frame {} (pc {pc:#x} sp {sp:#x} fp {fp:#x}): {}; barriers ", self.frame, self.fault)?;
        match &self.list {
            Some(bars) => fmt::Display::fmt(&bars.dump(Some(self.culprit)), f),
            None => f.write_str("unknown: the walk was given no list"),
        }
    }
}
