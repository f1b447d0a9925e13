//! C and C++ of our own, compiled with and without frame pointers (`foreign/` and `build.rs`).
//!
//! A panic or an exception may cross all of it: everything is `C-unwind`.

use std::ffi::{c_char, c_int, c_long, c_void};

/// What C calls back.
pub type Leaf = unsafe extern "C-unwind" fn(*mut c_void);

macro_rules! foreign {
    ($($(#[$doc:meta])* $field:ident: fn($($name:ident: $type:ty),*) $(-> $result:ty)?, $fp:ident, $nofp:ident;)*) => {
        unsafe extern "C-unwind" {
            $(fn $fp($($name: $type),*) $(-> $result)?; fn $nofp($($name: $type),*) $(-> $result)?;)*
        }

        /// One compilation of the foreign code.
        #[derive(Clone, Copy, Debug)]
        pub struct Foreign {
            /// How it was compiled.
            pub name: &'static str,
            $($(#[$doc])* pub $field: unsafe extern "C-unwind" fn($($name: $type),*) $(-> $result)?,)*
        }

        /// With frame pointers, and without.
        pub const BOTH: [Foreign; 2] = [
            Foreign { name: "frame pointers", $($field: $fp),* },
            Foreign { name: "no frame pointers", $($field: $nofp),* },
        ];
    };
}

foreign! {
    /// So many frames and one more, then the callback. Returns how many.
    descend: fn(depth: c_long, call: Leaf, argument: *mut c_void) -> c_long, c_descend_fp, c_descend_nofp;
    /// The same with frames of variable size.
    descend_alloca: fn(depth: c_long, call: Leaf, argument: *mut c_void) -> c_long, c_descend_alloca_fp, c_descend_alloca_nofp;
    /// `qsort`, which calls back now and then. Not for several threads at a time.
    sort: fn(numbers: *mut c_long, count: usize, call: Leaf, argument: *mut c_void) -> c_int, c_sort_fp, c_sort_nofp;
    /// `setjmp`, then the callback: 0, or what `jump` was given.
    guard: fn(call: Leaf, argument: *mut c_void) -> c_int, c_guard_fp, c_guard_nofp;
    /// `longjmp` to the innermost guard.
    jump: fn(value: c_int), c_jump_fp, c_jump_nofp;
    /// Frames with a cleanup handler, which adds one to `*argument`; then the callback.
    with_cleanup: fn(depth: c_long, call: Leaf, argument: *mut c_void) -> c_long, c_with_cleanup_fp, c_with_cleanup_nofp;
    /// Forced unwinding to the innermost guard, which then returns 77; counts the frames that it is asked about.
    force_unwind: fn(frames: *mut c_long), c_force_unwind_fp, c_force_unwind_nofp;
    /// `pthread_exit(42)`.
    pthread_exit: fn(), c_pthread_exit_fp, c_pthread_exit_nofp;
    /// glibc's `backtrace`.
    backtrace: fn(pcs: *mut *mut c_void, room: c_int) -> c_int, c_backtrace_fp, c_backtrace_nofp;
    /// C++ frames, each with a destructor that adds one to `*destroyed`; then the callback.
    cpp_descend: fn(depth: c_long, call: Leaf, argument: *mut c_void, destroyed: *mut c_long) -> c_long, cpp_descend_fp, cpp_descend_nofp;
    /// C++ frames, each of which catches everything, adds one to `*caught` and throws it again.
    cpp_rethrow: fn(depth: c_long, call: Leaf, argument: *mut c_void, caught: *mut c_long) -> c_long, cpp_rethrow_fp, cpp_rethrow_nofp;
    /// Throws a number.
    cpp_throw: fn(value: c_long), cpp_throw_fp, cpp_throw_nofp;
    /// Throws a `std::runtime_error`.
    cpp_throw_text: fn(text: *const c_char), cpp_throw_text_fp, cpp_throw_text_nofp;
    /// 0, the number that the callback threw, or -1 if it threw a `std::exception` with that text.
    cpp_catch: fn(call: Leaf, argument: *mut c_void, text: *const c_char) -> c_long, cpp_catch_fp, cpp_catch_nofp;
    /// Exceptions while handling exceptions, `depth` + 1 times; the callback throws a number, which comes back plus `depth`.
    cpp_nested: fn(depth: c_long, call: Leaf, argument: *mut c_void) -> c_long, cpp_nested_fp, cpp_nested_nofp;
}

/// Passes a closure as a callback.
pub fn call_back<R>(closure: &mut dyn FnMut(), pass: impl FnOnce(Leaf, *mut c_void) -> R) -> R {
    unsafe extern "C-unwind" fn leaf(argument: *mut c_void) {
        // SAFETY: `call_back` passes its own closure reference, and waits.
        unsafe { (*argument.cast::<&mut dyn FnMut()>())() }
    }
    let mut closure: &mut dyn FnMut() = closure;
    pass(leaf, (&raw mut closure).cast())
}
