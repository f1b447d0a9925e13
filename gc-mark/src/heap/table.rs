//! Side tables: arrays of atomics that are mapped whole and become real memory as they are touched.

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

use super::error::HeapError;

/// Types for which all bits zero is a value, and which may be shared between threads.
///
/// # Safety
///
/// All bits zero is a valid value, the alignment is at most a page, and dropping does nothing.
pub(super) unsafe trait Zeroable: Sync {}

// SAFETY: an integer.
unsafe impl Zeroable for AtomicU32 {}
// SAFETY: an integer.
unsafe impl Zeroable for AtomicU64 {}

/// An array of `T`, all zero at first. Pages that were never written cost no memory.
pub(super) struct Table<T> {
    map: MmapRaw,
    len: usize,
    items: PhantomData<[T]>,
}

impl<T: Zeroable> Table<T> {
    /// An array of `len` zeroes.
    ///
    /// # Errors
    ///
    /// [`HeapError::Map`] if the host refuses.
    pub(super) fn zeroed(len: usize) -> Result<Table<T>, HeapError> {
        let map = map_zeroed(len * size_of::<T>())?;
        Ok(Table { map, len, items: PhantomData })
    }

    #[inline]
    pub(super) fn slice(&self) -> &[T] {
        // SAFETY: the mapping is page-aligned, holds `len` zeroed `T` at least, and lives as long as `self`; nobody
        // else knows it, and nobody writes it but through the atomics.
        unsafe { core::slice::from_raw_parts(self.map.as_ptr().cast(), self.len) }
    }
}

/// Maps `bytes` of zeroes, readable and writable, without reserving swap for them.
pub(super) fn map_zeroed(bytes: usize) -> Result<MmapRaw, HeapError> {
    let map = MmapOptions::new().len(bytes).no_reserve_swap().map_anon();
    map.map(MmapRaw::from).map_err(|source| HeapError::Map { bytes, source })
}
