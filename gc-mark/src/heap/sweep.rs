//! Sweeping: what is allocated and not marked is free.
//!
//! With a bit per granule in both maps that is `allocated &= marks; marks = 0`, 64 objects' starts at a time, whatever
//! the size of the slots. No object is touched.

use core::sync::atomic::Ordering;

use parking_lot::MutexGuard;

use super::block::{BLOCK_BYTES, Block, Shape};
use super::mark_sweep::MarkSweep;
use super::model::ObjectModel;
use super::slot_class::SlotClass;
use super::sweep_list::SweepList;

/// What a sweep left in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Left {
    Nothing,
    Some,
    Full,
}

impl Left {
    pub(super) fn has_room(self) -> bool {
        self != Left::Full
    }
}

impl<M: ObjectModel> MarkSweep<M> {
    /// Sweeps whatever the current epoch has not swept yet.
    pub(super) fn sweep_all(&self) {
        let epoch = self.phase.load().epoch();
        for class in SlotClass::all() {
            while self.sweep_next(class) {}
        }
        while self.sweep_next_large() {}
        // A block is swept under its list's lock: what no list holds as unswept has been swept to the end.
        self.accounts.finish(epoch);
    }

    /// Sweeps one block of `class`; `false` if none is left.
    fn sweep_next(&self, class: SlotClass) -> bool {
        let mut list = self.list(class);
        let Some(block) = list.pop_unswept() else { return false };
        match self.sweep_block(block, class) {
            Left::Nothing => {
                self.shapes.set(block, Shape::Free);
                self.pool.give(block, 1);
            }
            Left::Some => {
                list.push_swept(block);
                list.push_partial(block);
            }
            Left::Full => list.push_swept(block),
        }
        true
    }

    /// Sweeps `block`, which the caller has just taken from the unswept ones of its list, and still holds the lock.
    pub(super) fn sweep_block(&self, block: Block, class: SlotClass) -> Left {
        let mut live = 0;
        for (allocated, marks) in self.allocated.block(block).iter().zip(self.marks.block(block)) {
            // Plain loads and stores: no mutator allocates in an unswept block, and nobody marks between two cycles.
            let (old, mark) = (allocated.load(Ordering::Relaxed), marks.load(Ordering::Relaxed));
            if old != 0 {
                allocated.store(old & mark, Ordering::Relaxed);
                marks.store(0, Ordering::Relaxed);
                live += (old & mark).count_ones() as usize;
            }
        }
        self.accounts.found_live(live * class.bytes());
        match live {
            0 => Left::Nothing,
            _ if live == BLOCK_BYTES / class.bytes() => Left::Full,
            _ => Left::Some,
        }
    }

    /// The list of `class`, locked and in the current epoch.
    pub(super) fn list(&self, class: SlotClass) -> MutexGuard<'_, SweepList> {
        let mut list = self.classes[class.index()].lock();
        list.turn(self.phase.load().epoch());
        list
    }
}
