//! A stack that moves into a smaller or larger one: copied as an owner does who knows where the pointers into it are.

use barrier_arch::{SizeClass, StkbarSlice, patch};
use unwind_walk::Unwind;

use super::program::Program;
use super::stack::SimStack;

impl<U: Unwind + Copy> Program<U> {
    /// Does the stack fit into one of 2^`log2` bytes?
    pub fn fits(&self, log2: u32) -> bool {
        let class = SizeClass::of(1 << log2).unwrap();
        let room = class.bytes() - StkbarSlice::stolen_bytes(class, self.spacing);
        let used = self.stack.bars.stack_hi() - self.stack.sp();
        used + 1024 <= room && self.stack.bars.len() <= self.spacing.capacity(class)
    }

    /// Moves to a stack of 2^`log2` bytes, into which it fits.
    pub fn relocate(&mut self, log2: u32) {
        assert!(self.fits(log2), "a stack of 2^{log2} bytes is too small");
        self.settle();
        let (old, shapes) = (&self.stack, &self.shapes);
        let mut new = SimStack::new(log2, self.spacing, shapes, old.frames[0].shape);
        let up = new.bars.stack_hi().wrapping_sub(old.bars.stack_hi());
        // Every word, also those that mean nothing; frame records anew, at the same distances; what these have overwritten, return slots with
        // their stubs included.
        let words = (old.sp()..old.bars.stack_hi()).step_by(size_of::<usize>());
        words.for_each(|word| new.store(word.wrapping_add(up), old.load(word)));
        old.frames[1..].iter().for_each(|frame| new.call(shapes, frame.shape));
        for (depth, frame) in old.frames.iter().enumerate() {
            let locals = (0..shapes.get(frame.shape).locals).map(|i| old.slot(depth, i));
            let words = locals.chain((depth > 0).then_some(frame.slot));
            words.for_each(|slot| new.store(slot.wrapping_add(up), old.load(slot)));
        }
        // SAFETY: nothing runs on either, and the copy is complete.
        assert!(unsafe { patch::carry_over(&old.bars, &new.bars, old.patch_sp()) });
        // SAFETY: as above; nobody scans it.
        unsafe { self.receipt.carry_over(&old.bars, &new.bars) };
        self.stack = new;
    }
}
