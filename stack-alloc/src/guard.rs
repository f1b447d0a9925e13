//! Guard pages: an overflow faults instead of running into the next stack.
//!
//! The guard is the lowest page *inside* the `2^k` bytes of a stack, so that stacks lie side by side and stay
//! aligned to their size.
//!
//! A page protected with `mprotect` splits the mapping around it in three, and a Linux process may have some
//! 65,000 mappings: thirty thousand guarded stacks, and then every `mmap` of the process fails. Linux 6.13
//! has guards that are marks in the page table instead (`MADV_GUARD_INSTALL`) and cost no mapping; they stay when the memory around them is
//! given back. Which of the two there is, the first pool of a process tries out on a page of its own: emulators (QEMU's user mode) say yes to
//! any advice and do nothing.

use std::ffi::c_int;
use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;

use barrier_arch::SizeClass;

use crate::mapping::{self, Mapping, Placement};
use crate::sync::{AtomicBool, Ordering};

/// Of the kernel's `asm-generic/mman-common.h`, the same on all architectures. Neither rustix (an enum) nor
/// libc names it.
const MADV_GUARD_INSTALL: c_int = 102;

/// Whether, and how, the lowest page of a stack is made inaccessible.
///
/// Stacks of fewer than four pages (below 16 KiB) have none: it would be half of them. They are for
/// code that checks its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum GuardPages {
    /// No guard page: for stacks whose code checks its limit in each prologue.
    Off,
    /// Marks in the page table where a try shows that the kernel makes them (Linux 6.13), `mprotect` otherwise.
    #[default]
    Cheapest,
    /// Always by `mprotect`, which takes up two mappings of the process for each stack.
    Mprotect,
}

/// Installs the guards of one pool.
#[derive(Debug)]
pub(crate) struct Guards {
    pages: GuardPages,
    page_bytes: usize,
    /// The system makes the marks, as far as we have heard.
    marks: AtomicBool,
}

impl Guards {
    pub(crate) fn new(pages: GuardPages) -> Guards {
        let page_bytes = rustix::param::page_size();
        let marks = AtomicBool::new(pages == GuardPages::Cheapest && marks_work(page_bytes));
        Guards { pages, page_bytes, marks }
    }

    /// Bytes of a page.
    pub(crate) fn page_bytes(&self) -> usize {
        self.page_bytes
    }

    /// Bytes at the bottom of a stack of `class` that are its guard.
    pub(crate) fn bytes(&self, class: SizeClass) -> usize {
        let guarded = self.pages != GuardPages::Off && class.bytes() >= 4 * self.page_bytes;
        if guarded { self.page_bytes } else { 0 }
    }

    /// Makes the page at `page` inaccessible.
    ///
    /// # Safety
    ///
    /// A page of anonymous memory which nobody has a right to touch any more.
    pub(crate) unsafe fn install(&self, page: NonNull<u8>) -> io::Result<()> {
        if self.marks.load(Ordering::Relaxed) {
            // SAFETY: passed on.
            match unsafe { mark(page, self.page_bytes) } {
                // Locked memory, say: there only the protection will do.
                Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                    self.marks.store(false, Ordering::Relaxed);
                }
                done => return done,
            }
        }
        // SAFETY: passed on.
        unsafe { mapping::forbid(page, self.page_bytes) }
    }
}

/// Does a marked page fault? Tried once in the life of the process.
fn marks_work(page_bytes: usize) -> bool {
    static WORK: OnceLock<bool> = OnceLock::new();
    let try_out = || {
        let page = Mapping::new(Placement::of_size(page_bytes)).ok()?;
        // SAFETY: a page of our own.
        unsafe { mark(page.start(), page_bytes) }.ok()?;
        Some(is_closed(&page))
    };
    *WORK.get_or_init(|| cfg!(target_os = "linux") && try_out().unwrap_or(false))
}

/// Is this page inaccessible? The system is asked to write there: where a store of our own would be a fault, it answers with an error.
fn is_closed(page: &Mapping) -> bool {
    // SAFETY: a page is longer than what `uname` writes, and this one is ours.
    unsafe { libc::uname(page.start().as_ptr().cast()) != 0 }
}

/// Marks pages as guards in the page table.
///
/// # Safety
///
/// As [`Guards::install`].
unsafe fn mark(start: NonNull<u8>, bytes: usize) -> io::Result<()> {
    loop {
        // SAFETY: passed on.
        if unsafe { libc::madvise(start.as_ptr().cast(), bytes, MADV_GUARD_INSTALL) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        // The kernel gives up when others keep faulting pages in there; it asks to be called again.
        if !matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the marks are tried out with: a page that is open, and one that is closed by the other means.
    #[test]
    fn a_closed_page_is_told_from_an_open_one() {
        let page_bytes = rustix::param::page_size();
        let mut page = Mapping::new(Placement::of_size(page_bytes)).unwrap();
        assert!(!is_closed(&page));
        page.forbid().unwrap();
        assert!(is_closed(&page));
    }

    #[test]
    fn only_stacks_of_four_pages_are_guarded() {
        for pages in [GuardPages::Off, GuardPages::Cheapest, GuardPages::Mprotect] {
            let guards = Guards::new(pages);
            for class in SizeClass::all() {
                let large_enough = class.bytes() >= 4 * guards.page_bytes();
                assert_eq!(guards.bytes(class) > 0, pages != GuardPages::Off && large_enough);
            }
        }
    }
}
