//! An exception that crosses a barrier hits it.
//!
//! To the unwinder a stub is a frame with a cleanup. In the search phase it has nothing to say; in the
//! cleanup phase the barrier is marked hit and the landing pad puts the original return address back and
//! resumes unwinding from there, as if the original caller had asked for it. So the position stays exact
//! under panics, and no stub is left in a slot.
//!
//! Without a personality libgcc would abort where a handler frame is directly above a barrier: both have
//! the same CFA.
//!
//! 32-bit Arm has an ABI of its own (`personality/ehabi.rs`), which needs no landing pad.
//!
//! Source: Itanium C++ ABI, *Exception Handling*, §1.6.

#[cfg(all(feature = "unwind", target_arch = "arm"))]
mod ehabi;
#[cfg(all(feature = "unwind", target_arch = "arm"))]
pub(crate) use ehabi::*;
#[cfg(all(feature = "unwind", not(target_arch = "arm")))]
pub(crate) use with_unwinder::*;
#[cfg(not(feature = "unwind"))]
pub(crate) use without_unwinder::*;

/// The original return address behind the stub at `pc`, for an unwinder whose stack pointer there is `sp`; marks the barrier hit
/// if its frame `leaves`.
///
/// # Safety
///
/// `pc` and `sp` are a frame's on this very stack. If it leaves, its callees have been left already.
#[cfg(feature = "unwind")]
unsafe fn behind(pc: usize, sp: usize, leaves: bool) -> Option<usize> {
    use crate::stkbar::StkbarSlice;
    use crate::stub::Stub;

    let stub = Stub::at(pc)?;
    // SAFETY: a stub found in a return slot stands on a stack of its class (I1).
    let bars = unsafe { StkbarSlice::around(sp, stub.class()) }?;
    let (index, record) = bars.popped(stub, sp)?;
    if leaves {
        // SAFETY: we run on that stack, and its frame is being left.
        unsafe { crate::patch::mark_hit(&bars, index) };
    }
    Some(record.return_pc())
}

#[cfg(all(feature = "unwind", not(target_arch = "arm")))]
mod with_unwinder {
    use core::ffi::{c_int, c_void};

    use crate::arch::{self, Slot};

    const URC_FATAL_PHASE2_ERROR: c_int = 2;
    const URC_INSTALL_CONTEXT: c_int = 7;
    const URC_CONTINUE_UNWIND: c_int = 8;
    const UA_SEARCH_PHASE: c_int = 1;

    /// What the unwinder calls the canonical frame address, less the stack pointer after the return: on z the caller's area
    /// for registers lies between.
    const CFA_ABOVE_SP: usize = if cfg!(target_arch = "s390x") { 160 } else { 0 };

    unsafe extern "C" {
        fn _Unwind_GetIP(context: *mut c_void) -> usize;
        fn _Unwind_GetCFA(context: *mut c_void) -> usize;
        fn _Unwind_SetIP(context: *mut c_void, pc: usize);
        fn _Unwind_SetGR(context: *mut c_void, register: c_int, value: Slot);
    }

    unsafe extern "C-unwind" {
        pub(crate) fn _Unwind_Resume(exception: *mut c_void) -> !;
    }

    #[cfg(not(target_arch = "x86"))]
    pub(crate) use _Unwind_Resume as resume;

    /// `_Unwind_Resume` for the landing pad, which may not call into other objects and leaves the argument in ecx.
    ///
    /// # Safety
    ///
    /// As `_Unwind_Resume`: called with the exception that is under way.
    #[cfg(target_arch = "x86")]
    pub(crate) unsafe extern "fastcall-unwind" fn resume(exception: *mut c_void) -> ! {
        // SAFETY: passed on.
        unsafe { _Unwind_Resume(exception) }
    }

    /// The stubs' personality routine.
    pub(crate) unsafe extern "C" fn personality(
        _version: c_int,
        actions: c_int,
        _class: u64,
        exception: *mut c_void,
        context: *mut c_void,
    ) -> c_int {
        if actions & UA_SEARCH_PHASE != 0 {
            return URC_CONTINUE_UNWIND;
        }
        // SAFETY: called by the unwinder with its own context, on the stack that is being unwound; phase 2 leaves
        // frames, from the youngest on.
        let sp = unsafe { _Unwind_GetCFA(context) } - CFA_ABOVE_SP;
        // SAFETY: as above.
        let original = unsafe { super::behind(_Unwind_GetIP(context), sp, true) };
        let Some(original) = original else { return URC_FATAL_PHASE2_ERROR };
        // SAFETY: as above; the registers are those the pad expects.
        unsafe {
            _Unwind_SetGR(context, arch::GR_EXCEPTION, exception as Slot);
            _Unwind_SetGR(context, arch::GR_ORIGINAL, original as Slot);
            _Unwind_SetIP(context, arch::landing_pad());
        }
        URC_INSTALL_CONTEXT
    }
}

/// Without an unwinder to link with, nobody ever calls these.
#[cfg(not(feature = "unwind"))]
mod without_unwinder {
    use crate::arch;

    pub(crate) extern "C" fn personality() -> ! {
        arch::trap()
    }

    #[cfg(target_arch = "arm")]
    pub(crate) extern "C" fn base_personality() -> ! {
        arch::trap()
    }

    #[cfg(not(target_arch = "arm"))]
    pub(crate) extern "C" fn resume() -> ! {
        arch::trap()
    }
}
