//! The pool: sends each request to the right source, and readies what comes back.

use std::fmt;
use std::sync::Arc;

use barrier_arch::{SizeClass, StkbarSlice};

use crate::cache::StackCache;
use crate::config::Config;
use crate::error::StackError;
use crate::shared::Shared;
use crate::stack::Stack;
use crate::stats::Stats;

/// Allocates stacks, each with its barrier array stolen from the top.
///
/// A handle: clones share the pool, which lives as long as one of them or a [`StackCache`]. Stacks that are
/// still out then keep their memory for good, so that nothing running on one is pulled away.
///
/// ```
/// use stack_alloc::{Config, StackPool};
/// let pool = StackPool::new(Config::default());
/// let (stack, stkbars) = pool.alloc(64 * 1024)?;
/// assert_eq!(stack.base() % stack.size(), 0);
/// assert!(stack.usable().contains(&stkbars.stack_hi())); // the first frame begins below here
/// // SAFETY: nothing ever ran on it.
/// unsafe { pool.free(stack, stkbars) };
/// assert_eq!(pool.stats().in_use(), 0);
/// # Ok::<(), stack_alloc::StackError>(())
/// ```
#[derive(Clone)]
#[doc(alias = "stackpool")]
pub struct StackPool {
    shared: Arc<Shared>,
}

impl StackPool {
    /// A pool without a single stack yet.
    ///
    /// # Panics
    ///
    /// If the first distance of an exponential [`Config::spacing`] is not a power of two or is below
    /// [`Spacing::FIRST`](barrier_arch::Spacing::FIRST).
    pub fn new(config: Config) -> StackPool {
        config.check();
        StackPool { shared: Arc::new(Shared::new(config)) }
    }

    /// A stack of exactly `size` bytes, aligned to `size`, and its empty barrier array.
    ///
    /// A new stack is zero and not resident; a reused one holds what it held (poison, in poison mode). Both
    /// touch the top page only.
    ///
    /// # Errors
    ///
    /// [`StackError`] if `size` is no [`SizeClass`], or there is no memory, or the limit is reached. What the
    /// pool has cached is given back first, before the latter two are reported.
    #[doc(alias = "stackalloc")]
    pub fn alloc(&self, size: usize) -> Result<(Stack, StkbarSlice), StackError> {
        let class = SizeClass::of(size)?;
        let stack = self.shared.take(class)?;
        self.shared.ledger.pool.taken[class.index()].add(1);
        Ok(self.shared.ready(stack))
    }

    /// Takes a stack back. Its barrier array is emptied, nothing is written to any return slot, and the
    /// cookie that makes it a stack is cleared.
    ///
    /// # Safety
    ///
    /// The two come from one `alloc` of this pool or of one of its caches. No code runs on the stack or will
    /// return into it, and nobody walks it or holds a pointer into it or an alias of the array any more.
    #[doc(alias = "stackfree")]
    pub unsafe fn free(&self, stack: Stack, stkbars: StkbarSlice) {
        self.shared.ledger.pool.returned[stack.class().index()].add(1);
        // SAFETY: passed on.
        unsafe { self.shared.strip(&stack, stkbars) };
        self.shared.put(stack);
    }

    /// A cache of small stacks for one worker, which mostly spares it the pool's locks.
    pub fn cache(&self) -> StackCache {
        StackCache::new(Arc::clone(&self.shared))
    }

    /// Gives back everything that the pool has cached or in quarantine; not what the workers' caches hold.
    /// Says whether that was anything.
    ///
    /// For a runtime whose load has gone down, or that has been told to use less memory.
    pub fn trim(&self) -> bool {
        self.shared.trim()
    }

    /// What the pool has and what it did.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How it was made.
    pub fn config(&self) -> &Config {
        &self.shared.config
    }
}

impl Default for StackPool {
    fn default() -> StackPool {
        StackPool::new(Config::default())
    }
}

impl fmt::Debug for StackPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stats = self.stats();
        f.debug_struct("StackPool")
            .field("config", self.config())
            .field("in_use", &stats.in_use())
            .field("cached", &stats.cached())
            .field("mapped_bytes", &stats.mapped_bytes)
            .finish_non_exhaustive()
    }
}
