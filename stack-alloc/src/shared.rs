//! What the handles and caches of one pool share.
//!
//! ```text
//!   StackCache ── batch ──┐
//!                         ├── ≤ 32 KiB:  Central (one lock per size) ── Span ──┐
//!   StackPool ────────────┤── above:     Large (cached by size) ───────────────┤── Memory ── the system
//!                         └── debugging: electric fence, Quarantine ───────────┘
//! ```
//!
//! Locks: each is held for a few steps in memory, never while another is taken and never across a system
//! call.

use std::iter;

use barrier_arch::{SizeClass, StkbarSlice, patch};
use crossbeam_utils::CachePadded;

use crate::central::Central;
use crate::config::Config;
use crate::error::StackError;
use crate::fence::{self, Quarantine};
use crate::large::{self, KEPT_BYTES, Large};
use crate::ledger::Ledger;
use crate::mapping::{Mapping, Placement};
use crate::memory::{Memory, lock};
use crate::poison;
use crate::span::{SMALL_CLASSES, Span, is_small};
use crate::stack::Stack;
use crate::stats::{ClassStats, Stats};
use crate::sync::Mutex;

/// The pool itself.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ledger: Ledger,
    memory: Memory,
    small: [CachePadded<Mutex<Central>>; SMALL_CLASSES],
    large: Mutex<Large>,
    quarantine: Mutex<Quarantine>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Shared {
        let mut classes = SizeClass::all();
        Shared {
            config,
            ledger: Ledger::default(),
            memory: Memory::new(&config),
            small: std::array::from_fn(|_| {
                CachePadded::new(Mutex::new(Central::new(
                    classes.next().expect("more classes than small ones"),
                )))
            }),
            large: Mutex::new(Large::new(config.cached_per_class)),
            quarantine: Mutex::default(),
        }
    }

    /// A stack from wherever stacks of `class` come from. If there is none, tries again with all caches
    /// emptied.
    pub(crate) fn take(&self, class: SizeClass) -> Result<Stack, StackError> {
        self.retrying(|| {
            if self.config.electric_fence {
                fence::map(&self.memory, class)
            } else if is_small(class) {
                self.take_small(class)
            } else {
                self.take_large(class)
            }
        })
    }

    /// Fills `stash` up to `count` small stacks; one at least, or an error.
    pub(crate) fn take_batch(
        &self,
        class: SizeClass,
        stash: &mut Vec<Stack>,
        count: usize,
    ) -> Result<(), StackError> {
        if stash.is_empty() {
            stash.push(self.take(class)?);
        }
        let mut central = lock(self.central(class));
        while stash.len() < count {
            let Some(stack) = central.take() else { break };
            stash.push(stack);
        }
        Ok(())
    }

    /// Takes a stripped stack back.
    pub(crate) fn put(&self, stack: Stack) {
        if self.config.electric_fence {
            self.put_fenced(stack);
        } else if is_small(stack.class()) {
            self.put_batch(stack.class(), iter::once(stack));
        } else {
            self.put_large(stack);
        }
    }

    /// Takes stripped small stacks of one class back, under one lock.
    pub(crate) fn put_batch(&self, class: SizeClass, stacks: impl Iterator<Item = Stack>) {
        let unused: Vec<Mapping> = {
            let mut central = lock(self.central(class));
            stacks.filter_map(|stack| central.put(stack)).collect()
        };
        unused.into_iter().for_each(|mapping| self.memory.unmap(mapping));
    }

    /// Steals the barrier array of a stack that goes out.
    pub(crate) fn ready(&self, mut stack: Stack) -> (Stack, StkbarSlice) {
        // SAFETY: nobody has it yet.
        unsafe { stack.begin() };
        if self.config.poison {
            // SAFETY: nobody has it yet.
            unsafe { poison::fill(&stack) };
        }
        // SAFETY: aligned by its class; the top is writable, and the stack's owner keeps out of what is
        // stolen.
        let stkbars = unsafe { StkbarSlice::steal(stack.as_ptr(), stack.class(), self.config.spacing) };
        (stack, stkbars)
    }

    /// Makes a stack that comes in plain memory again (I12).
    ///
    /// # Safety
    ///
    /// As [`StackPool::free`](crate::StackPool::free).
    pub(crate) unsafe fn strip(&self, stack: &Stack, stkbars: StkbarSlice) {
        debug_assert_eq!(stkbars.base(), stack.base(), "the array of another stack");
        // SAFETY: no frame will be returned from, by the caller's promise.
        unsafe { patch::purge(&stkbars) };
        // SAFETY: nobody uses it any more.
        unsafe { stack.end() };
        stkbars.retire();
        if self.config.poison {
            // SAFETY: nobody uses it any more.
            unsafe { poison::fill(stack) };
        }
    }

    /// Unmaps all that is cached here. Was there anything?
    pub(crate) fn trim(&self) -> bool {
        let large = lock(&self.large).drain().into_iter().map(large::into_mapping);
        let spares = self.small.iter().flat_map(|central| iter::from_fn(|| lock(central).give_up_spare()));
        let quarantined = iter::from_fn(|| lock(&self.quarantine).release());
        let unmapped =
            large.chain(spares).chain(quarantined).map(|mapping| self.memory.unmap(mapping)).count();
        self.memory.retry_stranded() || unmapped > 0
    }

    pub(crate) fn stats(&self) -> Stats {
        let account = self.memory.account();
        let in_use = self.ledger.in_use();
        let mut stats = Stats::empty();
        for class in SizeClass::all() {
            let in_use = in_use[class.index()];
            stats.set_class(class, ClassStats { in_use, cached: self.cached(class, in_use) });
        }
        (stats.quarantined, stats.quarantined_bytes) = lock(&self.quarantine).size();
        stats.worker_caches = self.ledger.rate();
        stats.large_cache = lock(&self.large).rate;
        stats.mapped_bytes = account.mapped;
        stats.mappings = account.mappings;
        stats.given_back_bytes = account.advised;
        stats.unmapped_bytes = account.unmapped;
        stats.stranded_bytes = account.stranded;
        stats
    }

    /// Free stacks of `class`: of the small ones, all that are mapped and not in use.
    fn cached(&self, class: SizeClass, in_use: usize) -> usize {
        if is_small(class) {
            lock(self.central(class)).stacks().saturating_sub(in_use)
        } else {
            lock(&self.large).cached(class)
        }
    }

    fn retrying<T>(&self, mut attempt: impl FnMut() -> Result<T, StackError>) -> Result<T, StackError> {
        attempt().or_else(|error| if self.trim() { attempt() } else { Err(error) })
    }

    fn take_small(&self, class: SizeClass) -> Result<Stack, StackError> {
        if let Some(stack) = lock(self.central(class)).take() {
            return Ok(stack);
        }
        // Two workers may both come here and map a span each: better than one waiting for the other's system
        // calls.
        let mut span = Span::map(&self.memory, class)?;
        let stack = span.take().expect("a new span has free stacks");
        lock(self.central(class)).adopt(span);
        Ok(stack)
    }

    fn take_large(&self, class: SizeClass) -> Result<Stack, StackError> {
        if let Some(stack) = lock(&self.large).take(class) {
            return Ok(stack);
        }
        let mapping = self.memory.map(Placement::of_size(class.bytes()))?;
        // SAFETY: fresh, and of that size.
        if let Err(error) = unsafe { self.memory.guard(mapping.start(), class) } {
            self.memory.unmap(mapping);
            return Err(error);
        }
        // SAFETY: a mapping of that size and alignment, owned by the stack from here on.
        Ok(unsafe { Stack::new(mapping.leak(), class, self.memory.guards.bytes(class)) })
    }

    fn put_large(&self, stack: Stack) {
        // SAFETY: it was freed; above 32 KiB it is whole pages.
        unsafe { self.memory.give_back(&stack, KEPT_BYTES) };
        let one_too_many = lock(&self.large).put(stack);
        if let Err(stack) = one_too_many {
            self.memory.unmap(large::into_mapping(stack));
        }
    }

    fn put_fenced(&self, stack: Stack) {
        let closed = fence::close(&self.memory, stack);
        let oldest = lock(&self.quarantine).put(closed);
        if let Some(mapping) = oldest {
            self.memory.unmap(mapping);
        }
    }

    fn central(&self, class: SizeClass) -> &Mutex<Central> {
        &self.small[class.index()]
    }
}
