//! The way between a task's own stack and a native one: one file per architecture, with the same items in the same order.
//!
//! | item | what |
//! |---|---|
//! | `SUPPORTED` | is there such a way on this architecture? |
//! | [`native_call`] | compiled code calls a native function, which runs on the native stack |
//! | `panic_pad` | where a panic of the native function ends (`personality.rs`) |
//! | [`enter_managed`] | from a native stack that is given up, back to where compiled code waits |
//! | [`prepare`] | a stack without frames, at whose base [`Call`](super::Call)s are made |
//! | [`saved`] | what a walk of a stack that waits starts from |
//! | [`FP_SLOT`] | where, above the saved stack pointer, the saved frame pointer lies |

cfg_select! {
    target_arch = "x86_64" => {
        mod personality;
        mod x86_64;
        pub use x86_64::native_call;
        pub(super) use x86_64::*;
    }
    _ => {
        mod unsupported;
        pub use unsupported::native_call;
        pub(super) use unsupported::*;
    }
}
