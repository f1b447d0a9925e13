//! Does a walk show what is there?

use std::ops::ControlFlow;

use barrier_arch::StkbarSlice;
use integration_tests::stepper::Observer;
use unwind_walk::{End, FramePointers, LiveStack, Registers, Walk};

pub(crate) type WalkLive<'a> = Walk<'a, 'a, FramePointers, LiveStack>;

/// Below the stack pointer, what the interrupted code may still use.
const RED_ZONE: usize = 128;

/// The memory of a stack, from the red zone below `sp` to the top, barrier array included.
pub(crate) fn memory(bars: &StkbarSlice, sp: usize) -> LiveStack {
    // SAFETY: the stack is the test's, and its code is interrupted or stopped.
    unsafe { LiveStack::new(sp.saturating_sub(RED_ZONE).max(bars.base()), bars.top()) }
}

/// Do walks from `start` end at the outermost frame and show exactly `frames`, from the first frame on that is not below them? With the
/// list given, and with the list found by key.
pub(crate) fn shows(bars: &StkbarSlice, start: Registers, frames: &[Registers]) -> bool {
    let live = memory(bars, start.sp);
    let given: WalkLive<'_> = Walk::new(&FramePointers, &live).barriers(bars);
    [given, Walk::new(&FramePointers, &live).find_barriers()]
        .iter()
        .all(|walk| diagnosed(walk, start, frames))
}

fn diagnosed(walk: &WalkLive<'_>, start: Registers, frames: &[Registers]) -> bool {
    let mut expected = Expected::new(frames);
    let walked = walk.diagnose(start, |frame| expected.meet(frame.registers()));
    walked.end == End::Outermost && expected.is_complete()
}

/// Do the collector's walks agree, too?
pub(crate) fn strictly_shows(
    bars: &StkbarSlice,
    outermost_sp: usize,
    start: Registers,
    frames: &[Registers],
) -> bool {
    let live = memory(bars, start.sp);
    let mut expected = Expected::new(frames);
    let walk: WalkLive<'_> = Walk::new(&FramePointers, &live).barriers(bars);
    walk.strict(outermost_sp, start, |frame| expected.meet(frame.registers())).is_ok()
        && expected.is_complete()
}

/// Frames to be met in this order, younger ones before them.
struct Expected<'a> {
    rest: std::slice::Iter<'a, Registers>,
    lowest: usize,
    right: bool,
}

impl<'a> Expected<'a> {
    fn new(frames: &'a [Registers]) -> Expected<'a> {
        let lowest = frames.first().map_or(usize::MAX, |frame| frame.sp);
        Expected { rest: frames.iter(), lowest, right: true }
    }

    fn meet(&mut self, frame: Registers) -> ControlFlow<()> {
        if frame.sp >= self.lowest {
            self.right &= self.rest.next() == Some(&frame);
        }
        ControlFlow::Continue(())
    }

    fn is_complete(&self) -> bool {
        self.right && self.rest.len() == 0
    }
}

/// Frames that stay as they are, all the time.
pub(crate) struct Steady {
    pub(crate) bars: StkbarSlice,
    pub(crate) frames: Vec<Registers>,
    /// Where the walk starts; `None`: from the registers of the moment, which lie below the frames.
    pub(crate) start: Option<Registers>,
    /// Of a stopped stack; walks must be fit for a collector, too.
    pub(crate) outermost_sp: Option<usize>,
    pub(crate) looks: usize,
    pub(crate) wrong: Vec<Registers>,
}

impl Steady {
    /// `frames` of the stack of `bars` are alive and stay so.
    pub(crate) fn new(bars: &StkbarSlice, frames: Vec<Registers>) -> Steady {
        // SAFETY: the observer goes before the stack does, and only reads.
        let bars = unsafe { bars.alias() };
        Steady { bars, frames, start: None, outermost_sp: None, looks: 0, wrong: Vec::with_capacity(8) }
    }

    /// The same, the stack stopped in the first of them.
    pub(crate) fn stopped(bars: &StkbarSlice, outermost_sp: usize, frames: Vec<Registers>) -> Steady {
        let start = frames.first().copied();
        Steady { start, outermost_sp: Some(outermost_sp), ..Steady::new(bars, frames) }
    }

    /// Asserts that all was right, and that something was looked at.
    pub(crate) fn check(&self, at_least: usize) {
        assert!(self.looks >= at_least, "{} looks", self.looks);
        assert!(self.wrong.is_empty(), "of {} looks, wrong at {:x?}", self.looks, self.wrong);
    }
}

impl Observer for Steady {
    fn look(&mut self, at: Registers) {
        self.looks += 1;
        let start = self.start.unwrap_or(at);
        let right = shows(&self.bars, start, &self.frames)
            && self.outermost_sp.is_none_or(|sp| strictly_shows(&self.bars, sp, start, &self.frames));
        note(&mut self.wrong, right, at);
    }
}

/// Remembers the first few places where something was wrong; does not allocate.
pub(crate) fn note(wrong: &mut Vec<Registers>, right: bool, at: Registers) {
    if !right && wrong.len() < wrong.capacity() {
        wrong.push(at);
    }
}
