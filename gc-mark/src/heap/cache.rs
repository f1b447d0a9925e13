//! A mutator's own supply of free slots: one block per slot class, of which it allocates run by run.
//!
//! ```text
//!    block   │#│#│·│·│·│#│·│·│·│·│·│·│#│ rest │        # allocated   · free
//!                    ▲ ▲               ▲
//!               cursor end           limit              the run here is what lies between cursor and end
//! ```
//!
//! While a cache owns a block nobody else sets `allocated` bits in it, nor sweeps it. It owns it until it has used it
//! up, until it is retired, or until marking ends: the phase it remembers tells it that, before it allocates again.

use super::block::Block;
use super::phase::Phase;
use super::slot_class::SlotClass;

/// One mutator's allocation cache, made by [`MarkSweep::cache`](super::MarkSweep::cache).
///
/// One per worker thread (whatever runs one mutator at a time). It belongs to the heap that made it. Dropping it loses
/// no memory: what it held is found by the next collection, or at once after
/// [`MarkSweep::retire`](super::MarkSweep::retire).
#[doc(alias = "mcache")]
pub struct AllocCache {
    pub(super) phase: Phase,
    pub(super) runs: [Run; SlotClass::COUNT],
    /// Bytes of runs started and not yet reported to the heap's accounts.
    pub(super) unreported: usize,
}

impl AllocCache {
    pub(super) fn new(phase: Phase) -> AllocCache {
        AllocCache { phase, runs: [Run::EMPTY; SlotClass::COUNT], unreported: 0 }
    }
}

impl core::fmt::Debug for AllocCache {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let blocks = self.runs.iter().filter_map(Run::block).count();
        f.debug_struct("AllocCache").field("blocks", &blocks).field("unreported", &self.unreported).finish()
    }
}

/// A run of free slots in a block that a cache owns; offsets from the start of the arena, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    cursor: usize,
    end: usize,
    /// One past the last slot of the block; 0 without a block.
    limit: usize,
}

impl Run {
    /// No run and no block.
    pub(super) const EMPTY: Run = Run { cursor: 0, end: 0, limit: 0 };

    /// The empty run before the first slot of `block`.
    pub(super) fn before(block: Block, class: SlotClass) -> Run {
        Run { cursor: block.start(), end: block.start(), limit: block.start() + class.slots_end() }
    }

    /// The next slot of `bytes` bytes of this run.
    #[inline]
    #[doc(alias = "nextFreeFast")]
    pub(super) fn bump(&mut self, bytes: usize) -> Option<usize> {
        let slot = self.cursor;
        (self.end - slot >= bytes).then(|| {
            self.cursor = slot + bytes;
            slot
        })
    }

    /// Moves on to the next run of the block, given what is allocated in it; bytes of the run, if there is one.
    pub(super) fn advance(
        &mut self,
        allocated: &super::granule_map::GranuleMap,
        bytes: usize,
    ) -> Option<usize> {
        let mut start = self.end;
        while start < self.limit && allocated.get(start) {
            start += bytes;
        }
        // What is set next is the first granule of a slot, so the run ends where a slot does.
        let end = allocated.next_set(start, self.limit);
        (self.cursor, self.end) = (start, end);
        (start < end).then_some(end - start)
    }

    /// Bytes of this run that were not handed out.
    pub(super) fn rest(&self) -> usize {
        self.end - self.cursor
    }

    /// The block, if there is one.
    pub(super) fn block(&self) -> Option<Block> {
        (self.limit != 0).then(|| Block::containing(self.limit - 1))
    }
}
