//! Which words of a frame are references: the seam to a compiler's stack maps.
//!
//! # What "vouched for" means
//!
//! The re-scan at mark termination leaves out the frames above the lowest barrier that was not hit, because their code has not run. Code below
//! may still have written into them. A map *vouches* for a frame if that cannot go unnoticed (I4, I5): after
//! a frame is suspended in a call, its references are changed
//!
//! * by nobody but its own code, when it runs again, or
//! * through the write barrier, or
//! * by the runtime, with [`crate::write_barrier::note_stack_write`].
//!
//! Code of a JIT compiler that hands out no pointers to its frames, returns values in registers and does not write to its incoming
//! stack arguments keeps this. Arbitrary native code does not: it passes `&mut` to locals down, and large results are written through a hidden
//! pointer. Frames that are not vouched for are scanned again, wherever they lie.
//!
//! # Conservative frames above precise ones
//!
//! A precise frame shows its own references only. If native code calls mapped code, what the native frame keeps in
//! callee-saved registers is saved somewhere below it: either by an entry thunk whose frame is scanned conservatively,
//! or the mapped code's slots must include its save area.

use core::fmt;

/// What is known about one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameRoots<'m> {
    /// Exactly these words are references.
    Precise {
        /// Byte offsets of the slots from the frame's stack pointer: what it is while the callee runs.
        slots: &'m [u32],
        /// May the re-scan skip the frame if it has not run?
        vouched: bool,
    },
    /// Exactly these words are references, in a frame whose stack pointer a walk need not know.
    ///
    /// A callee may keep its frame record below registers that it saves, as LLVM's code on AArch64 does. A walk by frame records then takes
    /// those registers for the caller's, and the caller's stack pointer for lower than it is. Where the caller's own record lies at the end of its frame
    /// (Cranelift's code), that end is exact.
    PreciseBelowCfa {
        /// How many bytes each slot lies below the frame's canonical frame address: what its stack pointer was before the call that made it.
        slots: &'m [u32],
        /// May the re-scan skip the frame if it has not run?
        vouched: bool,
    },
    /// Nothing is known: every word of the frame may be the address of an object.
    Conservative {
        /// May the re-scan skip the frame if it has not run?
        vouched: bool,
    },
}

impl FrameRoots<'_> {
    /// May the re-scan skip the frame if it has not run?
    pub const fn is_vouched(&self) -> bool {
        match *self {
            FrameRoots::Precise { vouched, .. }
            | FrameRoots::PreciseBelowCfa { vouched, .. }
            | FrameRoots::Conservative { vouched } => vouched,
        }
    }

    /// Is it known exactly which words are references?
    pub const fn is_precise(&self) -> bool {
        !matches!(self, FrameRoots::Conservative { .. })
    }
}

/// From a return address to the roots of the frame that it returns into.
///
/// Asked once per frame of every scan, from several threads, with a stack stopped or the whole world: no
/// locks, no allocation. A [`FrameCache`] stands in front.
pub trait FrameMap: Send + Sync + 'static {
    /// The roots of the frame that goes on at `return_pc`: a return address, or for the youngest frame the pc that it was
    /// stopped at. Return barriers are resolved already.
    fn roots_at(&self, return_pc: usize) -> FrameRoots<'_>;

    /// May a return from code at `pc` to `return_pc` go through a barrier?
    ///
    /// `false` where the word in the return slot is data or is read by somebody (a switch of stacks, a callback's entry),
    /// or where `return_pc` has no map but a reference may come back in a register. The scan then takes the next frame (I7).
    fn permits_barrier(&self, pc: usize, return_pc: usize) -> bool {
        let _ = (pc, return_pc);
        true
    }

    /// Writes what a message should say of the place `return_pc`: the function, its file. Default: nothing.
    ///
    /// # Errors
    ///
    /// Only those of `out`.
    fn describe(&self, return_pc: usize, out: &mut dyn fmt::Write) -> fmt::Result {
        let _ = (return_pc, out);
        Ok(())
    }

    /// May code on these stacks drop frames and tell nobody, as C's `longjmp` does? What their barriers leave behind in memory is then not
    /// taken for a frame that the walk left out ([`unwind_walk::Walk::dropped_frames`]).
    fn may_drop_frames(&self) -> bool {
        false
    }

    /// A number that changes whenever an answer of [`FrameMap::roots_at`] may have: code was replaced, its memory reused. Caches
    /// are emptied at the start of the next scan.
    fn edition(&self) -> u64 {
        0
    }
}

