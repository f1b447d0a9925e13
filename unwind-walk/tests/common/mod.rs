//! A stack in plain memory, filled with frames whose every detail is known.
//!
//! ```text
//!   stack_hi      ┌────────────────────────┐
//!   outermost_sp  │ frame n (outermost)    │   pc_of(n)
//!                 │ return address         │ ← return slot of frame n-1: pc_of(n)
//!                 │ fp of n = 0            │ ← fp of frame n-1
//!                 │ noise                  │
//!                 │ …                      │
//!   sp            └────────────────────────┘   frame 0
//! ```
//!
//! That is x86; frames are laid out as this machine's ABI wants them (`reference::call`).
//!
//! Noise: words that look like frame pointers, return addresses and stubs, but lie in no return slot.
#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod anything;

use core::ops::ControlFlow;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::description::{self, FrameRecord};
use barrier_arch::reference::{self, Memory};
use barrier_arch::{Key, SizeClass, Spacing, StkbarSlice, Stub, patch};
use unwind_walk::{Frame, FramePointers, LiveStack, Registers, Walk, WalkError, Walked};

pub(crate) const WORD: usize = size_of::<usize>();
pub(crate) const SPACINGS: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: 1024 }, Spacing::EveryFrame];

/// What a walk must say of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) pc: usize,
    pub(crate) sp: usize,
    pub(crate) fp: usize,
    /// Return slot, unless it is the outermost frame.
    pub(crate) slot: Option<usize>,
}

pub(crate) struct SimStack {
    base: NonNull<u8>,
    class: SizeClass,
    pub(crate) bars: StkbarSlice,
    pub(crate) outermost_sp: usize,
    /// From the youngest to the outermost.
    pub(crate) frames: Vec<Truth>,
}

/// Are frames linked by their stack pointers, so that a walk's frame pointer is the stack pointer?
pub(crate) fn is_back_chain() -> bool {
    matches!(description::host().unwrap().frame_record, FrameRecord::AtStackPointer { .. })
}

/// A return address that no other frame has.
pub(crate) fn pc_of(depth: usize) -> usize {
    0x40_0000 + 32 * depth
}

impl SimStack {
    /// Frames of `locals` words, from the outermost inwards, as many as fit.
    pub(crate) fn new(class: SizeClass, spacing: Spacing, locals: &[usize]) -> SimStack {
        let layout = Layout::from_size_align(class.bytes(), class.bytes()).unwrap();
        // SAFETY: not of size zero.
        let base =
            NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: aligned, fresh, ours until drop.
        let bars = unsafe { StkbarSlice::steal(base, class, spacing) };
        let mut stack = SimStack { base, class, outermost_sp: 0, bars, frames: vec![] };
        stack.fill(locals);
        stack
    }

    fn fill(&mut self, locals: &[usize]) {
        let mut frame = reference::outermost(self.bars.stack_hi(), 2, self);
        self.outermost_sp = frame.sp;
        // Where the chain ends at a record of zeros, a walk says that there is no frame pointer.
        let fp = if is_back_chain() { frame.sp } else { 0 };
        let mut frames = vec![Truth { pc: pc_of(0), sp: frame.sp, fp, slot: None }];
        for (depth, &words) in locals.iter().enumerate() {
            if frame.sp < self.lo() + reference::frame_bytes(words) + 4 * WORD {
                break;
            }
            frame = reference::call(&frame, words, pc_of(depth), self);
            for i in 0..words {
                self.write(frame.locals + i * SLOT_BYTES, self.noise(depth + i));
            }
            frames.push(Truth { pc: pc_of(depth + 1), sp: frame.sp, fp: frame.fp, slot: Some(frame.slot) });
        }
        frames.reverse();
        self.frames = frames;
    }

    fn noise(&self, seed: usize) -> usize {
        match seed % 5 {
            0 => Stub::new(self.class, Key::Index((seed % 32) as u8)).pc(),
            1 => Stub::new(self.class, Key::Search).pc(),
            2 => self.lo() + seed * WORD % self.class.bytes(),
            3 => pc_of(seed),
            _ => seed,
        }
    }

    pub(crate) fn lo(&self) -> usize {
        self.base.as_ptr() as usize
    }

    pub(crate) fn live(&self) -> LiveStack {
        // SAFETY: the stack's memory; nobody runs on it.
        unsafe { LiveStack::new(self.lo(), self.bars.top()) }
    }

    pub(crate) fn read(&self, address: usize) -> usize {
        assert!((self.lo()..self.bars.top()).contains(&address) && address.is_multiple_of(WORD));
        // SAFETY: an aligned word of ours.
        unsafe { (address as *const usize).read_volatile() }
    }

    pub(crate) fn write(&self, address: usize, word: usize) {
        assert!((self.lo()..self.bars.stack_hi()).contains(&address) && address.is_multiple_of(WORD));
        // SAFETY: an aligned word of ours, below the array.
        unsafe { (address as *mut usize).write_volatile(word) }
    }

