//! Switches between stacks, as sanitizers want to hear of them.
//!
//! ```text
//!   thread's stack                              fibre's stack
//!   Fibre::resume   ── start, arch::switch ──▶  entry: Fibre::entered   (the first time)
//!                                               … or Fibre::leave goes on: finish
//!   finish          ◀── start, arch::switch ──  Fibre::leave
//! ```
//!
//! Rule: between telling ThreadSanitizer and the switch itself no function is entered or left and no memory touched, since that would be
//! counted to the other side. So these are inlined always, which happens before anything is instrumented.

use core::ffi::c_void;
use core::ops::Range;
use core::ptr;

use super::area;
use super::hooks::hooks;
use crate::arch::{self, Context};

/// A stack that code runs on, as far as sanitizers are concerned: a thread's own, or one that was made.
///
/// To be used in place of [`arch::switch`] by who resumes fibres from threads (not fibres from fibres).
#[derive(Debug)]
pub struct Fibre {
    stack: Stack,
    /// AddressSanitizer's, while this does not run.
    fake: *mut c_void,
    /// ThreadSanitizer's; null for a thread's own stack.
    tsan: *mut c_void,
    /// The stack that this was resumed from.
    from: Stack,
    from_tsan: *mut c_void,
}

#[derive(Clone, Copy, Debug)]
struct Stack {
    lowest: *const c_void,
    bytes: usize,
}

const UNKNOWN: Stack = Stack { lowest: ptr::null(), bytes: 0 };

// SAFETY: handles that any thread may use, one at a time.
unsafe impl Send for Fibre {}

impl Fibre {
    /// The stack of whatever thread [resumes](Fibre::resume) with it.
    pub const fn of_thread() -> Fibre {
        Fibre {
            stack: UNKNOWN,
            fake: ptr::null_mut(),
            tsan: ptr::null_mut(),
            from: UNKNOWN,
            from_tsan: ptr::null_mut(),
        }
    }

    /// A stack at these addresses, on which nothing stands yet. What frames left there that never returned is wiped off, for
    /// AddressSanitizer.
    ///
    /// # Safety
    ///
    /// Nobody uses the memory, and only this fibre will.
    pub unsafe fn new(stack: Range<usize>) -> Fibre {
        // SAFETY: nobody uses it.
        unsafe { area::clean(stack.clone()) };
        // SAFETY: may be called at any time.
        let tsan = hooks().tsan_create.map_or(ptr::null_mut(), |create| unsafe { create(0) });
        let stack = Stack { lowest: stack.start as *const c_void, bytes: stack.len() };
        Fibre { stack, tsan, ..Fibre::of_thread() }
    }

    /// Goes on with `fibre` until it [leaves](Fibre::leave). As [`arch::switch`].
    ///
    /// # Safety
    ///
    /// `own` is of the calling thread, on its own stack; the other three are as `arch::switch` wants them, `load` being a context of `fibre`.
    #[inline(always)]
    pub unsafe fn resume(own: *mut Fibre, fibre: *mut Fibre, save: *mut Context, load: *const Context) {
        let hooks = hooks();
        // SAFETY: the caller's promises; the sanitizers' functions in the order that they want.
        unsafe {
            if let Some(start) = hooks.asan_start {
                start(&raw mut (*own).fake, (*fibre).stack.lowest, (*fibre).stack.bytes);
            }
            if let (Some(current), Some(switch)) = (hooks.tsan_current, hooks.tsan_switch) {
                (*fibre).from_tsan = current();
                switch((*fibre).tsan, 0);
            }
            arch::switch(save, load);
            if let Some(finish) = hooks.asan_finish {
                finish((*own).fake, ptr::null_mut(), ptr::null_mut());
            }
        }
    }

    /// To be called first by the first function on the stack.
    ///
    /// # Safety
    ///
    /// The caller runs on it, and has just been resumed for the first time.
    #[inline(always)]
    pub unsafe fn entered(fibre: *mut Fibre) {
        if let Some(finish) = hooks().asan_finish {
            // SAFETY: nothing was kept for a new stack; the caller's promise.
            unsafe { finish(ptr::null_mut(), &raw mut (*fibre).from.lowest, &raw mut (*fibre).from.bytes) }
        }
    }

    /// Goes back to the thread that resumed it. Returns when it is resumed again, perhaps by another thread. As [`arch::switch`].
    ///
    /// # Safety
    ///
    /// The caller runs on it; `save` and `load` are as `arch::switch` wants them, `load` being that of whoever resumed it.
    #[inline(always)]
    pub unsafe fn leave(fibre: *mut Fibre, save: *mut Context, load: *const Context) {
        let hooks = hooks();
        // SAFETY: as in `resume`.
        unsafe {
            if let Some(start) = hooks.asan_start {
                start(&raw mut (*fibre).fake, (*fibre).from.lowest, (*fibre).from.bytes);
            }
            if let Some(switch) = hooks.tsan_switch {
                switch((*fibre).from_tsan, 0);
            }
            arch::switch(save, load);
            if let Some(finish) = hooks.asan_finish {
                finish((*fibre).fake, &raw mut (*fibre).from.lowest, &raw mut (*fibre).from.bytes);
            }
        }
    }

    /// The same for the last time: nobody will resume it.
    ///
    /// # Safety
    ///
    /// As [`Fibre::leave`].
    #[inline(always)]
    pub unsafe fn leave_for_good(fibre: *mut Fibre, save: *mut Context, load: *const Context) {
        let hooks = hooks();
        // SAFETY: as in `resume`; null says that it ends.
        unsafe {
            if let Some(start) = hooks.asan_start {
                start(ptr::null_mut(), (*fibre).from.lowest, (*fibre).from.bytes);
            }
            if let Some(switch) = hooks.tsan_switch {
                switch((*fibre).from_tsan, 0);
            }
            arch::switch(save, load);
        }
    }
}

impl Drop for Fibre {
    fn drop(&mut self) {
        if let (false, Some(destroy)) = (self.tsan.is_null(), hooks().tsan_destroy) {
            // SAFETY: it was created, and does not run: whoever runs on it borrows it.
            unsafe { destroy(self.tsan) }
        }
    }
}
