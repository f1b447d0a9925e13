//! Checks the promise on which the bounded re-scan rests: what it skips has not changed unseen (I4, I5).
//!
//! A debug mode. Right after a stack's first scan the oracle remembers every word of the roots of each frame that somebody
//! vouches for. When the cycle ends it looks at those frames that the re-scan skipped, and names the frame, the slot and the function of every
//! write barrier that was left out:
//!
//! ```text
//!                    first scan: remembered          mark termination
//!   outermost   ┌─────────────────────────┐       ┌─────────────────────┐
//!               │ slots 7 8 9             │       │ 7 8 9               │  compared
//!               │ slots 4 5 6             │       │ 4 X 6               │  X is not marked: a store without a barrier
//!               ├─────────────────────────┤       ├─ barrier, not hit ──┤
//!               │ slots 1 2 3             │       │ scanned again       │  none of the oracle's business
//!   sp          └─────────────────────────┘       └─────────────────────┘
//! ```
//!
//! # Rules
//!
//! 1. A slot that was skipped may hold something new, if that is no reference, or refers to a marked object: a write barrier shades what
//!    is stored before the task comes to its next safepoint. Anything else was stored without one.
//! 2. So compare before the objects that the re-scan made grey are followed: that may mark the object by another way, and hide the mistake.
//!    Here it is found even if nothing is lost this time.
//! 3. A frame that was skipped must be one that was remembered, with the same pc: or it ran, and no barrier told.
//! 4. Whether frames were skipped is found out anew, by a walk from the stack pointer to the first return slot that holds a barrier. Of a
//!    stack that did not run, all were.
//! 5. Frames that nobody vouches for are not looked at: the re-scan visits them. Nor are saved registers.
//!
//! [`crate::Verify`] looks from the other end: it says what was lost, but not by whose fault, and only if it was.

use core::fmt;
use core::ops::{ControlFlow, Range};

use barrier_arch::StkbarSlice;
use unwind_walk::{Frame, LiveStack, ReadWord, Unwind, Walk};

use crate::error::ScanError;
use crate::frame_map::{FrameMap, FrameRoots};
use crate::heap::{Heap, Object};
use crate::phase::Cycle;
use crate::receipt::Receipt;
use crate::roots::{self, BadSlot, Root};
use crate::stack::Stopped;

/// What is remembered of one stack. Kept by its owner beside the [`Receipt`]; its memory is used again in each cycle.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Cycle, and top of the stack.
    of: Option<(Cycle, usize)>,
    /// How far the stack has moved since (wrapping). All addresses below are those of that time.
    moved: usize,
    /// The vouched frames from the youngest to the outermost.
    frames: Vec<Kept>,
    /// Slot and word of each of their roots.
    words: Vec<(usize, usize)>,
}

/// One frame.
#[derive(Clone, Debug)]
struct Kept {
    sp: usize,
    end: usize,
    pc: usize,
    is_precise: bool,
    /// Its part of `words`.
    words: Range<usize>,
}

impl Snapshot {
    /// Nothing.
    pub const fn new() -> Snapshot {
        Snapshot { of: None, moved: 0, frames: Vec::new(), words: Vec::new() }
    }

    /// How many words are remembered.
    pub fn words(&self) -> usize {
        self.words.len()
    }

    /// The stack was copied from `old` to `new`: what is remembered goes along, as [`Receipt::carry_over`] has it.
    pub fn carry_over(&mut self, old: &StkbarSlice, new: &StkbarSlice) {
        let Some((_, top)) = self.of.as_mut().filter(|(_, top)| *top == old.top()) else { return };
        *top = new.top();
        self.moved = self.moved.wrapping_add(new.stack_hi().wrapping_sub(old.stack_hi()));
    }

    fn is_of(&self, cycle: Cycle, stack: &Stopped<'_>) -> bool {
        self.of == Some((cycle, stack.bars().top()))
    }

