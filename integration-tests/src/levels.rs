//! What a walk of the recursion of [`compiled`](crate::compiled) must show: the frames say themselves which level they are.
//!
//! ```text
//!   outermost frame
//!   level 5        its word says 5 = what the task was called with
//!   level 4        4
//!   …              one less each                             ◀── a walk that skips, repeats or invents a frame is caught here
//!   where it runs or waits
//! ```

use std::sync::atomic::Ordering;

use barrier_arch::StkbarSlice;
use unwind_walk::{End, Frame, FramePointers, LiveStack, Registers, Walk};

use crate::compiled::{LEVEL_AT, OUTERMOST_BYTES, Sites, Task};

/// The level of the frame whose stack pointer is `sp`.
fn level_at(sp: usize) -> usize {
    // SAFETY: whoever asks has found a frame of the recursion there, on a stack that is alive.
    unsafe { ((sp + LEVEL_AT) as *const usize).read_volatile() }
}

/// How many levels wait for the next one, by the word in the frame that waits at `at`.
pub(crate) fn waiting(task: &Task, at: Registers) -> usize {
    if Sites::is_any(at.pc) { task.language.load(Ordering::Relaxed).wrapping_sub(level_at(at.sp)) } else { 0 }
}

/// The frames of a walk, youngest first.
#[derive(Debug)]
pub struct Levels {
    /// What the recursion was called with.
    total: usize,
    /// The frame met last of those that wait for the next level.
    last: Option<usize>,
    /// How many.
    pub waiting: usize,
    in_order: bool,
    last_sp: usize,
    /// Frames with a barrier.
    pub barriers: usize,
}

impl Levels {
    /// Before the first frame of a task's own stack.
    pub fn of(task: &Task) -> Levels {
        let total = task.language.load(Ordering::Relaxed);
        Levels { total, last: None, waiting: 0, in_order: true, last_sp: 0, barriers: 0 }
    }

    /// The next one. Allocates and locks nothing.
    pub fn meet(&mut self, frame: &Frame) {
        self.barriers += usize::from(frame.barrier().is_some());
        self.last_sp = frame.sp;
        if Sites::is_level(frame.pc) {
            let level = level_at(frame.sp);
            self.in_order &= self.last.is_none_or(|last| level == last + 1);
            self.last = Some(level);
            self.waiting += 1;
        }
    }

    /// Did they go up one by one, from the first that was met to the outermost frame of the stack of `bars`?
    pub fn are_right(&self, bars: &StkbarSlice) -> bool {
        self.in_order
            && self.last.is_none_or(|last| last == self.total)
            && self.last_sp == bars.stack_hi() - OUTERMOST_BYTES
    }
}

/// Walks a stack that waits at `at`. `None` if anything is wrong with what the walk shows. May run in a signal handler.
///
/// # Safety
///
/// The stack of `bars` is alive and waits there.
pub unsafe fn walk_waiting(task: &Task, bars: &StkbarSlice, at: Registers) -> Option<Levels> {
    // SAFETY: at rest, by the caller's promise.
    let live = unsafe { LiveStack::new(at.sp, bars.top()) };
    let mut levels = Levels::of(task);
    let walked = Walk::new(&FramePointers, &live).barriers(bars).diagnose(at, |frame| {
        levels.meet(frame);
        core::ops::ControlFlow::Continue(())
    });
    let complete = walked.end == End::Outermost && levels.waiting == waiting(task, at);
    (complete && levels.are_right(bars)).then_some(levels)
}
