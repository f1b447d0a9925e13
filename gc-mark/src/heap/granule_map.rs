//! One bit per 16 bytes of arena: which granules are the first of an object that is allocated, or marked.
//!
//! ```text
//!   offset   … ─────────── 10 ── 9 ────────── 4 ── 3 ─ 0
//!              word of the map │ bit of the word │ granule
//! ```
//!
//! A bit per granule, not per slot, so that marking a precise reference is a shift, a mask and one load: neither the
//! block's shape nor its slot size is looked at. A map costs 1/128 of what it describes, and a word of it never
//! spans two blocks.

use core::sync::atomic::{AtomicU64, Ordering};

use super::block::{BLOCK_BYTES, Block, GRANULE};
use super::error::HeapError;
use super::table::Table;

/// Bytes of arena that one word stands for.
const WORD_BYTES: usize = 64 * GRANULE;
/// Words of the map per block.
const BLOCK_WORDS: usize = BLOCK_BYTES / WORD_BYTES;

/// A bitmap over the arena. Offsets are from the start of the arena, in bytes.
pub(super) struct GranuleMap(Table<AtomicU64>);

impl GranuleMap {
    /// A map of `blocks` blocks, all clear.
    pub(super) fn new(blocks: usize) -> Result<GranuleMap, HeapError> {
        Table::zeroed(blocks * BLOCK_WORDS).map(GranuleMap)
    }

    /// Is the bit at `offset` set? `false` outside of the arena.
    #[inline]
    pub(super) fn get(&self, offset: usize) -> bool {
        let word = self.0.slice().get(offset / WORD_BYTES);
        word.is_some_and(|word| word.load(Ordering::Acquire) & bit(offset) != 0)
    }

    /// Sets the bit at `offset`; `true` if it was clear and this call set it. Any number of threads may call it.
    #[inline]
    pub(super) fn set(&self, offset: usize) -> bool {
        let Some(word) = self.0.slice().get(offset / WORD_BYTES) else { return false };
        // Most references lead to what is marked already: a plain load keeps the line shared between the markers.
        word.load(Ordering::Relaxed) & bit(offset) == 0
            && word.fetch_or(bit(offset), Ordering::AcqRel) & bit(offset) == 0
    }

    /// Sets the bit at `offset` where the caller is the only one who writes that word: no locked instruction.
    #[inline]
    pub(super) fn set_owned(&self, offset: usize) {
        let word = &self.0.slice()[offset / WORD_BYTES];
        word.store(word.load(Ordering::Relaxed) | bit(offset), Ordering::Release);
    }

    /// Clears the bit at `offset` where the caller is the only one who writes that word.
    pub(super) fn clear_owned(&self, offset: usize) {
        let word = &self.0.slice()[offset / WORD_BYTES];
        word.store(word.load(Ordering::Relaxed) & !bit(offset), Ordering::Relaxed);
    }

    /// The offset of the first set bit in `from .. limit`, which lie in one block; `limit` if there is none.
    pub(super) fn next_set(&self, from: usize, limit: usize) -> usize {
        let mut at = from;
        while at < limit {
            let rest = self.0.slice()[at / WORD_BYTES].load(Ordering::Relaxed) >> (at / GRANULE % 64);
            if rest != 0 {
                return limit.min(at + rest.trailing_zeros() as usize * GRANULE);
            }
            at = (at / WORD_BYTES + 1) * WORD_BYTES;
        }
        limit
    }

    /// The words of `block`.
    #[inline]
    pub(super) fn block(&self, block: Block) -> &[AtomicU64] {
        let first = block.0 as usize * BLOCK_WORDS;
        &self.0.slice()[first..first + BLOCK_WORDS]
    }
}

#[inline]
fn bit(offset: usize) -> u64 {
    1 << (offset / GRANULE % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_set_agrees_with_a_search_bit_by_bit() {
        let map = GranuleMap::new(2).unwrap();
        let set = [0, 16, 1008, 1024, 5000 / 16 * 16, BLOCK_BYTES - 16, BLOCK_BYTES];
        set.iter().for_each(|&offset| map.set_owned(offset));
        for from in (0..BLOCK_BYTES).step_by(GRANULE) {
            let slow = (from..BLOCK_BYTES).step_by(GRANULE).find(|&at| map.get(at)).unwrap_or(BLOCK_BYTES);
            assert_eq!(map.next_set(from, BLOCK_BYTES), slow);
            assert_eq!(map.next_set(from, from + 48), slow.min(from + 48));
        }
    }

    #[test]
    fn only_the_first_to_set_a_bit_is_told_so() {
        let map = GranuleMap::new(1).unwrap();
        assert!(map.set(4096) && !map.set(4096) && map.get(4096));
        assert!(!map.get(4080) && !map.get(4112));
        map.clear_owned(4096);
        assert!(!map.get(4096));
    }

    #[test]
    fn of_threads_that_set_the_same_bits_each_bit_tells_one() {
        const BLOCKS: usize = 1024; // Enough to keep each thread busy for longer than another takes to start.
        let map = GranuleMap::new(BLOCKS).unwrap();
        let set_all = || (0..BLOCKS * BLOCK_BYTES).step_by(GRANULE).filter(|&offset| map.set(offset)).count();
        let total: usize = std::thread::scope(|scope| {
            let threads = [(); 3].map(|()| scope.spawn(set_all));
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(total, BLOCKS * BLOCK_BYTES / GRANULE);
    }

    #[test]
    fn outside_of_the_arena_nothing_is_set() {
        let map = GranuleMap::new(1).unwrap();
        for offset in [BLOCK_BYTES, usize::MAX] {
            assert!(!map.set(offset) && !map.get(offset));
        }
    }
}
