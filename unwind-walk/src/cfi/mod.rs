//! A stepper for code that keeps no frame pointers: the unwind tables (`.eh_frame`) that its compiler wrote.
//!
//! ```text
//!   pc ──▶ Module (sorted by address) ──▶ FDE (binary search) ──▶ row at pc ──▶ where cfa, return address, caller's fp are
//!          loaded objects, JIT regions    .eh_frame_hdr, or our index  rules.rs
//! ```
//!
//! # Rules
//!
//! * [`UnwindTables`] is made in advance and allocates. A step does not: it needs some 6 KiB of stack, reads tables and the stack, and may
//!   run in a signal handler (I6).
//! * Nothing is cached: a step parses its row each time, some half a microsecond.
//! * Only what stands in [`Registers`] is tracked. A frame whose canonical frame address depends on another register cannot be
//!   unwound (gcc and LLVM make none but in the first instructions of functions that realign the stack). Nor can one whose return address
//!   is in a register, as the link register ([`StepError::InRegister`]): so a leaf function that was interrupted, and none that waits for a call.
//! * The frame pointer is the register that has this name in the ABI, on PowerPC and z, too, where frames are linked by their stack pointers:
//!   [`FramePointers`](crate::FramePointers) does not know it there. So behind a frame that had to be left to that stepper one whose table counts from the frame
//!   pointer is taken wrongly.
//! * Where return addresses are signed (AArch64), the tables say so of each frame, and with which key ([`Unwind::signing`]).
//! * Tables with an augmentation that is not understood are refused, or their code is unknown: so AArch64's `G`, of code that tags its stack.
//! * The outermost frame is `barrier_arch`'s `stack_base`, or one whose table says that it has no caller.

mod host;
mod module;
mod process;
mod rules;
mod section;

use alloc::vec::Vec;
use core::ops::Range;

use barrier_arch::arch::SigningKey;

use crate::memory::ReadWord;
use crate::stack_base;
use crate::step::{Registers, Step, StepError, Unwind};
use module::{Fde, Module};

/// Unwind tables, and the stepper that follows them.
///
/// Code without a table is [`StepError::Unknown`]; [`FirstOf`](crate::FirstOf) then asks another stepper, as a rule
/// [`FramePointers`](crate::FramePointers).
///
/// ```
/// use core::ops::ControlFlow;
/// use unwind_walk::cfi::UnwindTables;
/// use unwind_walk::{FirstOf, FramePointers, LiveStack, Registers, Walk};
///
/// // SAFETY: this program unloads nothing.
/// let tables = unsafe { UnwindTables::of_this_process() };
/// let stepper = FirstOf(&tables, FramePointers);
/// # #[cfg(all(target_arch = "x86_64", target_os = "linux"))] {
/// let (pc, sp, fp): (usize, usize, usize);
/// // SAFETY: reads registers.
/// unsafe { core::arch::asm!("lea {}, [rip]", "mov {}, rsp", "mov {}, rbp", out(reg) pc, out(reg) sp, out(reg) fp) };
/// // SAFETY: the caller's own stack, of which some KiB are in use.
/// let live = unsafe { LiveStack::new(sp, sp + 512) };
/// let walked = Walk::new(&stepper, &live).max(2).diagnose(Registers { pc, sp, fp }, |frame| {
///     println!("{frame}");
///     ControlFlow::Continue(())
/// });
/// assert_eq!(walked.frames, 2);
/// # }
/// ```
#[derive(Debug)]
pub struct UnwindTables<'t> {
    /// By address of the code.
    modules: Vec<Module<'t>>,
    /// An address in the function of the outermost frame.
    stack_base: usize,
}

/// Why a table was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadTable {
    /// It is no `.eh_frame` section.
    #[error("the unwind table at {0:#x} cannot be parsed: {1}")]
    Unparsable(usize, gimli::Error),
    /// It speaks of no code.
    #[error("the unwind table at {0:#x} describes no function")]
    Empty(usize),
}

impl<'t> UnwindTables<'t> {
    /// No tables.
    pub fn new() -> UnwindTables<'t> {
        UnwindTables { modules: Vec::new(), stack_base: stack_base::address() }
    }

    /// Adds the table of code that was generated at run time: an `.eh_frame` section, final, as it lies at `eh_frame.as_ptr()` (its
    /// entries may be relative to that), with or without the terminating zero word. Of code described twice the first table counts.
    ///
    /// # Errors
    ///
    /// [`BadTable`]; nothing was added.
    pub fn add_code(&mut self, eh_frame: &'t [u8]) -> Result<(), BadTable> {
        let module = Module::indexed(eh_frame)?;
        self.insert(module);
        Ok(())
    }

    fn insert(&mut self, module: Module<'t>) {
        let at = self.modules.partition_point(|other| other.text().start < module.text().start);
        self.modules.insert(at, module);
    }

    /// The code that is described, ascending.
    pub fn code(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.modules.iter().map(|module| module.text())
    }

    fn module_of(&self, pc: usize) -> Option<&Module<'t>> {
        let after = self.modules.partition_point(|module| module.text().start <= pc);
        self.modules[..after].last().filter(|module| module.text().contains(&pc))
    }

    /// The table entry of the function that `lookup_pc` lies in.
    fn entry_of(&self, lookup_pc: usize) -> Option<(&Module<'t>, Fde<'_>)> {
        let module = self.module_of(lookup_pc)?;
        Some((module, module.fde_of(lookup_pc)?))
    }

    fn step_by_row_of(
        &self,
        lookup_pc: usize,
        registers: &Registers,
        memory: &impl ReadWord,
    ) -> Result<Step, StepError> {
        let (module, fde) = self.entry_of(lookup_pc).ok_or(StepError::Unknown(registers.pc))?;
        if fde.contains(self.stack_base as u64) {
            return Ok(Step::Outermost);
        }
        rules::step(module, &fde, lookup_pc, registers, memory)
    }
}

impl Default for UnwindTables<'_> {
    fn default() -> Self {
        UnwindTables::new()
    }
}

impl Unwind for UnwindTables<'_> {
    fn step(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        self.step_by_row_of(registers.pc.wrapping_sub(1), registers, memory)
    }

    fn step_interrupted(&self, registers: &Registers, memory: &impl ReadWord) -> Result<Step, StepError> {
        self.step_by_row_of(registers.pc, registers, memory)
    }

    fn reach(&self, registers: &Registers, memory: &impl ReadWord) -> Option<usize> {
        match self.step(registers, memory) {
            Ok(Step::Caller { cfa, .. }) if self.slots_move() => Some(cfa),
            _ => None,
        }
    }

    /// By the row of the table (`DW_CFA_AARCH64_negate_ra_state`), and the augmentation string of its CIE.
    fn signing(&self, lookup_pc: usize) -> Option<SigningKey> {
        let (module, fde) = self.entry_of(lookup_pc)?;
        rules::is_signed(module, &fde, lookup_pc).then(|| module.key(&fde))
    }
}