/// The map of a runtime that has none: every frame is conservative and nobody vouches for it.
///
/// With it a re-scan visits every frame of a stack that ran; barriers save nothing, and nothing is ever lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conservatively;

impl FrameMap for Conservatively {
    fn roots_at(&self, _return_pc: usize) -> FrameRoots<'_> {
        FrameRoots::Conservative { vouched: false }
    }

    fn may_drop_frames(&self) -> bool {
        true
    }
}

/// How often a [`FrameCache`] knew the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Frames answered by the cache.
    pub hits: u64,
    /// Frames for which the map was asked.
    pub misses: u64,
}

const LOG2_ENTRIES: u32 = 8;

/// A small direct-mapped cache in front of a [`FrameMap`]: deep stacks are few return addresses, often repeated.
///
/// Owned by one scanner, so there is no lock. 256 entries, 8 KiB.
#[doc(alias = "pcvalueCache")]
#[derive(Debug)]
pub struct FrameCache<'m, M> {
    map: &'m M,
    edition: u64,
    /// A pc of 0 is no return address, so it marks an empty entry.
    entries: Box<[(usize, FrameRoots<'m>)]>,
    stats: CacheStats,
}

const EMPTY: (usize, FrameRoots<'static>) = (0, FrameRoots::Conservative { vouched: false });

impl<'m, M: FrameMap> FrameCache<'m, M> {
    /// An empty cache. The only place that allocates.
    pub fn new(map: &'m M) -> Self {
        let entries = vec![EMPTY; 1 << LOG2_ENTRIES].into_boxed_slice();
        FrameCache { map, edition: map.edition(), entries, stats: CacheStats::default() }
    }

    /// The map behind it.
    pub fn map(&self) -> &'m M {
        self.map
    }

    /// To be called before a scan: forgets everything if the map has a new [`FrameMap::edition`].
    pub fn refresh(&mut self) {
        let edition = self.map.edition();
        if edition != self.edition {
            self.edition = edition;
            self.entries.fill(EMPTY);
        }
    }

    /// [`FrameMap::roots_at`], from the cache if it is there.
    #[inline]
    pub fn roots_at(&mut self, return_pc: usize) -> FrameRoots<'m> {
        let entry = &mut self.entries[index_of(return_pc)];
        if entry.0 == return_pc && return_pc != 0 {
            self.stats.hits += 1;
            return entry.1;
        }
        self.stats.misses += 1;
        let roots = self.map.roots_at(return_pc);
        *entry = (return_pc, roots);
        roots
    }

    /// Hits and misses so far.
    pub fn stats(&self) -> CacheStats {
        self.stats
    }
}

/// Fibonacci hashing: return addresses are dense in their low bits, but not aligned.
#[inline]
fn index_of(pc: usize) -> usize {
    ((pc as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - LOG2_ENTRIES)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::sync::atomic::{AtomicU64, Ordering};

    /// One slot, at eight times the pc, in each edition's manner.
    struct Table {
        slots: Vec<[u32; 1]>,
        edition: AtomicU64,
    }

    impl FrameMap for Table {
        fn roots_at(&self, pc: usize) -> FrameRoots<'_> {
            let vouched = self.edition.load(Ordering::Relaxed).is_multiple_of(2);
            FrameRoots::Precise { slots: &self.slots[pc], vouched }
        }
        fn edition(&self) -> u64 {
            self.edition.load(Ordering::Relaxed)
        }
    }

    fn table() -> Table {
        Table { slots: (0..4000).map(|pc| [8 * pc]).collect(), edition: AtomicU64::new(0) }
    }

    #[test]
    fn the_cache_answers_as_the_map_does() {
        let map = table();
        let mut cache = FrameCache::new(&map);
        for pc in (0..4000).chain(0..4000).chain([7; 100]) {
            assert_eq!(cache.roots_at(pc), map.roots_at(pc));
        }
        let CacheStats { hits, misses } = cache.stats();
        assert_eq!(hits + misses, 8100);
        assert!(hits >= 99, "a repeated pc hits");
    }

    #[test]
    fn pc_zero_is_never_taken_for_a_hit() {
        let map = table();
        let mut cache = FrameCache::new(&map);
        for _ in 0..2 {
            assert_eq!(cache.roots_at(0), map.roots_at(0));
        }
    }

    #[test]
    fn a_new_edition_empties_it() {
        let map = table();
        let mut cache = FrameCache::new(&map);
        assert!(cache.roots_at(9).is_vouched());
        map.edition.store(1, Ordering::Relaxed);
        cache.refresh();
        assert!(!cache.roots_at(9).is_vouched());
    }
}
