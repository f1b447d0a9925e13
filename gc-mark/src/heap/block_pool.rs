//! The pool that blocks are taken from and given back to, and from which memory returns to the host.

use core::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::arena::Arena;
use super::block::{BLOCK_BYTES, Block};
use super::free_map::FreeMap;

/// Blocks discarded per lock: a mutator that wants a block waits for 512 KiB worth of `madvise` at most.
const DISCARD_BATCH: usize = 8;

/// The free blocks of an arena, for all threads.
pub(super) struct BlockPool {
    free: Mutex<FreeMap>,
    /// Blocks taken and not given back. Written under the lock.
    in_use: AtomicUsize,
    /// One past the highest block ever taken. Written under the lock.
    high: AtomicUsize,
    /// Blocks given back to the host since the heap was made.
    discarded: AtomicUsize,
}

impl BlockPool {
    pub(super) fn new(blocks: usize) -> BlockPool {
        BlockPool {
            free: Mutex::new(FreeMap::new(blocks)),
            in_use: AtomicUsize::new(0),
            high: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
        }
    }

    /// Takes `blocks` neighbouring free blocks.
    pub(super) fn take(&self, blocks: usize) -> Option<Block> {
        let mut free = self.free.lock();
        let first = free.take(blocks)?;
        self.in_use.fetch_add(blocks, Ordering::Relaxed);
        self.high.fetch_max(first.0 as usize + blocks, Ordering::Relaxed);
        Some(first)
    }

    /// Gives back `blocks` blocks from `first` on, whose shape is free and whose bits are clear.
    pub(super) fn give(&self, first: Block, blocks: usize) {
        let mut free = self.free.lock();
        free.give(first, blocks);
        self.in_use.fetch_sub(blocks, Ordering::Relaxed);
    }

    pub(super) fn bytes_in_use(&self) -> usize {
        self.in_use.load(Ordering::Relaxed) * BLOCK_BYTES
    }

    pub(super) fn bytes_discarded(&self) -> usize {
        self.discarded.load(Ordering::Relaxed) * BLOCK_BYTES
    }

    /// The blocks that were ever taken.
    pub(super) fn ever_taken(&self) -> impl Iterator<Item = Block> + use<> {
        (0..self.high.load(Ordering::Relaxed) as u32).map(Block)
    }

    /// Returns the memory of free blocks to the host, the highest addresses included, the lowest `keep_bytes` of it
    /// excepted: first fit will want those first.
    pub(super) fn discard(&self, arena: &Arena, keep_bytes: usize) {
        let mut keep = keep_bytes / BLOCK_BYTES;
        let mut from = Block(0);
        loop {
            let mut free = self.free.lock();
            let Some(run) = free.next_unclean(from, DISCARD_BATCH) else { return };
            from = run.first.plus(run.blocks);
            if keep >= run.blocks {
                keep -= run.blocks;
                continue;
            }
            keep = 0;
            // SAFETY: the blocks are free, and stay so while the lock is held.
            if unsafe { arena.discard(run.first, run.blocks) }.is_err() {
                return; // The host keeps the memory: no harm done, it is used again as it is.
            }
            free.cleaned(run);
            self.discarded.fetch_add(run.blocks, Ordering::Relaxed);
        }
    }
}
