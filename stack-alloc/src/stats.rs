//! What a pool has and what it did.

use barrier_arch::SizeClass;

/// How often a cache had what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Times it had.
    pub hits: usize,
    /// Times it had not.
    pub misses: usize,
}

impl Rate {
    pub(crate) fn count(&mut self, hit: bool) {
        if hit { self.hits += 1 } else { self.misses += 1 }
    }
}

/// The stacks of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStats {
    /// Stacks allocated and not freed.
    pub in_use: usize,
    /// Free stacks that are mapped, in the pool or in the caches of workers.
    pub cached: usize,
}

/// A pool's statistics, from [`StackPool::stats`](crate::StackPool::stats).
///
/// Exact while nobody allocates or frees; otherwise each number was true at some moment of the call. At rest
/// `mapped_bytes` is `in_use_bytes() + cached_bytes() + stranded_bytes` (in electric fence mode the fences
/// and the quarantine come on top).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    classes: [ClassStats; SizeClass::COUNT],
    /// Bytes of address space mapped for stacks, in use or not. What is resident is less.
    pub mapped_bytes: usize,
    /// Mappings made and not unmapped. The kernel joins neighbours, so the process has fewer.
    pub mappings: usize,
    /// How often a worker's cache had a small stack.
    pub worker_caches: Rate,
    /// How often the pool had a stack above 32 KiB.
    pub large_cache: Rate,
    /// Bytes of cached stacks that were given back while they stayed mapped, in total. Counted in addresses:
    /// how many of the pages were resident, only the system knows.
    pub given_back_bytes: u64,
    /// Bytes unmapped, in total.
    pub unmapped_bytes: u64,
    /// Bytes of address space that the system would not unmap yet, because the process has too many mappings.
    /// Their memory was given back; unmapping is tried again.
    pub stranded_bytes: usize,
    /// Freed stacks in quarantine (electric fence mode).
    pub quarantined: usize,
    /// Their address space in bytes, fences included.
    pub quarantined_bytes: usize,
}

impl Stats {
    /// The stacks of one size.
    pub fn class(&self, class: SizeClass) -> ClassStats {
        self.classes[class.index()]
    }

    /// Stacks in use, of all sizes.
    pub fn in_use(&self) -> usize {
        self.classes.iter().map(|class| class.in_use).sum()
    }

    /// Free stacks that are mapped, of all sizes.
    pub fn cached(&self) -> usize {
        self.classes.iter().map(|class| class.cached).sum()
    }

    /// Bytes of the stacks in use.
    pub fn in_use_bytes(&self) -> usize {
        self.bytes(|class| class.in_use)
    }

    /// Bytes of the free stacks that are mapped.
    pub fn cached_bytes(&self) -> usize {
        self.bytes(|class| class.cached)
    }

    pub(crate) fn empty() -> Stats {
        Stats {
            classes: [ClassStats::default(); SizeClass::COUNT],
            mapped_bytes: 0,
            mappings: 0,
            worker_caches: Rate::default(),
            large_cache: Rate::default(),
            given_back_bytes: 0,
            unmapped_bytes: 0,
            stranded_bytes: 0,
            quarantined: 0,
            quarantined_bytes: 0,
        }
    }

    pub(crate) fn set_class(&mut self, class: SizeClass, stats: ClassStats) {
        self.classes[class.index()] = stats;
    }

    fn bytes(&self, count: impl Fn(&ClassStats) -> usize) -> usize {
        SizeClass::all().map(|class| count(&self.classes[class.index()]) * class.bytes()).sum()
    }
}
