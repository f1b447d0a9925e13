//! A range of pages from the system, at an alignment of one's own choice.
//!
//! The system aligns to pages only, so more is reserved and the excess unmapped again:
//!
//! ```text
//!   reserved  |··········|============================|·····|
//!             head       start          ^             end   tail
//!                        <-- before --> aligned
//! ```
//!
//! Head and tail exist for a moment, as address space; where that is too small for them (a stack of a gigabyte among 32-bit addresses), the
//! aligned places are tried one by one. The mapping is placed as high as it fits: Linux maps
//! from the top down, each reservation just below the last mapping, so that mappings of one size lie side by
//! side and the kernel joins them into one.

use std::ffi::c_void;
use std::io;
use std::mem;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};

/// How a mapping is to lie. All in bytes and whole pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// Its length.
    pub(crate) bytes: usize,
    /// A power of two …
    pub(crate) align: usize,
    /// … to which the address this far into the mapping is aligned.
    pub(crate) before: usize,
}

impl Placement {
    /// The whole mapping aligned to its own size.
    pub(crate) fn of_size(bytes: usize) -> Placement {
        Placement { bytes, align: bytes, before: 0 }
    }
}

/// Pages that are ours: readable, writable, zero until written; unmapped on drop.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it owns its pages, which are not tied to a thread.
unsafe impl Send for Mapping {}

/// There is no mapping.
#[derive(Debug)]
pub(crate) struct NotMapped {
    /// What the system said.
    pub(crate) source: io::Error,
    /// What could not be trimmed to its place: longer, and to be unmapped.
    pub(crate) left: Option<Mapping>,
}

impl From<io::Error> for NotMapped {
    fn from(source: io::Error) -> NotMapped {
        NotMapped { source, left: None }
    }
}

impl Mapping {
    /// Maps private anonymous memory.
    ///
    /// No swap is reserved for it: most of a stack is never touched. `MAP_STACK` says what it is for, so that
    /// Linux (6.7 and later) does not make 2 MiB pages of the few pages that are.
    pub(crate) fn new(place: Placement) -> Result<Mapping, NotMapped> {
        let too_long = || io::Error::from(io::ErrorKind::OutOfMemory);
        let reserve = place.bytes.checked_add(place.align).ok_or_else(too_long)?;
        let reserved = match Mapping::map(0, reserve, MapFlags::empty()) {
            Ok(reserved) => reserved,
            Err(error) => return Mapping::at_some_place(place).ok_or(error.into()),
        };
        let start = reserved.start.addr().get();
        let highest = start + reserved.len - place.bytes + place.before;
        let aligned = highest & !(place.align - 1);
        let mut mapping = reserved;
        match mapping.trim(aligned - place.before - start, place.bytes) {
            Ok(()) => Ok(mapping),
            Err(source) => Err(NotMapped { source, left: Some(mapping) }),
        }
    }

    /// The highest place that is aligned and free, if there are few enough to try them all.
    fn at_some_place(place: Placement) -> Option<Mapping> {
        const FEW: usize = 64;
        let places = usize::MAX / place.align;
        let mut starts = { 1..=places }.rev().filter_map(|i| (i * place.align).checked_sub(place.before));
        let try_at = |start| Mapping::map(start, place.bytes, MapFlags::FIXED_NOREPLACE).ok();
        if places > FEW { None } else { starts.find_map(try_at) }
    }

