//! The arena: one reservation of address space that holds all objects.
//!
//! ```text
//!    mapping ──┐                                                          limit, rounded up to blocks
//!              ▼                                                        ◄──────────────────────────────►
//!              ┌ ─ ─ ─ ─┬──────────────┬──────────────┬──────────────┬ ─ ─ ─ ─┐
//!                unused │ block 0      │ block 1      │ …            │ unused
//!              └ ─ ─ ─ ─┴──────────────┴──────────────┴──────────────┴ ─ ─ ─ ─┘
//!                       ▲ base, a multiple of 64 KiB
//! ```
//!
//! It is mapped once, so "is this word an address of an object?" is one subtraction and one compare; it becomes real
//! memory as it is touched. Inside the heap an object is known by its *offset* from `base`.

use std::io;
use std::ptr::NonNull;

use memmap2::MmapRaw;
use rustix::mm::{Advice, madvise};

use super::block::{BLOCK_BYTES, Block, MAX_BLOCKS};
use super::error::HeapError;
use super::table::map_zeroed;

/// The largest limit, in bytes.
pub(super) const MAX_BYTES: usize = MAX_BLOCKS * BLOCK_BYTES;

/// The reservation.
pub(super) struct Arena {
    base: NonNull<u8>,
    blocks: usize,
    _map: MmapRaw,
}

// SAFETY: `base` points into the mapping that the arena owns, and the arena itself never reads or writes through it.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    /// Reserves `limit_bytes`, rounded up to whole blocks.
    ///
    /// # Errors
    ///
    /// [`HeapError::BadLimit`] if that is nothing or too much to number, [`HeapError::Map`] if the host refuses.
    pub(super) fn reserve(limit_bytes: usize) -> Result<Arena, HeapError> {
        if limit_bytes == 0 || limit_bytes > MAX_BYTES {
            return Err(HeapError::BadLimit { limit: limit_bytes });
        }
        let blocks = limit_bytes.div_ceil(BLOCK_BYTES);
        let map = map_zeroed((blocks + 1) * BLOCK_BYTES)?;
        let start = map.as_mut_ptr();
        let aligned = start.wrapping_add(start.align_offset(BLOCK_BYTES));
        let base = NonNull::new(aligned).expect("no mapping ends at the top of the address space");
        Ok(Arena { base, blocks, _map: map })
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    pub(super) fn bytes(&self) -> usize {
        self.blocks * BLOCK_BYTES
    }

    /// The offset of `address` from the base; not below [`Arena::bytes`] if it lies outside.
    #[inline]
    pub(super) fn offset_of(&self, address: usize) -> usize {
        address.wrapping_sub(self.base.addr().get())
    }

    #[inline]
    pub(super) fn contains(&self, address: usize) -> bool {
        self.offset_of(address) < self.blocks * BLOCK_BYTES
    }

    #[inline]
    pub(super) fn address_of(&self, offset: usize) -> usize {
        self.base.addr().get() + offset
    }

    /// A pointer to the byte at `offset`, good for the whole object there.
    #[inline]
    pub(super) fn pointer(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset < self.bytes());
        // SAFETY: every offset that the heap computes lies inside the mapping.
        unsafe { self.base.add(offset) }
    }

    /// Gives the memory of `blocks` blocks from `first` on back to the host; they read as zero afterwards.
    ///
    /// # Safety
    ///
    /// The blocks are free, and nobody takes them meanwhile.
    pub(super) unsafe fn discard(&self, first: Block, blocks: usize) -> io::Result<()> {
        let start = self.pointer(first.start());
        // SAFETY: the range lies in our own mapping, and no object in it is lost by the caller's promise.
        unsafe { madvise(start.as_ptr().cast(), blocks * BLOCK_BYTES, Advice::LinuxDontNeed) }?;
        Ok(())
    }
}