    fn keep(
        &mut self,
        memory: &LiveStack,
        frame: &Frame,
        end: usize,
        roots: FrameRoots<'_>,
    ) -> Result<(), BadSlot> {
        let start = self.words.len();
        roots::of_frame(memory, frame.sp, end, roots, |root| self.words.push((root.slot, root.word)))?;
        let is_precise = roots.is_precise();
        let words = start..self.words.len();
        self.frames.push(Kept { sp: frame.sp, end, pc: frame.pc, is_precise, words });
        Ok(())
    }

    /// Where what is at `address` now was when it was remembered.
    fn then(&self, address: usize) -> usize {
        address.wrapping_sub(self.moved)
    }

    /// The frame that starts at `sp` now.
    fn frame_at(&self, sp: usize) -> Option<&Kept> {
        let sp = self.then(sp);
        let index = self.frames.binary_search_by_key(&sp, |kept| kept.sp).ok()?;
        Some(&self.frames[index])
    }
}

/// What is wrong with a frame that the re-scan skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A slot was overwritten, and the object was not shaded: a write barrier is missing.
    MissedWriteBarrier {
        /// Address of the slot.
        slot: usize,
        /// What it held at the first scan.
        old: usize,
        /// What it holds now.
        new: usize,
        /// The object that this refers to, which is not marked.
        object: Object,
    },
    /// There was no such frame at the first scan, or it has gone on from there: a return came by no barrier.
    Ran {
        /// Where the frame at this place was to go on at the first scan, if one started there.
        then: Option<usize>,
    },
}

/// A finding of the oracle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub fault: Fault,
    /// Index of the frame; 0 is the youngest.
    pub frame: usize,
    /// Where the frame goes on.
    pub pc: usize,
    /// What the map knows of that place ([`FrameMap::describe`]).
    pub function: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { fault, frame, pc, function } = self;
        match fault {
            Fault::MissedWriteBarrier { slot, old, new, object } => write!(
                f,
                "missed write barrier: slot {slot:#x} was {old:#x} and is {new:#x}, but object {:#x} is not marked;",
                object.0
            ),
            Fault::Ran { then: Some(then) } => {
                write!(f, "ran without hitting a barrier, was at pc {then:#x}:")
            }
            Fault::Ran { then: None } => write!(f, "ran without hitting a barrier, is new:"),
        }?;
        write!(f, " frame #{frame} (pc {pc:#x}")?;
        if function.is_empty() { f.write_str(")") } else { write!(f, ", {function})") }
    }
}

/// The verdict on one stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "it says whether a write barrier is missing"]
pub struct Compared {
    /// Skipped frames that were compared.
    pub frames: usize,
    /// Words of theirs.
    pub words: usize,
    /// How many of those had changed, rightly or not.
    pub changed: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Compared {
    /// Was nothing wrong?
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// At most this many findings are displayed.
const SHOWN: usize = 10;

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compared { frames, words, changed, findings } = self;
        write!(f, "oracle: {words} words in {frames} frames that were skipped, {changed} changed")?;
        findings.iter().take(SHOWN).try_for_each(|one| write!(f, "\n  {one}"))?;
        match findings.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// Remembers and compares.
#[derive(Debug)]
pub struct Oracle<'g, H, M, U> {
    heap: &'g H,
    map: &'g M,
    unwind: U,
}

impl<'g, H: Heap, M: FrameMap, U: Unwind> Oracle<'g, H, M, U> {
    /// For stacks whose scanner has the same map and steps.
    pub fn new(heap: &'g H, map: &'g M, unwind: U) -> Self {
        Oracle { heap, map, unwind }
    }

