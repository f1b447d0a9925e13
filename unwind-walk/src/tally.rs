//! Which frames the callback sees: `skip`, `max`, and its own wish to stop.

use core::ops::ControlFlow;

use crate::error::{End, Walked};
use crate::frame::Frame;

/// Counts the frames of one walk.
pub(crate) struct Tally {
    skip: usize,
    max: usize,
    frames: usize,
}

impl Tally {
    pub(crate) const fn new(skip: usize, max: usize) -> Tally {
        Tally { skip, max, frames: 0 }
    }

    /// Has the callback seen fewer frames than it may?
    #[inline(always)]
    pub(crate) const fn wants_more(&self) -> bool {
        self.frames < self.max
    }

    /// Shows the frame unless it is to be skipped, and gives the next one; or the result, if the walk is over. `end`
    /// says why if it is over because the frame has no caller.
    #[inline(always)]
    pub(crate) fn report(
        &mut self,
        frame: &Frame,
        end: End,
        visit: &mut impl FnMut(&Frame) -> ControlFlow<()>,
    ) -> ControlFlow<Walked, Frame> {
        if frame.index >= self.skip {
            self.frames += 1;
            if visit(frame).is_break() {
                return ControlFlow::Break(self.walked(End::Stopped));
            }
        }
        match &frame.caller {
            Some(caller) => ControlFlow::Continue(caller.frame(frame.index + 1)),
            None => ControlFlow::Break(self.walked(end)),
        }
    }

    /// The result of a walk that ends now.
    pub(crate) const fn walked(&self, end: End) -> Walked {
        Walked { frames: self.frames, end }
    }
}
