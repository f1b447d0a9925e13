//! From a stopped stack to its frames, from the youngest to the outermost.
//!
//! # Rules
//!
//! * Barriers are matched by the address of their return slot, never by order or count; the youngest, which may have moved, by
//!   where its frame ends ([`barrier_arch::patch::settle`]).
//! * Every step leads up, so every walk ends, whatever the memory holds.
//! * A strict walk that reaches the outermost frame has met every live barrier, and proves it (I10).
//! * Nothing is allocated, locked or changed, and nothing panics (I6).

use core::ops::ControlFlow;

use barrier_arch::{StkbarSlice, arch};

use crate::barriers::{Ledger, Source, StubRange};
use crate::error::{End, Fault, Lost, Missed, WalkError, Walked};
use crate::frame::{Caller, Frame};
use crate::inside_trampoline;
use crate::live::LiveStack;
use crate::memory::ReadWord;
use crate::step::{Registers, Step, StepError, Unwind};
use crate::tally::Tally;

/// How to walk one stack: with which stepper, over which memory, with which barriers, how far.
///
/// Build it, then call [`Walk::strict`] or [`Walk::diagnose`] as often as needed. Borrows stepper and memory for
/// `'m`, the barrier list for `'b`; an error outlives all but the list.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "gentraceback")]
pub struct Walk<'m, 'b, U, M> {
    unwind: &'m U,
    memory: &'m M,
    source: Source<'b>,
    skip: usize,
    max: usize,
    suspended: bool,
    dropped_frames: bool,
}

impl<'m, 'b, U: Unwind, M: ReadWord> Walk<'m, 'b, U, M> {
    /// All frames of a stack without barriers.
    pub const fn new(unwind: &'m U, memory: &'m M) -> Walk<'m, 'b, U, M> {
        Walk {
            unwind,
            memory,
            source: Source::Nowhere,
            skip: 0,
            max: usize::MAX,
            suspended: false,
            dropped_frames: false,
        }
    }

    /// The stack's barriers are those of `bars`.
    pub const fn barriers(mut self, bars: &'b StkbarSlice) -> Self {
        self.source = Source::Given(bars);
        self
    }

    /// Does not report the `skip` youngest frames. They are walked and checked all the same.
    pub const fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// Reports at most `max` frames, and walks no further.
    pub const fn max(mut self, max: usize) -> Self {
        self.max = max;
        self
    }

    /// The youngest frame's pc is a return address, too: the stack was left by a call (a context switch), not
    /// by an interrupt. Matters to [`Frame::lookup_pc`] and to steppers that look the pc up.
    pub const fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    /// Code on the stack may drop frames without a word, as C's `longjmp` does (without [`barrier_arch::patch::skip`]). The address of a barrier
    /// that a dropped frame left behind may then lie in the unwritten part of a later frame, where it means nothing; so a barrier of the list that
    /// was not met is no fault.
    pub const fn dropped_frames(mut self, possible: bool) -> Self {
        self.dropped_frames = possible;
        self
    }

