//! The visit of one stack: turns what its roots refer to grey, and keeps count.

use unwind_walk::{Frame, LiveStack};

use crate::error::ScanError;
use crate::frame_map::FrameRoots;
use crate::heap::{Heap, Object};
use crate::report::ScanReport;
use crate::roots::{self, Root};
use crate::stack::Stopped;

/// What a scan carries from frame to frame.
pub(crate) struct Visit<'s, 'g, H, G> {
    heap: &'g H,
    grey: G,
    pub(crate) stack: Stopped<'s>,
    pub(crate) memory: LiveStack,
    pub(crate) report: ScanReport,
}

impl<'s, 'g, H: Heap, G: FnMut(Object)> Visit<'s, 'g, H, G> {
    pub(crate) fn new(heap: &'g H, stack: &Stopped<'s>, grey: G) -> Self {
        let report = ScanReport { stacks: 1, ..ScanReport::default() };
        Visit { heap, grey, stack: *stack, memory: stack.memory(), report }
    }

    /// The words right below the stack pointer.
    pub(crate) fn saved_registers(&mut self) {
        self.words(self.stack.saved_from(), self.stack.registers().sp);
    }

    /// The roots of one frame.
    #[inline]
    pub(crate) fn frame(&mut self, frame: &Frame, found: FrameRoots<'_>) -> Result<(), ScanError<'s>> {
        let end = roots::end_of(frame, self.stack.bars());
        self.report.bytes += end - frame.sp;
        let (memory, bars) = (self.memory, self.stack.bars());
        roots::of_frame(&memory, frame.sp, end, found, |root| self.root(root))
            .map_err(|bad| ScanError::bad_slot(frame, bad.0, bars))
    }

    /// Every word of `lo..end`, which is live stack.
    pub(crate) fn words(&mut self, lo: usize, end: usize) {
        self.report.bytes += end - lo;
        let memory = self.memory;
        roots::in_words(&memory, lo, end, |root| self.root(root));
    }

    #[inline]
    fn root(&mut self, root: Root) {
        self.report.roots += 1;
        if let Some(object) = root.object(self.heap)
            && self.heap.mark(object)
        {
            self.report.marked += 1;
            (self.grey)(object);
        }
    }
}
