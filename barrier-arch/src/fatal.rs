//! When an invariant is broken: the process must stop, with a dump of the list.
//!
//! * The trampoline finds no record for the slot it was popped from, in any build. Going on would mean to jump to an unknown address. Who
//!   can print registers itself here.
//! * An operation did not leave behind what it should have, in builds with debug assertions.

use core::sync::atomic::{AtomicPtr, Ordering};

use crate::arch;
use crate::checker::Violation;
use crate::stkbar::{Dump, StkbarSlice};
use crate::stub::Stub;

/// Prints what is known of a lost barrier: the stack pointer after the return, and the array if there is one.
pub type LostHandler = fn(sp: usize, bars: Option<&StkbarSlice>);

static HANDLER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Registers who prints the dump before the process stops.
pub fn set_lost_handler(handler: LostHandler) {
    HANDLER.store(handler as *mut (), Ordering::Release);
}

/// Where the trampoline goes instead of jumping nowhere.
pub(crate) extern "C" fn lost(sp: usize, stub_pc: usize) -> ! {
    let handler = HANDLER.load(Ordering::Acquire);
    if !handler.is_null() {
        // SAFETY: only `set_lost_handler` stores here, and it stores a `LostHandler`.
        let handler: LostHandler = unsafe { core::mem::transmute(handler) };
        // SAFETY: we were returned to with `sp` on a stack of the stub's class.
        let bars = Stub::at(stub_pc).and_then(|stub| unsafe { StkbarSlice::around(sp, stub.class()) });
        handler(sp, bars.as_ref());
    }
    arch::trap()
}

/// Says what is wrong with which barriers, by way of the panic handler, and stops the process.
///
/// A panic cannot leave an `extern "C"` function: it ends the process, wherever we are (`std`'s handler has printed by then). The rule
/// that nothing here allocates or panics (I6) ends with the invariants.
#[cold]
pub(crate) extern "C" fn broken(violation: &Violation, bars: &Dump<'_>) -> ! {
    panic!("fatal: {violation}; barriers {bars}")
}
