//! A native function of a task of compiled code has panicked: its compiled frames are dropped, and its program says what comes next.

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::arch::enter_managed;
use super::native::{Returned, step};
use crate::current::Current;
use crate::language::Language;
use crate::task::Task;

unsafe extern "C-unwind" {
    fn _Unwind_RaiseException(exception: *mut c_void) -> c_int;
}

/// Where [`native_call`](super::native_call)'s landing pad goes: on the native stack, which holds nothing else.
pub(super) extern "C" fn panicked<L: Language>(task: *const Task<L>, exception: *mut c_void) -> ! {
    drop_compiled_frames(task, payload(exception))
}

/// The same, once the panic was caught, on a native stack with nothing on it that is to be dropped.
pub(super) fn drop_compiled_frames<L: Language>(task: *const Task<L>, panic: Box<dyn Any + Send>) -> ! {
    // SAFETY: the task that runs, on its native stack.
    let (task_ref, current) = unsafe { (&*task, Current::from_raw(task)) };
    current.skip_barriers(current.stack_bounds().end);
    // SAFETY: we run on the native stack, and nobody goes back to the compiled frames.
    unsafe { task_ref.prepare_managed() };
    let code = step(task, Returned::Panicked(panic));
    // SAFETY: nothing here is to be dropped; the stack waits at its base for the code to call.
    unsafe { enter_managed(task.addr(), code) }
}

/// What the panic was thrown with. Only std knows how that lies in the exception: it is thrown once more, for std to catch.
fn payload(exception: *mut c_void) -> Box<dyn Any + Send> {
    // SAFETY: the exception was caught on this thread, by the personality routine, and nobody else has it.
    let raised = catch_unwind(AssertUnwindSafe(|| unsafe { _Unwind_RaiseException(exception) }));
    raised.err().unwrap_or_else(|| {
        eprintln!("fatal: an exception that came to compiled code cannot be caught");
        std::process::abort()
    })
}
