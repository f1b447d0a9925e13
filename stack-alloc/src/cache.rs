//! One worker's own free small stacks.
//!
//! A spawn and an exit are then a pop and a push on a list that nobody else touches. A list that runs empty
//! is filled to half its capacity from the pool, one that is full is emptied to half, so that a worker who
//! does one spawn and one exit at either end does not go to the pool each time.

use std::fmt;
use std::sync::Arc;

use barrier_arch::{SizeClass, StkbarSlice};
use crossbeam_utils::CachePadded;

use crate::error::StackError;
use crate::ledger::Tally;
use crate::shared::Shared;
use crate::span::{SMALL_CLASSES, is_small};
use crate::stack::Stack;

/// Bytes of stacks that a list holds at most, but for those of few and large ones.
const LIST_BYTES: usize = 64 << 10;
/// Stacks that each list holds at least.
const LIST_MIN: usize = 8;

/// Allocates and frees like the pool it belongs to, from a cache of small stacks (up to 32 KiB). Larger ones
/// go to the pool.
///
/// Owned by one worker at a time; dropping it returns what it holds. A stack may be freed to another cache
/// than it came from.
///
/// ```
/// use stack_alloc::StackPool;
/// let pool = StackPool::default();
/// let mut cache = pool.cache();
/// std::thread::spawn(move || {
///     let (stack, stkbars) = cache.alloc(8192).unwrap();
///     // SAFETY: nothing ever ran on it.
///     unsafe { cache.free(stack, stkbars) };
/// })
/// .join()
/// .unwrap();
/// assert_eq!(pool.stats().in_use(), 0);
/// ```
#[doc(alias = "stackcache")]
#[doc(alias = "mcache")]
pub struct StackCache {
    shared: Arc<Shared>,
    tally: Arc<CachePadded<Tally>>,
    lists: [Vec<Stack>; SMALL_CLASSES],
}

impl StackCache {
    pub(crate) fn new(shared: Arc<Shared>) -> StackCache {
        let tally = shared.ledger.open();
        StackCache { shared, tally, lists: [const { Vec::new() }; SMALL_CLASSES] }
    }

    /// As [`StackPool::alloc`](crate::StackPool::alloc).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn alloc(&mut self, size: usize) -> Result<(Stack, StkbarSlice), StackError> {
        let class = SizeClass::of(size)?;
        let stack = if self.caches(class) { self.take_small(class)? } else { self.shared.take(class)? };
        self.tally.taken[class.index()].bump();
        Ok(self.shared.ready(stack))
    }

    /// As [`StackPool::free`](crate::StackPool::free).
    ///
    /// # Safety
    ///
    /// As there.
    pub unsafe fn free(&mut self, stack: Stack, stkbars: StkbarSlice) {
        self.tally.returned[stack.class().index()].bump();
        // SAFETY: passed on.
        unsafe { self.shared.strip(&stack, stkbars) };
        if self.caches(stack.class()) {
            self.put_small(stack);
        } else {
            self.shared.put(stack);
        }
    }

    /// Returns everything it holds to the pool: for a worker that goes to sleep.
    #[doc(alias = "stackcache_clear")]
    pub fn flush(&mut self) {
        for (list, class) in self.lists.iter_mut().zip(SizeClass::all()) {
            self.shared.put_batch(class, list.drain(..));
        }
    }

    /// Is `class` kept here? In electric fence mode nothing is.
    fn caches(&self, class: SizeClass) -> bool {
        is_small(class) && !self.shared.config.electric_fence
    }

    #[doc(alias = "stackcacherefill")]
    fn take_small(&mut self, class: SizeClass) -> Result<Stack, StackError> {
        let list = &mut self.lists[class.index()];
        if let Some(stack) = list.pop() {
            self.tally.hits.bump();
            return Ok(stack);
        }
        self.tally.misses.bump();
        self.shared.take_batch(class, list, capacity(class) / 2)?;
        Ok(list.pop().expect("a batch is one stack at least"))
    }

    #[doc(alias = "stackcacherelease")]
    fn put_small(&mut self, stack: Stack) {
        let class = stack.class();
        let list = &mut self.lists[class.index()];
        list.push(stack);
        if list.len() > capacity(class) {
            // The ones that were freed longest ago: the others are warm.
            self.shared.put_batch(class, list.drain(..capacity(class) / 2));
        }
    }
}

impl Drop for StackCache {
    fn drop(&mut self) {
        self.flush();
        self.shared.ledger.close(&self.tally);
    }
}

impl fmt::Debug for StackCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackCache")
            .field("lists", &self.lists.each_ref().map(Vec::len))
            .finish_non_exhaustive()
    }
}

/// Stacks of `class` that a list holds at most.
fn capacity(class: SizeClass) -> usize {
    (LIST_BYTES / class.bytes()).max(LIST_MIN)
}