    /// Every word of the stack, array included.
    pub(crate) fn copy(&self) -> Vec<usize> {
        (self.lo()..self.bars.top()).step_by(WORD).map(|address| self.read(address)).collect()
    }

    /// Address of the word that says where the caller of frame `index` is, and what it holds.
    pub(crate) fn chain(&self, index: usize) -> (usize, usize) {
        match description::host().unwrap().frame_record {
            FrameRecord::AtFramePointer(_) => (self.frames[index - 1].fp, self.frames[index].fp),
            FrameRecord::BelowFramePointer(bytes) => {
                (self.frames[index - 1].fp - bytes, self.frames[index].fp)
            }
            FrameRecord::AtStackPointer { .. } => (self.frames[index].sp, self.frames[index + 1].sp),
        }
    }

    /// The canonical frame address that such a word leads to.
    pub(crate) fn cfa_by(word: usize) -> usize {
        match description::host().unwrap().frame_record {
            FrameRecord::AtFramePointer(bytes) => word.wrapping_add(bytes),
            _ => word,
        }
    }

    pub(crate) fn registers(&self) -> Registers {
        let &Truth { pc, sp, fp, .. } = self.frames.first().unwrap();
        Registers { pc, sp, fp }
    }

    /// Installs a barrier at every frame that `wanted` says (cyclically), unless refused. Returns how many.
    pub(crate) fn install(&self, wanted: &[bool]) -> usize {
        let slots = self.frames.iter().filter_map(|frame| frame.slot);
        let chosen = slots.zip(wanted.iter().cycle()).filter(|&(_, &wanted)| wanted);
        // SAFETY: return slots of frames of a stack that does not run.
        chosen.filter(|&(slot, _)| unsafe { patch::install(&self.bars, slot) }.is_ok()).count()
    }

    /// The youngest frame returns, through a barrier if there is one.
    pub(crate) fn pop(&mut self) {
        let slot = self.frames[0].slot.expect("the outermost frame does not return");
        let word = self.read(slot);
        let pc = match Stub::at(word) {
            Some(stub) => reference::hit(stub, self.frames[1].sp, self).unwrap(),
            None => word,
        };
        self.frames.remove(0);
        assert_eq!(pc, self.frames[0].pc, "returned to the wrong place");
    }

    /// The record of the barrier that stands in `slot`.
    pub(crate) fn barrier_in(&self, slot: usize) -> Option<usize> {
        Stub::at(self.read(slot)).and_then(|stub| self.bars.resolve(stub, slot)).map(|(index, _)| index)
    }

    /// Do `frames` tell the truth about this stack's frames from number `first`?
    pub(crate) fn check(&self, frames: &[Frame], first: usize) {
        for (i, frame) in frames.iter().enumerate() {
            let truth = self.frames[first + i];
            assert_eq!(frame.index, first + i);
            assert_eq!((frame.pc, frame.sp, frame.fp), (truth.pc, truth.sp, truth.fp), "{frame}");
            assert_eq!(frame.caller.map(|caller| caller.return_slot), truth.slot, "{frame}");
            assert_eq!(frame.barrier(), truth.slot.and_then(|slot| self.barrier_in(slot)), "{frame}");
            let Some(caller) = frame.caller else { continue };
            let next = self.frames[first + i + 1];
            assert_eq!((caller.return_pc, caller.cfa, caller.fp), (next.pc, next.sp, next.fp), "{frame}");
        }
    }

    /// A strict walk with the stack's own list.
    pub(crate) fn strict(&self) -> Result<Vec<Frame>, WalkError<'_>> {
        let live = self.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&self.bars);
        let mut frames = vec![];
        walk.strict(self.outermost_sp, self.registers(), collect(&mut frames))?;
        Ok(frames)
    }
}

impl Memory for SimStack {
    fn load(&self, address: usize) -> usize {
        self.read(address)
    }

    fn store(&mut self, address: usize, word: usize) {
        assert!((self.lo()..self.bars.top()).contains(&address));
        // SAFETY: an aligned word of ours; the array's own words are the trampoline's to write.
        unsafe { (address as *mut usize).write_volatile(word) }
    }
}

impl Drop for SimStack {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.class.bytes(), self.class.bytes()).unwrap();
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base.as_ptr(), layout) }
    }
}

/// A callback that keeps every frame.
pub(crate) fn collect(frames: &mut Vec<Frame>) -> impl FnMut(&Frame) -> ControlFlow<()> {
    |frame| {
        frames.push(*frame);
        ControlFlow::Continue(())
    }
}

/// The frames that a diagnostic walk shows, and its result.
pub(crate) fn diagnose<U: unwind_walk::Unwind, M: unwind_walk::ReadWord>(
    walk: &Walk<'_, '_, U, M>,
    registers: Registers,
) -> (Vec<Frame>, Walked) {
    let mut frames = vec![];
    let walked = walk.diagnose(registers, collect(&mut frames));
    assert_eq!(walked.frames, frames.len());
    (frames, walked)
}
