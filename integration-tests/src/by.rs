//! How the frames of a stack are found: by frame pointers, or by unwind tables where they are DWARF's.

#[cfg(not(target_arch = "arm"))]
use std::sync::OnceLock;

use barrier_arch::arch::SigningKey;
#[cfg(not(target_arch = "arm"))]
use unwind_walk::FirstOf;
#[cfg(not(target_arch = "arm"))]
use unwind_walk::cfi::UnwindTables;
use unwind_walk::{FramePointers, ReadWord, Registers, Step, StepError, Unwind};

/// How the frames are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All code on the stack keeps them.
    FramePointers,
    /// Unwind tables, for code that does not.
    #[cfg(not(target_arch = "arm"))]
    UnwindTables,
}

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub enum Stepper {
    /// See [`By::FramePointers`].
    FramePointers,
    /// See [`By::UnwindTables`].
    #[cfg(not(target_arch = "arm"))]
    UnwindTables(&'static FirstOf<UnwindTables<'static>, FramePointers>),
}

impl By {
    /// The stepper that finds frames so.
    pub fn stepper(self) -> Stepper {
        match self {
            By::FramePointers => Stepper::FramePointers,
            #[cfg(not(target_arch = "arm"))]
            By::UnwindTables => Stepper::UnwindTables(tables()),
        }
    }
}

impl Unwind for Stepper {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self {
            Stepper::FramePointers => FramePointers.step(registers, memory),
            #[cfg(not(target_arch = "arm"))]
            Stepper::UnwindTables(tables) => tables.step(registers, memory),
        }
    }

    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self {
            Stepper::FramePointers => FramePointers.step_interrupted(registers, memory),
            #[cfg(not(target_arch = "arm"))]
            Stepper::UnwindTables(tables) => tables.step_interrupted(registers, memory),
        }
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        match self {
            Stepper::FramePointers => FramePointers.reach(registers, memory),
            #[cfg(not(target_arch = "arm"))]
            Stepper::UnwindTables(tables) => tables.reach(registers, memory),
        }
    }

    fn signing(&self, lookup_pc: usize) -> Option<SigningKey> {
        match self {
            Stepper::FramePointers => FramePointers.signing(lookup_pc),
            #[cfg(not(target_arch = "arm"))]
            Stepper::UnwindTables(tables) => tables.signing(lookup_pc),
        }
    }
}

#[cfg(not(target_arch = "arm"))]
/// The unwind tables of this process, and frame pointers where there are none.
pub fn tables() -> &'static FirstOf<UnwindTables<'static>, FramePointers> {
    static TABLES: OnceLock<FirstOf<UnwindTables<'static>, FramePointers>> = OnceLock::new();
    // SAFETY: no test unloads a library.
    TABLES.get_or_init(|| FirstOf(unsafe { UnwindTables::of_this_process() }, FramePointers))
}