    /// New pages; at `hint`, or not at all, if `flags` say so.
    fn map(hint: usize, len: usize, flags: MapFlags) -> io::Result<Mapping> {
        let flags = flags | MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: fresh pages, over no others.
        let start = unsafe { mmap_anonymous(ptr::without_provenance_mut(hint), len, prot, flags) }?;
        let mapping =
            Mapping { start: NonNull::new(start.cast()).expect("nothing is mapped at address 0"), len };
        // Kernels before 4.17 do not know the flag, and map elsewhere.
        if flags.contains(MapFlags::FIXED_NOREPLACE) && mapping.start.addr().get() != hint {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(mapping)
    }

    /// Unmaps all but the `len` bytes that start `head` bytes in.
    ///
    /// Unmapping the middle of what the kernel keeps as one map makes two, and that may be one too many. Then
    /// all is to be unmapped, which cannot need more maps than there were before.
    fn trim(&mut self, head: usize, len: usize) -> io::Result<()> {
        let tail = self.len - head - len;
        if tail > 0 {
            // SAFETY: pages of ours, of which nobody knows yet.
            unsafe { munmap(self.at(head + len), tail) }?;
            self.len -= tail;
        }
        if head > 0 {
            // SAFETY: as above.
            unsafe { munmap(self.at(0), head) }?;
            // SAFETY: within the mapping.
            self.start = unsafe { self.start.add(head) };
            self.len -= head;
        }
        Ok(())
    }

    /// Its first byte.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn at(&self, offset: usize) -> *mut c_void {
        self.start.as_ptr().wrapping_add(offset).cast()
    }

    /// Gives up ownership; [`Mapping::from_raw`] takes it again.
    pub(crate) fn leak(self) -> NonNull<u8> {
        mem::ManuallyDrop::new(self).start
    }

    /// Takes ownership of pages.
    ///
    /// # Safety
    ///
    /// `start` is page-aligned; the `len` bytes from there are whole pages, and were given up by
    /// [`Mapping::leak`].
    pub(crate) unsafe fn from_raw(start: NonNull<u8>, len: usize) -> Mapping {
        Mapping { start, len }
    }

    /// Unmaps it.
    ///
    /// # Errors
    ///
    /// The mapping itself: unmapping the middle of what the kernel keeps as one map needs one more.
    pub(crate) fn unmap(self) -> Result<(), Mapping> {
        // SAFETY: its owner parts with the pages.
        match unsafe { munmap(self.at(0), self.len) } {
            Ok(()) => {
                mem::forget(self);
                Ok(())
            }
            Err(_) => Err(self),
        }
    }

    /// Lets the system take all pages back; they are zero when touched again. Says whether it did.
    pub(crate) fn discard(&mut self) -> bool {
        // SAFETY: our pages, exclusively.
        unsafe { discard(self.start, self.len) }
    }

    /// Makes every page inaccessible.
    pub(crate) fn forbid(&mut self) -> io::Result<()> {
        // SAFETY: our pages, exclusively.
        unsafe { forbid(self.start, self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: its owner parts with the pages. If the system refuses, they stay mapped.
        let _refused = unsafe { munmap(self.at(0), self.len) };
    }
}

/// Lets the system take pages back; they are zero when touched again. Says whether it did.
///
/// # Safety
///
/// Whole pages of anonymous memory, of whose content nobody has need.
pub(crate) unsafe fn discard(start: NonNull<u8>, bytes: usize) -> bool {
    // SAFETY: passed on.
    unsafe { madvise(start.as_ptr().cast(), bytes, Advice::LinuxDontNeed) }.is_ok()
}

/// Makes pages inaccessible, by their protection: the kernel keeps them as a map of their own.
///
/// # Safety
///
/// Whole pages which nobody has a right to touch any more.
pub(crate) unsafe fn forbid(start: NonNull<u8>, bytes: usize) -> io::Result<()> {
    // SAFETY: passed on.
    Ok(unsafe { mprotect(start.as_ptr().cast(), bytes, MprotectFlags::empty()) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_to_be_aligned_is() {
        let page = rustix::param::page_size();
        for log2 in [12, 13, 16, 21, 30] {
            for before in [0, page, 3 * page] {
                let place = Placement { bytes: before + (1 << log2), align: (1 << log2).max(page), before };
                let map = Mapping::new(place).unwrap();
                assert_eq!((map.start().addr().get() + before) % place.align, 0);
                assert_eq!(map.len(), place.bytes);
                for end in [0, map.len() - 1] {
                    // SAFETY: within our own pages.
                    unsafe { map.start().add(end).write_volatile(1) };
                }
            }
        }
    }

    #[test]
    fn absurd_lengths_are_refused() {
        let page = rustix::param::page_size();
        for bytes in [usize::MAX - page, usize::MAX / 16 * 15 / page * page] {
            assert!(Mapping::new(Placement { bytes, align: page, before: 0 }).is_err());
        }
    }
}