    /// Walks for a collector: whatever is wrong with the stack is an error.
    ///
    /// `outermost_sp` is the stack pointer of the outermost frame, known since the stack was made. Each frame is
    /// checked before `visit` sees it. Ending early, by [`Walk::max`] or because `visit` breaks off, is no
    /// error; what lies beyond is not checked then.
    ///
    /// A list that is found by key ([`Walk::find_barriers`]) is known from the first barrier on: if the walk meets
    /// none at all, leftover barriers go unnoticed. Give the list where you have it.
    ///
    /// # Errors
    ///
    /// [`WalkError`], with one of these [`Fault`]s: a barrier that is in no record; an outermost frame that is
    /// not at `outermost_sp`; barriers in the list that are alive and were not met; a frame that cannot be
    /// unwound.
    ///
    /// A barrier is held to be alive if its slot is at or above the starting `sp` and still holds its stub.
    /// After a `longjmp` the stub in a dropped frame may survive in the unwritten part of a later frame and be
    /// taken for one: whoever drops frames calls [`barrier_arch::patch::skip`], or the walk is told by [`Walk::dropped_frames`].
    pub fn strict(
        &self,
        outermost_sp: usize,
        registers: Registers,
        mut visit: impl FnMut(&Frame) -> ControlFlow<()>,
    ) -> Result<Walked, WalkError<'b>> {
        let (stubs, mut ledger) = (StubRange::get(), Ledger::new(self.source, registers.sp));
        let mut frame = match self.youngest(registers) {
            Ok(frame) => frame,
            Err((frame, missed)) => return Err(WalkError::new(missed.into(), frame, ledger)),
        };
        let tally = Tally::new(self.skip, self.max);
        while tally.wants(&frame) {
            let fault = match self.find_caller(&mut frame, stubs, &mut ledger) {
                Ok(()) if frame.caller.is_none() => self.at_the_end(frame.sp, outermost_sp, &mut ledger),
                Ok(()) => None,
                Err(lost) => Some(lost.into()),
            };
            if let Some(fault) = fault {
                return Err(WalkError::new(fault, frame, ledger));
            }
            match tally.report(&frame, End::Outermost, &mut visit) {
                ControlFlow::Continue(next) => frame = next,
                ControlFlow::Break(walked) => return Ok(walked),
            }
        }
        Ok(tally.walked(frame.index, End::Max))
    }

    /// Walks for a profiler or a crash report: reports what it can and says how it ended, on any memory and from
    /// any registers.
    ///
    /// A frame whose caller cannot be found is the last one reported, without a caller.
    pub fn diagnose(&self, registers: Registers, mut visit: impl FnMut(&Frame) -> ControlFlow<()>) -> Walked {
        let (stubs, mut ledger) = (StubRange::get(), Ledger::new(self.source, registers.sp));
        let tally = Tally::new(self.skip, self.max);
        let (mut frame, mut end) = match self.youngest(registers) {
            Ok(frame) => (frame, End::Outermost),
            Err((frame, missed)) => (frame, End::Lost(missed)),
        };
        while tally.wants(&frame) {
            if end == End::Outermost
                && let Err(lost) = self.find_caller(&mut frame, stubs, &mut ledger)
            {
                end = lost.into();
            }
            match tally.report(&frame, end, &mut visit) {
                ControlFlow::Continue(next) => frame = next,
                ControlFlow::Break(walked) => return walked,
            }
        }
        tally.walked(frame.index, End::Max)
    }

    /// The frame to start from, its caller not yet known; as far as it is known if the walk starts inside the
    /// trampoline and no record says where that goes on.
    fn youngest(&self, registers: Registers) -> Result<Frame, (Frame, Missed)> {
        let frame =
            |Registers { pc, sp, fp }, interrupted| Frame { index: 0, pc, sp, fp, interrupted, caller: None };
        if !arch::is_trampoline(registers.pc) {
            return Ok(frame(registers, !self.suspended));
        }
        match inside_trampoline::complete(registers, self.source, self.memory) {
            Ok(caller) => Ok(frame(caller, false)),
            Err(missed) => Err((frame(registers, true), missed)),
        }
    }

    /// Fills in `frame.caller`; it stays `None` for the outermost frame.
    #[inline(always)]
    fn find_caller(&self, frame: &mut Frame, stubs: StubRange, ledger: &mut Ledger<'b>) -> Result<(), Lost> {
        let step = match frame.interrupted {
            true => self.unwind.step_interrupted(&frame.registers(), self.memory),
            false => self.unwind.step(&frame.registers(), self.memory),
        };
        let Step::Caller { cfa, return_slot, fp } = step? else { return Ok(()) };
        if cfa <= frame.sp {
            return Err(StepError::NotAbove { sp: frame.sp, cfa }.into());
        }
        let word = self.memory.read_word(return_slot).ok_or(StepError::Unreadable(return_slot))?;
        let word = arch::strip(word);
        let (mut return_pc, mut barrier) = (word, None);
        if stubs.may_hold(word)
            && let Some((index, original)) = {
                let reach = || self.unwind.reach(&frame.registers(), self.memory);
                ledger.resolve(word, return_slot, reach, self.memory)?
            }
        {
            (return_pc, barrier) = (original, Some(index));
        }
        frame.caller = Some(Caller { cfa, return_slot, return_pc, fp, barrier });
        Ok(())
    }

    /// What is wrong at a frame that has no caller.
    fn at_the_end(&self, sp: usize, outermost_sp: usize, ledger: &mut Ledger<'b>) -> Option<Fault> {
        if sp != outermost_sp {
            return Some(Fault::EndedShort { outermost_sp });
        }
        let (_, record) = ledger.leftover(self.memory).filter(|_| !self.dropped_frames)?;
        Some(Fault::Leftover { slot: record.saved_lr_ptr })
    }
}

impl<'m, U: Unwind> Walk<'m, 'm, U, LiveStack> {
    /// The stack's barriers are found by the first of them: its address says the size of the stack, hence where
    /// the list lies. For whoever has only a stack's bounds.
    pub const fn find_barriers(mut self) -> Self {
        self.source = Source::Key(self.memory);
        self
    }
}
