//! Large objects: runs of whole blocks of their own.

use core::ptr::NonNull;

use parking_lot::MutexGuard;

use super::block::{BLOCK_BYTES, Block, Shape};
use super::error::HeapError;
use super::mark_sweep::MarkSweep;
use super::model::ObjectModel;
use super::sweep_list::SweepList;

/// Large objects of the last cycle that an allocation sweeps before it takes fresh blocks.
const SWEEP_TRIES: usize = 32;

impl<M: ObjectModel> MarkSweep<M> {
    #[cold]
    #[inline(never)]
    pub(super) fn alloc_large(&self, bytes: usize) -> Result<NonNull<u8>, HeapError> {
        let blocks = bytes.div_ceil(BLOCK_BYTES);
        let first = self.take_large(blocks).ok_or_else(|| self.limit_reached(bytes))?;
        // The tails before the head, and all of them before the bit that makes the object findable.
        for distance in 1..blocks {
            self.shapes.set(first.plus(distance), Shape::LargeTail { distance: distance as u32 });
        }
        self.shapes.set(first, Shape::LargeHead { blocks: blocks as u32 });
        self.large_list().push_swept(first);
        self.accounts.allocated(blocks * BLOCK_BYTES);
        Ok(self.publish(first.start(), self.phase.load().marking()))
    }

    fn take_large(&self, blocks: usize) -> Option<Block> {
        for _ in 0..SWEEP_TRIES {
            if !self.sweep_next_large() {
                break;
            }
        }
        self.pool.take(blocks).or_else(|| {
            self.sweep_all();
            self.pool.take(blocks)
        })
    }

    /// Sweeps one large object; `false` if none is left.
    pub(super) fn sweep_next_large(&self) -> bool {
        let mut list = self.large_list();
        let Some(first) = list.pop_unswept() else { return false };
        let Shape::LargeHead { blocks } = self.shapes.shape(first) else {
            unreachable!("a large object starts with its head")
        };
        if self.marks.get(first.start()) {
            self.marks.clear_owned(first.start());
            self.accounts.found_live(blocks as usize * BLOCK_BYTES);
            list.push_swept(first);
        } else {
            self.free_large(first, blocks as usize);
        }
        true
    }

    fn free_large(&self, first: Block, blocks: usize) {
        self.allocated.clear_owned(first.start());
        for distance in 0..blocks {
            self.shapes.set(first.plus(distance), Shape::Free);
        }
        self.pool.give(first, blocks);
    }

    fn large_list(&self) -> MutexGuard<'_, SweepList> {
        let mut list = self.large.lock();
        list.turn(self.phase.load().epoch());
        list
    }
}
