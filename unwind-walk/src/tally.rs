//! Which frames the callback sees: `skip`, `max`, and its own wish to stop.

use core::ops::ControlFlow;

use crate::error::{End, Walked};
use crate::frame::Frame;

/// Which of the frames of one walk are reported.
#[derive(Clone, Copy)]
pub(crate) struct Tally {
    skip: usize,
    /// Index of the first frame that is not wanted any more.
    limit: usize,
}

impl Tally {
    pub(crate) const fn new(skip: usize, max: usize) -> Tally {
        Tally { skip, limit: if max == 0 { 0 } else { skip.saturating_add(max) } }
    }

    /// May the callback still see this frame, or one after it?
    #[inline(always)]
    pub(crate) const fn wants(&self, frame: &Frame) -> bool {
        frame.index < self.limit
    }

    /// Shows the frame unless it is to be skipped, and gives the next one; or the result, if the walk is over. `end`
    /// says why if it is over because the frame has no caller.
    #[inline(always)]
    pub(crate) fn report(
        &self,
        frame: &Frame,
        end: End,
        visit: &mut impl FnMut(&Frame) -> ControlFlow<()>,
    ) -> ControlFlow<Walked, Frame> {
        if frame.index >= self.skip && visit(frame).is_break() {
            return ControlFlow::Break(self.walked(frame.index + 1, End::Stopped));
        }
        match &frame.caller {
            Some(caller) => ControlFlow::Continue(caller.frame(frame.index + 1)),
            None => ControlFlow::Break(self.walked(frame.index + 1, end)),
        }
    }

    /// The result of a walk that ends after `count` frames, skipped ones included.
    pub(crate) const fn walked(&self, count: usize, end: End) -> Walked {
        Walked { frames: count.saturating_sub(self.skip), end }
    }
}
