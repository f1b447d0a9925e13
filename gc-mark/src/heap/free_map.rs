//! Which blocks are free: first fit, lowest address first.
//!
//! Low addresses first keeps the blocks in use together, so that what is free for long is a long run at the top:
//! room for large objects, and the part to give back to the host. A free block is *clean* if it costs no memory
//! (never used, or given back since).

use super::bit_set::BitSet;
use super::block::Block;

/// A run of neighbouring blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRun {
    pub(super) first: Block,
    pub(super) blocks: usize,
}

/// The free blocks of an arena.
pub(super) struct FreeMap {
    free: BitSet,
    clean: BitSet,
    blocks: usize,
    /// No block below this one is free.
    lowest: usize,
}

impl FreeMap {
    /// A map of `blocks` blocks, all free and clean.
    pub(super) fn new(blocks: usize) -> FreeMap {
        FreeMap { free: BitSet::full(blocks), clean: BitSet::full(blocks), blocks, lowest: 0 }
    }

    /// Takes the lowest run of `blocks` free blocks.
    pub(super) fn take(&mut self, blocks: usize) -> Option<Block> {
        self.lowest = self.free.next_member(self.lowest);
        let mut first = self.lowest;
        while first + blocks <= self.blocks {
            let gap = self.free.next_gap(first).min(first + blocks);
            if gap == first + blocks {
                self.free.remove(first, blocks);
                self.clean.remove(first, blocks);
                return Some(Block(first as u32));
            }
            first = self.free.next_member(gap);
        }
        None
    }

    /// Frees `blocks` blocks from `first` on. They are not clean.
    pub(super) fn give(&mut self, first: Block, blocks: usize) {
        let first = first.0 as usize;
        debug_assert!(self.free.next_member(first) >= first + blocks, "freed twice");
        self.free.insert(first, blocks);
        self.lowest = self.lowest.min(first);
    }

    /// The first run of free blocks that are not clean, at or above `from`, at most `most` of them.
    pub(super) fn next_unclean(&self, from: Block, most: usize) -> Option<BlockRun> {
        let mut first = self.free.next_member(from.0 as usize);
        while first < self.blocks && self.clean.contains(first) {
            first = self.free.next_member(self.clean.next_gap(first));
        }
        let end = self.free.next_gap(first).min(self.clean.next_member(first)).min(first + most);
        (first < self.blocks).then(|| BlockRun { first: Block(first as u32), blocks: end - first })
    }

    /// The blocks of `run` have been given back to the host.
    pub(super) fn cleaned(&mut self, run: BlockRun) {
        self.clean.insert(run.first.0 as usize, run.blocks);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    enum State {
        Clean,
        Unclean,
        Used,
    }

    fn first_fit(model: &[State], blocks: usize) -> Option<usize> {
        (0..(model.len() + 1).saturating_sub(blocks))
            .find(|&first| model[first..first + blocks].iter().all(|&state| state != State::Used))
    }

    proptest! {
        #[test]
        fn takes_the_first_fit_and_finds_what_is_unclean(
            len in 1_usize..200,
            steps in prop::collection::vec((0_u8..3, 1_usize..40, any::<prop::sample::Index>()), 1..60),
        ) {
            let (mut map, mut model, mut taken) = (FreeMap::new(len), vec![State::Clean; len], Vec::new());
            for (step, blocks, index) in steps {
                if step == 0 && !taken.is_empty() {
                    let (first, blocks) = taken.swap_remove(index.index(taken.len()));
                    map.give(Block(first as u32), blocks);
                    model[first..first + blocks].fill(State::Unclean);
                } else if step == 1 {
                    let from = index.index(len);
                    let found = map.next_unclean(Block(from as u32), blocks);
                    let expected = (from..len).find(|&i| model[i] == State::Unclean);
                    prop_assert_eq!(found.map(|run| run.first.0 as usize), expected);
                    if let Some(run) = found {
                        let first = run.first.0 as usize;
                        prop_assert!(run.blocks >= 1 && run.blocks <= blocks);
                        prop_assert!(model[first..first + run.blocks].iter().all(|&s| s == State::Unclean));
                        let end = first + run.blocks;
                        prop_assert!(run.blocks == blocks || model.get(end) != Some(&State::Unclean));
                        map.cleaned(run);
                        model[first..end].fill(State::Clean);
                    }
                } else {
                    let expected = first_fit(&model, blocks);
                    prop_assert_eq!(map.take(blocks).map(|block| block.0 as usize), expected);
                    if let Some(first) = expected {
                        model[first..first + blocks].fill(State::Used);
                        taken.push((first, blocks));
                    }
                }
            }
        }
    }
}
