//! Who took and returned how many stacks, counted without a lock.
//!
//! Each worker's cache has a tally of its own that only it writes; the pool has one for what does not go
//! through a cache. A stack may be taken by one worker and returned by another, so only the sums over all
//! tallies mean anything. A cache that ends has its tally added to the pool's.

use std::sync::Arc;

use barrier_arch::SizeClass;
use crossbeam_utils::CachePadded;

use crate::memory::lock;
use crate::stats::Rate;
use crate::sync::{AtomicUsize, Mutex, Ordering};

/// Counters of one writer, or of several if they only [`Counter::add`].
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) taken: [Counter; SizeClass::COUNT],
    pub(crate) returned: [Counter; SizeClass::COUNT],
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
}

/// A number that anyone may read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    /// One more, from its only writer: no locked instruction.
    pub(crate) fn bump(&self) {
        self.0.store(self.get() + 1, Ordering::Relaxed);
    }

    /// More, from one of several writers.
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// All tallies of one pool.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// What does not go through a cache, and what went through caches that are gone.
    pub(crate) pool: Tally,
    caches: Mutex<Vec<Arc<CachePadded<Tally>>>>,
}

impl Ledger {
    /// A tally for a new cache.
    pub(crate) fn open(&self) -> Arc<CachePadded<Tally>> {
        let tally = Arc::default();
        lock(&self.caches).push(Arc::clone(&tally));
        tally
    }

    /// Adds a cache's tally to the pool's.
    pub(crate) fn close(&self, tally: &Arc<CachePadded<Tally>>) {
        let mut caches = lock(&self.caches);
        caches.retain(|other| !Arc::ptr_eq(other, tally));
        for i in 0..SizeClass::COUNT {
            self.pool.taken[i].add(tally.taken[i].get());
            self.pool.returned[i].add(tally.returned[i].get());
        }
        self.pool.hits.add(tally.hits.get());
        self.pool.misses.add(tally.misses.get());
    }

    /// Stacks of each class taken and not returned.
    pub(crate) fn in_use(&self) -> [usize; SizeClass::COUNT] {
        let caches = lock(&self.caches);
        let sum = |of: &dyn Fn(&Tally) -> usize| of(&self.pool) + caches.iter().map(|t| of(t)).sum::<usize>();
        std::array::from_fn(|i| {
            // While others count, the two sums are of different moments.
            let returned = sum(&|tally| tally.returned[i].get());
            sum(&|tally| tally.taken[i].get()).saturating_sub(returned)
        })
    }

    /// What the caches had and had not.
    pub(crate) fn rate(&self) -> Rate {
        let caches = lock(&self.caches);
        let all = || caches.iter().map(|tally| &***tally).chain([&self.pool]);
        Rate { hits: all().map(|t| t.hits.get()).sum(), misses: all().map(|t| t.misses.get()).sum() }
    }
}
