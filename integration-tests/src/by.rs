//! How the frames of a stack are found: by frame pointers, and on x86-64 by unwind tables.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use unwind_walk::FirstOf;
#[cfg(target_arch = "x86_64")]
use unwind_walk::cfi::UnwindTables;
use unwind_walk::{FramePointers, ReadWord, Registers, Step, StepError, Unwind};

/// How the frames are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All code on the stack keeps them.
    FramePointers,
    /// Unwind tables, for code that does not.
    #[cfg(target_arch = "x86_64")]
    UnwindTables,
}

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub enum Stepper {
    /// See [`By::FramePointers`].
    FramePointers,
    /// See [`By::UnwindTables`].
    #[cfg(target_arch = "x86_64")]
    UnwindTables(&'static FirstOf<UnwindTables<'static>, FramePointers>),
}

impl By {
    /// The stepper that finds frames so.
    pub fn stepper(self) -> Stepper {
        match self {
            By::FramePointers => Stepper::FramePointers,
            #[cfg(target_arch = "x86_64")]
            By::UnwindTables => Stepper::UnwindTables(tables()),
        }
    }
}

impl Unwind for Stepper {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self {
            Stepper::FramePointers => FramePointers.step(registers, memory),
            #[cfg(target_arch = "x86_64")]
            Stepper::UnwindTables(tables) => tables.step(registers, memory),
        }
    }

    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        match self {
            Stepper::FramePointers => FramePointers.step_interrupted(registers, memory),
            #[cfg(target_arch = "x86_64")]
            Stepper::UnwindTables(tables) => tables.step_interrupted(registers, memory),
        }
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        match self {
            Stepper::FramePointers => FramePointers.reach(registers, memory),
            #[cfg(target_arch = "x86_64")]
            Stepper::UnwindTables(tables) => tables.reach(registers, memory),
        }
    }
}

#[cfg(target_arch = "x86_64")]
/// The unwind tables of this process, and frame pointers where there are none.
pub fn tables() -> &'static FirstOf<UnwindTables<'static>, FramePointers> {
    static TABLES: OnceLock<FirstOf<UnwindTables<'static>, FramePointers>> = OnceLock::new();
    // SAFETY: no test unloads a library.
    TABLES.get_or_init(|| FirstOf(unsafe { UnwindTables::of_this_process() }, FramePointers))
}
