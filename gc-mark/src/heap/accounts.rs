//! Bytes live, bytes allocated since, and when the next collection is due.
//!
//! Sizes are those of slots. Caches count for themselves and report when they take a new block, so `allocated` lags
//! by less than one block per slot class and cache.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::config::HeapConfig;

/// The heap's counters.
pub(super) struct Accounts {
    config: HeapConfig,
    /// Live bytes, as the last finished sweep counted them.
    live: AtomicUsize,
    /// What the sweep that goes on has counted so far.
    counted: AtomicUsize,
    /// Allocated since the last `end_marking`.
    allocated: AtomicUsize,
    /// Allocated since the heap was made.
    total: AtomicU64,
    goal: AtomicUsize,
    /// The newest epoch in which everything has been swept.
    swept: AtomicU64,
    finishing: Mutex<()>,
}

impl Accounts {
    pub(super) fn new(config: HeapConfig, epoch: u64) -> Accounts {
        Accounts {
            config,
            live: AtomicUsize::new(0),
            counted: AtomicUsize::new(0),
            allocated: AtomicUsize::new(0),
            total: AtomicU64::new(0),
            goal: AtomicUsize::new(config.goal(0)),
            swept: AtomicU64::new(epoch),
            finishing: Mutex::new(()),
        }
    }

    /// `bytes` were allocated in the current epoch.
    pub(super) fn allocated(&self, bytes: usize) {
        self.allocated.fetch_add(bytes, Ordering::Relaxed);
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// `bytes` were allocated before the last `end_marking`, so that its sweep counts them.
    pub(super) fn allocated_before(&self, bytes: usize) {
        self.total.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A sweep found `bytes` live.
    pub(super) fn found_live(&self, bytes: usize) {
        self.counted.fetch_add(bytes, Ordering::Relaxed);
    }

    /// World stopped, marking complete: the count starts over.
    pub(super) fn restart(&self) {
        self.counted.store(0, Ordering::Relaxed);
        self.allocated.store(0, Ordering::Relaxed);
    }

    /// Everything is swept in `epoch`. Several threads may find that out; one of them draws the conclusions.
    pub(super) fn finish(&self, epoch: u64) {
        let _one = self.finishing.lock();
        if self.swept.load(Ordering::Relaxed) < epoch {
            let live = self.counted.load(Ordering::Relaxed);
            self.live.store(live, Ordering::Relaxed);
            self.goal.store(self.config.goal(live), Ordering::Relaxed);
            self.swept.store(epoch, Ordering::Release);
        }
    }

    pub(super) fn is_swept(&self, epoch: u64) -> bool {
        self.swept.load(Ordering::Acquire) >= epoch
    }

    pub(super) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    pub(super) fn allocated_since(&self) -> usize {
        self.allocated.load(Ordering::Relaxed)
    }

    pub(super) fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    pub(super) fn goal(&self) -> usize {
        self.goal.load(Ordering::Relaxed)
    }
}
