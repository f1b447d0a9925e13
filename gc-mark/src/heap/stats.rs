//! Looking at a heap: figures, and a walk over its objects.

use core::sync::atomic::Ordering;

use super::Object;
use super::block::{BLOCK_BYTES, Block, GRANULE, Shape};
use super::mark_sweep::MarkSweep;
use super::model::ObjectModel;

/// Figures of a heap at one moment, each read on its own. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Size of the arena: the configured limit, rounded up to blocks.
    pub limit_bytes: usize,
    /// Blocks that hold objects or belong to a cache.
    pub in_use_bytes: usize,
    /// See [`MarkSweep::live_bytes`].
    pub live_bytes: usize,
    /// See [`MarkSweep::allocated_bytes`].
    pub allocated_bytes: usize,
    /// Allocated since the heap was made, with the same reservation.
    pub total_allocated_bytes: u64,
    /// See [`MarkSweep::goal_bytes`].
    pub goal_bytes: usize,
    /// Given back to the host since the heap was made, by whole blocks.
    pub discarded_bytes: usize,
    /// Times that marking has ended.
    pub cycles: u64,
}

impl<M: ObjectModel> MarkSweep<M> {
    /// Bytes of slots that were live after the last mark, as counted by its sweep.
    #[doc(alias = "heapMarked")]
    pub fn live_bytes(&self) -> usize {
        self.accounts.live()
    }

    /// Bytes of slots allocated since marking ended last. Caches count a run of free slots when they start on it, and
    /// report every 16 KiB, so this is exact to about a block per slot class and cache.
    pub fn allocated_bytes(&self) -> usize {
        self.accounts.allocated_since()
    }

    /// The size, live and allocated since, at which the next collection is due.
    #[doc(alias = "heapGoal")]
    pub fn goal_bytes(&self) -> usize {
        self.accounts.goal()
    }

    /// Is it time to collect? Never while marking, nor before [`sweep`](super::Heap::sweep) has finished. A few loads.
    #[doc(alias = "gcTrigger")]
    pub fn wants_collection(&self) -> bool {
        let phase = self.phase.load();
        !phase.marking()
            && self.accounts.is_swept(phase.epoch())
            && self.live_bytes() + self.allocated_bytes() >= self.goal_bytes()
    }

    /// All figures.
    pub fn stats(&self) -> HeapStats {
        HeapStats {
            limit_bytes: self.arena.bytes(),
            in_use_bytes: self.pool.bytes_in_use(),
            live_bytes: self.live_bytes(),
            allocated_bytes: self.allocated_bytes(),
            total_allocated_bytes: self.accounts.total(),
            goal_bytes: self.goal_bytes(),
            discarded_bytes: self.pool.bytes_discarded(),
            cycles: self.phase.load().cycles(),
        }
    }

    /// Calls `found` with every allocated object and the size of its slot, by ascending address.
    ///
    /// For verifiers and tests, with the world stopped; with mutators running, objects that come or go meanwhile may
    /// be shown or not. Between the end of marking and the end of the sweep some of what is shown is dead already.
    pub fn for_each_object(&self, mut found: impl FnMut(Object, usize)) {
        for block in self.pool.ever_taken() {
            match self.shapes.shape(block) {
                Shape::Free | Shape::LargeTail { .. } => {}
                Shape::Small(class) => self.each_start(block, |object| found(object, class.bytes())),
                Shape::LargeHead { blocks } => {
                    self.each_start(block, |object| found(object, blocks as usize * BLOCK_BYTES));
                }
            }
        }
    }

    fn each_start(&self, block: Block, mut found: impl FnMut(Object)) {
        for (i, word) in self.allocated.block(block).iter().enumerate() {
            let mut rest = word.load(Ordering::Acquire);
            while rest != 0 {
                let granule = i * 64 + rest.trailing_zeros() as usize;
                found(Object(self.arena.address_of(block.start() + granule * GRANULE)));
                rest &= rest - 1;
            }
        }
    }
}
