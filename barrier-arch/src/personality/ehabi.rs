//! Personalities by Arm's exception handling ABI, where such a routine unwinds its frame itself.
//!
//! Nothing is executed on the way: a stub's frame is the same as the original caller's but for the return address, so the step is a
//! change of the virtual `pc`, in both phases, and a barrier is marked hit in the second.
//!
//! Source: *Exception Handling ABI for the Arm Architecture* (EHABI32), §7 to §9.

use core::ffi::{c_int, c_void};

use crate::arch::{self, SLOT_BYTES, Slot};
use crate::stkbar::StkbarSlice;
use crate::stub::is_barrier;

const URC_CONTINUE_UNWIND: c_int = 8;
const URC_FAILURE: c_int = 9;
const US_ACTION_MASK: c_int = 3;
const US_VIRTUAL_UNWIND_FRAME: c_int = 0;
const US_FORCE_UNWIND: c_int = 8;
const UVRSC_CORE: c_int = 0;
const UVRSD_UINT32: c_int = 0;
const VRSR_OK: c_int = 0;
const SP: u32 = 13;
const PC: u32 = 15;

unsafe extern "C" {
    fn _Unwind_VRS_Get(
        context: *mut c_void,
        class: c_int,
        register: u32,
        representation: c_int,
        value: *mut c_void,
    ) -> c_int;
    fn _Unwind_VRS_Set(
        context: *mut c_void,
        class: c_int,
        register: u32,
        representation: c_int,
        value: *mut c_void,
    ) -> c_int;
}

/// The stubs' personality routine.
pub(crate) unsafe extern "C" fn personality(
    state: c_int,
    _control_block: *mut c_void,
    context: *mut c_void,
) -> c_int {
    let leaves = state & US_ACTION_MASK != US_VIRTUAL_UNWIND_FRAME;
    // SAFETY: called by the unwinder with its own context, on the stack that is being unwound.
    let stepped = unsafe {
        match (get(context, PC), get(context, SP)) {
            (Some(pc), Some(sp)) if is_barrier(pc) => {
                super::behind(pc, sp, leaves).and_then(|pc| set(context, PC, pc))
            }
            (Some(pc), Some(sp)) => from_tail(context, pc, sp),
            _ => None,
        }
    };
    if stepped.is_some() { URC_CONTINUE_UNWIND } else { URC_FAILURE }
}

/// Completes the step of a tail that a signal has interrupted: its handler wants a backtrace.
///
/// # Safety
///
/// `context` is the unwinder's, and `pc` and `sp` are a frame's on this very stack.
unsafe fn from_tail(context: *mut c_void, pc: usize, sp: usize) -> Option<()> {
    let class = arch::class_of_tail(pc)?;
    // SAFETY: a tail runs on a stack of its class.
    let bars = unsafe { StkbarSlice::around(sp, class) }?;
    let (pc, sp) = arch::interrupted_return(pc, sp, Some(&bars), |_| None)?;
    // SAFETY: the caller's promise.
    unsafe { set(context, SP, sp).and_then(|()| set(context, PC, pc)) }
}

/// The personality of the outermost frame of a stack: backtraces go on where the stack was resumed, exceptions end.
pub(crate) unsafe extern "C" fn base_personality(
    state: c_int,
    _control_block: *mut c_void,
    context: *mut c_void,
) -> c_int {
    if state & (US_ACTION_MASK | US_FORCE_UNWIND) != US_VIRTUAL_UNWIND_FRAME | US_FORCE_UNWIND {
        return URC_FAILURE;
    }
    // SAFETY: called by the unwinder with its own context, for a frame of `stack_base`.
    let stepped = unsafe { get(context, SP).and_then(|sp| resumed_from(context, sp)) };
    if stepped.is_some() { URC_CONTINUE_UNWIND } else { URC_FAILURE }
}

/// Loads the registers that the switch to the stack with this outermost `sp` has saved.
///
/// # Safety
///
/// `context` is the unwinder's, and `sp` that of a frame of `stack_base`, whose parent is valid.
unsafe fn resumed_from(context: *mut c_void, sp: usize) -> Option<()> {
    // SAFETY: the parent is that of `set_parent`: it points to the address of what `switch` has saved.
    unsafe {
        let saved = **((sp + arch::PARENT) as *const *const usize);
        for register in 4..=11 {
            let at = saved + arch::SAVED_R4 + (register - 4) * SLOT_BYTES;
            set(context, register as u32, *(at as *const usize))?;
        }
        set(context, SP, saved + arch::SAVED_BYTES)?;
        set(context, PC, *((saved + arch::SAVED_PC) as *const usize))
    }
}

/// # Safety
///
/// `context` is the unwinder's.
unsafe fn get(context: *mut c_void, register: u32) -> Option<usize> {
    let mut value: Slot = 0;
    // SAFETY: a core register is one word; the caller's promise.
    let result =
        unsafe { _Unwind_VRS_Get(context, UVRSC_CORE, register, UVRSD_UINT32, (&raw mut value).cast()) };
    (result == VRSR_OK).then_some(value)
}

/// # Safety
///
/// `context` is the unwinder's.
unsafe fn set(context: *mut c_void, register: u32, mut value: Slot) -> Option<()> {
    // SAFETY: a core register is one word; the caller's promise.
    let result =
        unsafe { _Unwind_VRS_Set(context, UVRSC_CORE, register, UVRSD_UINT32, (&raw mut value).cast()) };
    (result == VRSR_OK).then_some(())
}
