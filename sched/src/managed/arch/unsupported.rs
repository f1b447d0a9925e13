//! An architecture without a way between the two stacks: tasks of compiled code are refused before any of this is reached.

use barrier_arch::arch::{SavedRegisters, trap};

/// Never: see [`SUPPORTED`].
pub(in crate::managed) const SUPPORTED: bool = false;

/// None.
pub(in crate::managed) const SAVED_BYTES: usize = 0;

/// Nowhere.
pub(in crate::managed) const FP_SLOT: usize = 0;

/// None that anybody needs.
pub(in crate::managed) const OUTERMOST_BYTES: usize = 0;

/// Nowhere.
pub(in crate::managed) const SAVED_SP: Option<usize> = None;

/// Would call a native function from compiled code; here it stops the process.
///
/// # Safety
///
/// None: it never returns.
pub unsafe extern "C" fn native_call() {
    trap()
}

/// Stops the process.
pub(in crate::managed) unsafe extern "C" fn enter_managed(_task: usize, _value: usize) -> ! {
    trap()
}

/// Stops the process.
pub(in crate::managed) unsafe fn prepare(_outermost_sp: usize, _task: usize) -> usize {
    trap()
}

/// Stops the process.
pub(in crate::managed) unsafe fn saved(_managed_sp: usize) -> SavedRegisters {
    trap()
}
