//! A "stack" of plain memory, aligned to its size: nothing runs on it, so frames can be whatever a test
//! wants.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use barrier_arch::arch::SLOT_BYTES;
use barrier_arch::reference::Memory;
use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};

/// Bytes between two records.
pub const RECORD: usize = 2 * SLOT_BYTES;

/// Distance of record `index`'s slot below the top; what it saved lies one slot above.
pub const fn record(index: usize) -> usize {
    32 + RECORD * (index + 1)
}

pub struct PlainStack {
    base: NonNull<u8>,
    layout: Layout,
    pub bars: StkbarSlice,
}

impl PlainStack {
    pub fn new(bytes: usize, spacing: Spacing) -> PlainStack {
        let class = SizeClass::of(bytes).unwrap();
        let layout = Layout::from_size_align(bytes, bytes).unwrap();
        // SAFETY: the layout is not empty.
        let base =
            NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
        // SAFETY: aligned, that long, and it lives as long as `self`.
        let bars = unsafe { StkbarSlice::steal(base, class, spacing) };
        PlainStack { base, layout, bars }
    }

    /// Every word, array included: to see that nothing changed.
    pub fn snapshot(&self) -> Vec<usize> {
        (self.bars.base()..self.bars.top()).step_by(size_of::<usize>()).map(|a| self.load(a)).collect()
    }

    /// Overwrites position and length, in records.
    pub fn break_state(&mut self, position: usize, len: usize) {
        for (below, records) in [(24, position), (20, len)] {
            // SAFETY: two 32-bit words of the header, which is ours.
            unsafe { ((self.bars.top() - below) as *mut u32).write((records * RECORD) as u32) };
        }
    }

    /// Puts `pc` into slot and installs a barrier over it.
    pub fn install_over(&mut self, slot: usize, pc: usize) -> Result<(), patch::Refused> {
        self.store(slot, pc);
        // SAFETY: nothing runs on this stack; that the frame exists is the test's fiction.
        unsafe { patch::install(&self.bars, slot) }
    }
}

impl Memory for PlainStack {
    fn load(&self, address: usize) -> usize {
        assert!(
            (self.bars.base()..self.bars.top()).contains(&address)
                && address.is_multiple_of(size_of::<usize>())
        );
        // SAFETY: an aligned word of ours.
        unsafe { (address as *const usize).read() }
    }

    fn store(&mut self, address: usize, word: usize) {
        assert!(
            (self.bars.base()..self.bars.top()).contains(&address)
                && address.is_multiple_of(size_of::<usize>())
        );
        // SAFETY: as above.
        unsafe { (address as *mut usize).write(word) }
    }
}

impl Drop for PlainStack {
    fn drop(&mut self) {
        // SAFETY: allocated so.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}
