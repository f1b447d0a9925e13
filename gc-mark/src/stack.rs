//! The witness that a stack is stopped: everything a scan needs to know about it.
//!
//! ```text
//!   bars.top()       ┌──────────────────────┐
//!                    │ header and records   │
//!   bars.stack_hi()  ├──────────────────────┤
//!                    │ outermost frame      │
//!   outermost_sp     ├──────────────────────┤
//!                    │ …                    │  live: walked frame by frame
//!                    │ youngest frame       │
//!   registers.sp     ├──────────────────────┤
//!                    │ saved registers      │  live: scanned word by word
//!   saved_from       ├──────────────────────┤
//!                    │ dead                 │
//!   bars.base()      └──────────────────────┘
//! ```

use barrier_arch::StkbarSlice;
use barrier_arch::patch::{self, Removed};
use unwind_walk::{LiveStack, Registers, Unwind};

use crate::error::ScanError;
use crate::phase::Cycle;
use crate::receipt::{Ran, Receipt};
use crate::settle::settle;

/// A stack whose code does not run, and which nobody else scans or patches meanwhile.
///
/// The unsafe of scanning is gathered in [`Stopped::new`]; what takes a `Stopped` is safe.
#[derive(Clone, Copy, Debug)]
pub struct Stopped<'s> {
    registers: Registers,
    bars: &'s StkbarSlice,
    outermost_sp: usize,
    saved_from: usize,
}

/// Addresses that cannot be those of a stopped stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadStack {
    /// The addresses do not rise in the order of the picture above.
    #[error(
        "expected {base:#x} <= saved_from {saved_from:#x} <= sp {sp:#x} <= outermost_sp {outermost_sp:#x} <= {stack_hi:#x}"
    )]
    OutOfOrder {
        /// Lowest address of the stack.
        base: usize,
        /// As given.
        saved_from: usize,
        /// As given.
        sp: usize,
        /// As given.
        outermost_sp: usize,
        /// Where the barrier array begins.
        stack_hi: usize,
    },
    /// A stack pointer is no multiple of a word.
    #[error("sp {sp:#x}, saved_from {saved_from:#x}: both must be multiples of the word size")]
    Misaligned {
        /// As given.
        sp: usize,
        /// As given.
        saved_from: usize,
    },
}

impl<'s> Stopped<'s> {
    /// A stack stopped with `registers`. The words from `saved_from` up to `registers.sp` are saved
    /// registers (give `registers.sp` if there are none); `outermost_sp` is the stack pointer of the
    /// outermost frame, where a walk must end (I10).
    ///
    /// # Errors
    ///
    /// [`BadStack`] if the addresses contradict each other.
    ///
    /// # Safety
    ///
    /// As long as the value or a copy of it is in use: the stack that `bars` belongs to is mapped; no code runs at or above
    /// `saved_from`; nobody else changes its barriers. `registers` are those with which it will go on.
    pub unsafe fn new(
        registers: Registers,
        bars: &'s StkbarSlice,
        outermost_sp: usize,
        saved_from: usize,
    ) -> Result<Stopped<'s>, BadStack> {
        let (base, sp, stack_hi) = (bars.base(), registers.sp, bars.stack_hi());
        if !(base <= saved_from && saved_from <= sp && sp <= outermost_sp && outermost_sp <= stack_hi) {
            return Err(BadStack::OutOfOrder { base, saved_from, sp, outermost_sp, stack_hi });
        }
        if !(sp | saved_from).is_multiple_of(size_of::<usize>()) {
            return Err(BadStack::Misaligned { sp, saved_from });
        }
        Ok(Stopped { registers, bars, outermost_sp, saved_from })
    }

    /// What it was stopped with.
    pub fn registers(&self) -> Registers {
        self.registers
    }

    /// Its barriers.
    pub fn bars(&self) -> &'s StkbarSlice {
        self.bars
    }

    /// Stack pointer of its outermost frame.
    pub fn outermost_sp(&self) -> usize {
        self.outermost_sp
    }

    /// Lowest address of the saved registers.
    pub fn saved_from(&self) -> usize {
        self.saved_from
    }

    /// Bytes in use, saved registers included.
    pub fn depth(&self) -> usize {
        self.bars.stack_hi() - self.saved_from
    }

    /// Restores every return address: at the end of a cycle, outside of the pause, or whenever a tool that knows nothing
    /// of barriers wants to look. `unwind` finds the one that may stand elsewhere than where it was put.
    ///
    /// In the midst of a cycle the next re-scan of the stack is a full one then.
    ///
    /// # Errors
    ///
    /// [`ScanError::Violated`]: a barrier stands over a return address that cannot be put back. Nothing was removed.
    #[doc(alias = "gcRemoveStackBarriers")]
    pub fn remove_barriers<U: Unwind>(&self, unwind: &U) -> Result<Removed, ScanError<'s>> {
        self.settle(unwind)?;
        // SAFETY: stopped, with this stack pointer, by the contract of `new`.
        Ok(unsafe { patch::remove(self.bars, self.registers.sp) })
    }

    /// [`settle`], for whoever will look at slots by the list.
    pub(crate) fn settle<U: Unwind>(&self, unwind: &U) -> Result<(), ScanError<'s>> {
        // SAFETY: stopped, with these registers, by the contract of `new`.
        let settled = unsafe { settle(unwind, self.bars, self.registers) };
        settled.map_err(|violation| ScanError::violated(violation, self.bars))
    }

    /// Makes the re-scan of cycle `cycle` cover everything up to `dst`: for a write into the stack whose last byte is `dst` and whose
    /// values are not known ([`crate::write_barrier::StackWrite::Unwind`]).
    ///
    /// Restores the return addresses below `dst` and marks those barriers hit; returns how many they were, and
    /// whether the stack must now be put on the list of those to re-scan.
    ///
    /// # Errors
    ///
    /// As [`Stopped::remove_barriers`].
    #[doc(alias = "gcUnwindBarriers")]
    pub fn unwind_barriers<U: Unwind>(
        &self,
        unwind: &U,
        dst: usize,
        receipt: &Receipt,
        cycle: Cycle,
    ) -> Result<(usize, Ran), ScanError<'s>> {
        self.settle(unwind)?;
        // SAFETY: stopped, with this stack pointer, by the contract of `new`.
        let unwound = unsafe { patch::unwind(self.bars, self.registers.sp, dst) };
        Ok((unwound, receipt.note_run(cycle)))
    }

    /// Its live words, saved registers included.
    pub fn memory(&self) -> LiveStack {
        // SAFETY: mapped and at rest by the contract of `new`; the view is used as long as `self` at most.
        unsafe { LiveStack::new(self.saved_from, self.bars.stack_hi()) }
    }
}
