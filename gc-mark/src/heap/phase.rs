//! The phase of the collection: one word that the allocation fast path compares with what its cache believes.
//!
//! ```text
//!    63 ──────── 40 │ 39 ──────────────── 1 │ 0
//!    number of heap │ collections completed  │ marking?
//! ```
//!
//! Beginning to mark sets the lowest bit, ending adds one: both are a single store. A cache whose word differs takes
//! the slow path, which tells apart: another heap's cache (refused), a cycle that ended (its blocks are void), marking
//! that began (it keeps its blocks, and allocates black).

use core::sync::atomic::{AtomicU64, Ordering};

const HEAP_SHIFT: u32 = 40;

/// A heap's phase at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Phase(u64);

impl Phase {
    #[inline]
    pub(super) fn marking(self) -> bool {
        self.0 & 1 != 0
    }

    /// Grows by one with each `end_marking`. 39 bits: at a thousand cycles a second they last for 17 years.
    pub(super) fn epoch(self) -> u64 {
        self.0 >> 1
    }

    pub(super) fn same_heap(self, other: Phase) -> bool {
        self.0 >> HEAP_SHIFT == other.0 >> HEAP_SHIFT
    }

    /// Collections completed since the heap was made.
    pub(super) fn cycles(self) -> u64 {
        (self.0 & ((1 << HEAP_SHIFT) - 1)) >> 1
    }
}

/// The word itself. It changes only while the world is stopped, which is what orders it for mutators.
pub(super) struct PhaseWord(AtomicU64);

impl PhaseWord {
    /// The first phase of a new heap.
    ///
    /// # Panics
    ///
    /// If the process has made 2²⁴ heaps before.
    pub(super) fn new() -> PhaseWord {
        static HEAPS: AtomicU64 = AtomicU64::new(0);
        let heap = HEAPS.fetch_add(1, Ordering::Relaxed);
        assert!(heap < 1 << (64 - HEAP_SHIFT), "a process can make 2^24 heaps, no more");
        PhaseWord(AtomicU64::new(heap << HEAP_SHIFT))
    }

    #[inline]
    pub(super) fn load(&self) -> Phase {
        // Pairs with the stores below for a sweeper that no handshake has synchronised. A plain load on x86.
        Phase(self.0.load(Ordering::Acquire))
    }

    pub(super) fn begin_marking(&self) {
        let phase = self.load();
        assert!(!phase.marking(), "begin_marking: marking already");
        self.0.store(phase.0 + 1, Ordering::Release);
    }

    pub(super) fn end_marking(&self) {
        let phase = self.load();
        assert!(phase.marking(), "end_marking without begin_marking");
        self.0.store(phase.0 + 1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_ends_in_the_next_epoch_of_the_same_heap() {
        let (word, other) = (PhaseWord::new(), PhaseWord::new());
        let first = word.load();
        word.begin_marking();
        assert!(word.load().marking() && word.load().epoch() == first.epoch());
        word.end_marking();
        let second = word.load();
        assert!(!second.marking() && second.epoch() == first.epoch() + 1 && second.cycles() == 1);
        assert!(second.same_heap(first) && !second.same_heap(other.load()));
    }
}
