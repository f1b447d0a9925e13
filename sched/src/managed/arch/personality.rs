//! A panic of a native function is caught where compiled code has called it.
//!
//! ```text
//!   the native stack
//!   │ native_call              │ ◀── its personality: "here"; then on to the pad
//!   │ the native function      │     cleanups run
//!   │ what panics              │
//! ```
//!
//! Compiled frames are not unwound: an unwinder that crosses a barrier runs on the stack where that stands, and a stack that may move is too small
//! for it. The pad calls the task's [`panicked`](crate::managed::crossing::Crossing) word, on the native stack.
//!
//! Source: Itanium C++ ABI, *Exception Handling*, §1.6.

use std::ffi::{c_int, c_void};

use super::panic_pad;

const URC_HANDLER_FOUND: c_int = 6;
const URC_INSTALL_CONTEXT: c_int = 7;
const UA_SEARCH_PHASE: c_int = 1;

/// DWARF number of the register in which the pad finds the exception: the first that compilers use for it.
const EXCEPTION: c_int = if cfg!(target_arch = "riscv64") {
    10
} else if cfg!(target_arch = "s390x") {
    6
} else {
    0
};

unsafe extern "C" {
    fn _Unwind_SetIP(context: *mut c_void, pc: usize);
    fn _Unwind_SetGR(context: *mut c_void, register: c_int, value: usize);
}

/// The personality routine of [`native_call`](super::native_call).
pub(super) unsafe extern "C" fn personality(
    _version: c_int,
    actions: c_int,
    _class: u64,
    exception: *mut c_void,
    context: *mut c_void,
) -> c_int {
    if actions & UA_SEARCH_PHASE != 0 {
        return URC_HANDLER_FOUND;
    }
    // SAFETY: called by the unwinder with its own context, which stands at `native_call`.
    unsafe {
        _Unwind_SetGR(context, EXCEPTION, exception.addr());
        _Unwind_SetIP(context, panic_pad as *const () as usize);
    }
    URC_INSTALL_CONTEXT
}
