//! Memory that is a stack.

use core::ffi::c_void;
use core::ops::Range;

use super::hooks::hooks;
use super::valgrind;

/// Memory that tools were told is a stack, until it is given [back](Area::end).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "they are to be told when it ends, too"]
pub struct Area {
    valgrind: usize,
}

impl Area {
    /// The memory at these addresses is a stack from now on, on which nothing stands yet.
    ///
    /// # Safety
    ///
    /// It is readable until [`Area::end`], and nobody uses it.
    pub unsafe fn begin(stack: Range<usize>) -> Area {
        if let Some(acquire) = hooks().tsan_acquire {
            // SAFETY: any address.
            unsafe { acquire(stack.end as *const c_void) };
        }
        if let Some(register) = hooks().lsan_register {
            // SAFETY: readable.
            unsafe { register(stack.start as *const c_void, stack.len()) };
        }
        Area { valgrind: valgrind::register(stack.start, stack.end) }
    }

    /// Nothing stands on it any more: it is memory like any other.
    ///
    /// # Safety
    ///
    /// As told to [`Area::begin`]; still readable.
    pub unsafe fn end(self, stack: Range<usize>) {
        // SAFETY: nobody uses it.
        unsafe { clean(stack.clone()) };
        // Whoever gets the memory next got it from whoever has it now: by a lock, perhaps one of the standard library, which ThreadSanitizer does not see.
        if let Some(release) = hooks().tsan_release {
            // SAFETY: any address.
            unsafe { release(stack.end as *const c_void) };
        }
        if let Some(unregister) = hooks().lsan_unregister {
            // SAFETY: it was registered.
            unsafe { unregister(stack.start as *const c_void, stack.len()) };
        }
        if self.valgrind != 0 {
            valgrind::deregister(self.valgrind);
        }
    }
}

/// Frames that never returned leave their red zones; whoever comes next must not trip over them.
///
/// # Safety
///
/// Nobody uses the memory.
pub(super) unsafe fn clean(stack: Range<usize>) {
    if let Some(unpoison) = hooks().asan_unpoison {
        // SAFETY: nobody uses it.
        unsafe { unpoison(stack.start as *const c_void, stack.len()) };
    }
}
