//! Where a pool's mappings come from and go to, and the account of them.
//!
//! Rules:
//!
//! * what is mapped is reserved under the limit before it is mapped;
//! * a mapping that the system will not unmap (the process has too many maps to split one more) is not
//!   forgotten: its memory is given back, its addresses are *stranded* and tried again at every chance.

use std::ptr::NonNull;
use std::sync::PoisonError;

use crate::config::Config;
use crate::error::StackError;
use crate::guard::Guards;
use crate::mapping::{self, Mapping, Placement};
use crate::stack::Stack;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, MutexGuard, Ordering};

/// Maps, guards, gives back and counts.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) guards: Guards,
    limit: usize,
    mapped: AtomicUsize,
    mappings: AtomicUsize,
    advised: AtomicU64,
    unmapped: AtomicU64,
    stranded: Mutex<Vec<Mapping>>,
}

/// The account, in bytes but for `mappings`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) mapped: usize,
    pub(crate) mappings: usize,
    pub(crate) advised: u64,
    pub(crate) unmapped: u64,
    pub(crate) stranded: usize,
}

impl Memory {
    pub(crate) fn new(config: &Config) -> Memory {
        Memory {
            guards: Guards::new(config.guard),
            limit: config.limit.unwrap_or(usize::MAX),
            mapped: AtomicUsize::new(0),
            mappings: AtomicUsize::new(0),
            advised: AtomicU64::new(0),
            unmapped: AtomicU64::new(0),
            stranded: Mutex::new(Vec::new()),
        }
    }

    /// A new mapping, within the limit.
    pub(crate) fn map(&self, place: Placement) -> Result<Mapping, StackError> {
        self.reserve(place.bytes)?;
        Mapping::new(place).inspect(|_| self.count_mapping()).map_err(|refused| {
            self.mapped.fetch_sub(place.bytes, Ordering::Relaxed);
            if let Some(left) = refused.left {
                // It is there, whatever the limit says.
                self.mapped.fetch_add(left.len(), Ordering::Relaxed);
                self.count_mapping();
                self.unmap(left);
            }
            StackError::Map { bytes: place.bytes, source: refused.source }
        })
    }

    /// Unmaps, now or at the next chance.
    pub(crate) fn unmap(&self, mapping: Mapping) {
        let bytes = mapping.len();
        match mapping.unmap() {
            Ok(()) => self.count_unmapped(bytes),
            Err(mut mapping) => {
                mapping.discard();
                lock(&self.stranded).push(mapping);
            }
        }
    }

    /// Tries again to unmap what is stranded. Did some go?
    pub(crate) fn retry_stranded(&self) -> bool {
        let waiting = std::mem::take(&mut *lock(&self.stranded));
        let before = self.mappings.load(Ordering::Relaxed);
        waiting.into_iter().for_each(|mapping| self.unmap(mapping));
        self.mappings.load(Ordering::Relaxed) < before
    }

    /// Makes the lowest page of a stack inaccessible, if its class has a guard.
    ///
    /// # Safety
    ///
    /// `base` is the lowest address of a mapped stack of that size, which nobody uses yet.
    pub(crate) unsafe fn guard(
        &self,
        base: NonNull<u8>,
        class: barrier_arch::SizeClass,
    ) -> Result<(), StackError> {
        if self.guards.bytes(class) == 0 {
            return Ok(());
        }
        // SAFETY: passed on.
        unsafe { self.guards.install(base) }
            .map_err(|source| StackError::Guard { bytes: class.bytes(), source })
    }

    /// Lets the system take the pages of a freed stack that lie more than `keep` bytes below its top.
    ///
    /// `MADV_DONTNEED`, not `MADV_FREE`: the pages are gone at once, so that resident memory says how much is
    /// really used; what they would save is a page fault at the depth of a *later* task, which may never come
    /// there.
    ///
    /// # Safety
    ///
    /// The stack is whole pages, and nobody uses it.
    pub(crate) unsafe fn give_back(&self, stack: &Stack, keep: usize) {
        let bytes = (stack.top() - stack.limit()).saturating_sub(keep);
        if bytes == 0 {
            return;
        }
        // SAFETY: within the stack.
        let from = unsafe { stack.as_ptr().add(stack.limit() - stack.base()) };
        // SAFETY: whole pages that nobody uses.
        if unsafe { mapping::discard(from, bytes) } {
            self.advised.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account {
            mapped: self.mapped.load(Ordering::Relaxed),
            mappings: self.mappings.load(Ordering::Relaxed),
            advised: self.advised.load(Ordering::Relaxed),
            unmapped: self.unmapped.load(Ordering::Relaxed),
            stranded: lock(&self.stranded).iter().map(Mapping::len).sum(),
        }
    }

    /// Takes `bytes` of what the limit leaves.
    fn reserve(&self, bytes: usize) -> Result<(), StackError> {
        let within = |mapped: usize| mapped.checked_add(bytes).filter(|&sum| sum <= self.limit);
        match self.mapped.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
            Ok(_) => Ok(()),
            Err(mapped) => Err(StackError::Limit { limit: self.limit, mapped, asked: bytes }),
        }
    }

    fn count_mapping(&self) {
        self.mappings.fetch_add(1, Ordering::Relaxed);
    }

    fn count_unmapped(&self, bytes: usize) {
        self.mapped.fetch_sub(bytes, Ordering::Relaxed);
        self.mappings.fetch_sub(1, Ordering::Relaxed);
        self.unmapped.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Locks; what a panicking thread left behind is whole, since nothing here panics halfway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
