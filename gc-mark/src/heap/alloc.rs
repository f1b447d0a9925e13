//! Allocation: a bump in a run of free slots; else the next run, the next block, the last resort.

use core::ptr::NonNull;

use super::block::{Block, Shape};
use super::cache::{AllocCache, Run};
use super::error::HeapError;
use super::mark_sweep::MarkSweep;
use super::model::ObjectModel;
use super::slot_class::SlotClass;

/// Unswept blocks that an allocation sweeps, looking for room, before it takes a fresh block: some microseconds.
const SWEEP_TRIES: usize = 32;
/// A cache reports to the accounts when it has started runs of this many bytes.
const REPORT_BYTES: usize = 16 << 10;

impl<M: ObjectModel> MarkSweep<M> {
    /// A new cache to allocate from; it holds nothing yet.
    pub fn cache(&self) -> AllocCache {
        AllocCache::new(self.phase.load())
    }

    /// Allocates an object of at least `bytes` bytes, aligned to 16. Zero bytes are served as 16.
    ///
    /// The memory is **not** zeroed. Before its next safepoint the caller must initialise every word that the
    /// [`ObjectModel`] will visit; until then no marker looks at it. While marking goes on the object is born black,
    /// so the stores that initialise it need the write barrier (I3).
    ///
    /// The fast path is a dozen instructions. The slow path may lock, sweep some blocks, and use the process's
    /// allocator for lists of blocks: a runtime with small stacks runs it on a system stack.
    ///
    /// # Errors
    ///
    /// [`HeapError::Limit`] if there is no room, even after sweeping what is unswept. Nothing has changed then.
    ///
    /// # Panics
    ///
    /// If `cache` was made by another heap.
    #[inline]
    #[doc(alias = "mallocgc")]
    pub fn alloc(&self, cache: &mut AllocCache, bytes: usize) -> Result<NonNull<u8>, HeapError> {
        let Some(class) = SlotClass::of(bytes) else { return self.alloc_large(bytes) };
        let phase = self.phase.load();
        if cache.phase == phase
            && let Some(slot) = cache.runs[class.index()].bump(class.bytes())
        {
            return Ok(self.publish(slot, phase.marking()));
        }
        self.alloc_slow(cache, class, bytes)
    }

    /// Gives back what `cache` holds, so that other caches can allocate from it at once.
    ///
    /// # Panics
    ///
    /// If `cache` was made by another heap.
    #[doc(alias = "releaseAll")]
    pub fn retire(&self, mut cache: AllocCache) {
        self.attune(&mut cache);
        for class in SlotClass::all() {
            let run = cache.runs[class.index()];
            if let Some(block) = run.block() {
                cache.unreported = cache.unreported.saturating_sub(run.rest());
                self.list(class).push_partial(block);
            }
        }
        self.accounts.allocated(cache.unreported);
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(
        &self,
        cache: &mut AllocCache,
        class: SlotClass,
        requested: usize,
    ) -> Result<NonNull<u8>, HeapError> {
        self.attune(cache);
        let run = &mut cache.runs[class.index()];
        loop {
            if let Some(slot) = run.bump(class.bytes()) {
                return Ok(self.publish(slot, cache.phase.marking()));
            }
            if let Some(bytes) = run.advance(&self.allocated, class.bytes()) {
                cache.unreported += bytes;
                self.report(&mut cache.unreported);
            } else {
                *run = Run::EMPTY;
                *run = Run::before(self.take_block(class, requested)?, class);
            }
        }
    }

    /// Brings `cache` up to date with the phase: after the end of marking its blocks are no longer its own.
    fn attune(&self, cache: &mut AllocCache) {
        let phase = self.phase.load();
        assert!(cache.phase.same_heap(phase), "an allocation cache works only with the heap that made it");
        if cache.phase.epoch() != phase.epoch() {
            cache.runs = [Run::EMPTY; SlotClass::COUNT];
            self.accounts.allocated_before(cache.unreported);
            cache.unreported = 0;
        }
        cache.phase = phase;
    }

    fn report(&self, unreported: &mut usize) {
        if *unreported >= REPORT_BYTES {
            self.accounts.allocated(*unreported);
            *unreported = 0;
        }
    }

    /// A block of `class` with room, owned by the caller: one swept before, one swept now, or a fresh one.
    #[doc(alias = "refill")]
    fn take_block(&self, class: SlotClass, requested: usize) -> Result<Block, HeapError> {
        self.take_swept(class, SWEEP_TRIES)
            .or_else(|| self.take_fresh(class))
            .or_else(|| {
                self.sweep_all();
                self.take_swept(class, 0).or_else(|| self.take_fresh(class))
            })
            .ok_or_else(|| self.limit_reached(requested))
    }

    fn take_swept(&self, class: SlotClass, tries: usize) -> Option<Block> {
        let mut list = self.list(class);
        if let Some(block) = list.take_partial() {
            return Some(block);
        }
        for _ in 0..tries {
            let block = list.pop_unswept()?;
            list.push_swept(block);
            if self.sweep_block(block, class).has_room() {
                return Some(block);
            }
        }
        None
    }

    fn take_fresh(&self, class: SlotClass) -> Option<Block> {
        let block = self.pool.take(1)?;
        self.shapes.set(block, Shape::Small(class));
        self.list(class).push_swept(block);
        Some(block)
    }

    pub(super) fn limit_reached(&self, requested: usize) -> HeapError {
        HeapError::Limit { limit: self.arena.bytes(), requested, in_use: self.pool.bytes_in_use() }
    }
}