    /// To be called right after the first scan of `stack`, which has not run since. Does nothing if `snapshot` is of this stack and
    /// cycle already.
    ///
    /// Allocates; of all stacks only this one need be stopped.
    ///
    /// # Errors
    ///
    /// [`ScanError`] if the stack cannot be walked to its outermost frame; nothing is remembered then.
    pub fn remember<'s>(
        &self,
        cycle: Cycle,
        stack: &Stopped<'s>,
        snapshot: &mut Snapshot,
    ) -> Result<(), ScanError<'s>> {
        if snapshot.is_of(cycle, stack) {
            return Ok(());
        }
        (snapshot.of, snapshot.moved) = (None, 0);
        snapshot.frames.clear();
        snapshot.words.clear();
        let (memory, bars) = (stack.memory(), stack.bars());
        self.walk(stack, &memory, |frame, roots| {
            if !roots.is_vouched() {
                return Ok(());
            }
            let kept = snapshot.keep(&memory, frame, roots::end_of(frame, bars), roots);
            kept.map_err(|bad| ScanError::bad_slot(frame, bad.0, bars))
        })?;
        snapshot.of = Some((cycle, bars.top()));
        Ok(())
    }

    /// To be called at mark termination, with the world stopped, after the re-scan and before what it made grey is followed (rule 2);
    /// also for stacks that need no re-scan. Compares nothing if `snapshot` is not of this stack and cycle: the re-scan was a full one then.
    ///
    /// # Errors
    ///
    /// [`ScanError`] if the stack cannot be walked to its outermost frame.
    pub fn compare<'s>(
        &self,
        cycle: Cycle,
        stack: &Stopped<'s>,
        receipt: &Receipt,
        snapshot: &Snapshot,
    ) -> Result<Compared, ScanError<'s>> {
        let mut compared = Compared::default();
        if !snapshot.is_of(cycle, stack) {
            return Ok(compared);
        }
        let memory = stack.memory();
        let mut skipped = receipt.is_clean(cycle, stack.bars().top());
        self.walk(stack, &memory, |frame, roots| {
            if skipped && roots.is_vouched() {
                self.compare_frame(&memory, frame, stack.bars(), snapshot, &mut compared);
            }
            skipped |= frame.barrier().is_some();
            Ok(())
        })?;
        Ok(compared)
    }

    fn compare_frame(
        &self,
        memory: &LiveStack,
        frame: &Frame,
        bars: &StkbarSlice,
        snapshot: &Snapshot,
        compared: &mut Compared,
    ) {
        compared.frames += 1;
        let kept = snapshot.frame_at(frame.sp);
        let end = snapshot.then(roots::end_of(frame, bars));
        let Some(kept) = kept.filter(|kept| (kept.pc, kept.end) == (frame.pc, end)) else {
            let fault = Fault::Ran { then: kept.map(|kept| kept.pc) };
            return compared.findings.push(self.finding(fault, frame));
        };
        for &(then, old) in &snapshot.words[kept.words.clone()] {
            let slot = then.wrapping_add(snapshot.moved);
            compared.words += 1;
            let Some(new) = memory.read_word(slot).filter(|&new| new != old) else { continue };
            compared.changed += 1;
            let object = Root { slot, word: new, is_value: kept.is_precise }.object(self.heap);
            if let Some(object) = object.filter(|&object| !self.heap.is_marked(object)) {
                let fault = Fault::MissedWriteBarrier { slot, old, new, object };
                compared.findings.push(self.finding(fault, frame));
            }
        }
    }

    #[cold]
    fn finding(&self, fault: Fault, frame: &Frame) -> Finding {
        let mut function = String::new();
        // A `String` takes everything; a map that fails has nothing to say.
        let _ = self.map.describe(frame.pc, &mut function);
        Finding { fault, frame: frame.index, pc: frame.pc, function }
    }

    /// A strict walk over the whole stack.
    fn walk<'s>(
        &self,
        stack: &Stopped<'s>,
        memory: &LiveStack,
        mut each: impl FnMut(&Frame, FrameRoots<'_>) -> Result<(), ScanError<'s>>,
    ) -> Result<(), ScanError<'s>> {
        let mut failed = None;
        let walk = Walk::new(&self.unwind, memory).barriers(stack.bars());
        let walk = walk.dropped_frames(self.map.may_drop_frames());
        let walked = walk.strict(stack.outermost_sp(), stack.registers(), |frame| {
            failed = each(frame, self.map.roots_at(frame.pc)).err();
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match failed {
            Some(error) => Err(error),
            None => walked.map(drop).map_err(|error| ScanError::walk(&error, stack.bars())),
        }
    }
}
