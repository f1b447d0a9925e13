//! The way between a task's own stack and a native one: one file per architecture, with the same items in the same order.
//!
//! | item | what |
//! |---|---|
//! | `SUPPORTED` | is there such a way on this architecture? |
//! | `SAVED_BYTES` | what [`native_call`] leaves on the task's own stack |
//! | [`FP_SLOT`] | where, above the saved stack pointer, the saved frame pointer lies, or the back chain |
//! | [`OUTERMOST_BYTES`] | what lies above the outermost frame's stack pointer |
//! | [`SAVED_SP`] | where a callee has saved the stack pointer, if it restores it from memory |
//! | [`native_call`] | compiled code calls a native function, which runs on the native stack |
//! | `panic_pad` | where a panic of the native function ends (`personality.rs`) |
//! | [`enter_managed`] | from a native stack that is given up, back to where compiled code waits |
//! | [`prepare`] | a stack without frames, at whose base [`Call`](super::Call)s are made |
//! | [`saved`] | what a walk of a stack that waits starts from |

// Not on x32: words of 4 bytes would have to be read and written as such.
cfg_select! {
    all(target_arch = "x86_64", target_pointer_width = "64") => {
        mod offset;
        mod personality;
        mod x86_64;
        pub use x86_64::native_call;
        pub(super) use x86_64::*;
    }
    target_arch = "aarch64" => {
        mod aarch64;
        mod offset;
        mod personality;
        pub use aarch64::native_call;
        pub(super) use aarch64::*;
    }
    target_arch = "riscv64" => {
        mod offset;
        mod personality;
        mod riscv64;
        pub use riscv64::native_call;
        pub(super) use riscv64::*;
    }
    target_arch = "s390x" => {
        mod offset;
        mod personality;
        mod s390x;
        pub use s390x::native_call;
        pub(super) use s390x::*;
    }
    _ => {
        mod unsupported;
        pub use unsupported::native_call;
        pub(super) use unsupported::*;
    }
}

/// The architectures with such a way, as Rust's `target_arch` calls them, where pointers have 64 bits.
pub const ARCHITECTURES: [&str; 4] = ["x86_64", "aarch64", "riscv64", "s390x"];

#[cfg(test)]
mod tests {
    use super::{ARCHITECTURES, SUPPORTED};

    #[test]
    fn the_list_says_what_is_compiled_in() {
        let is_listed = ARCHITECTURES.contains(&std::env::consts::ARCH);
        assert_eq!(SUPPORTED, is_listed && cfg!(target_pointer_width = "64"));
        let told = concat!(include_str!("../../../README.md"), include_str!("../../lib.rs"));
        for name in ARCHITECTURES {
            assert_eq!(
                told.matches(&format!("`{name}`")).count(),
                2,
                "{name}: README.md and the crate's documentation"
            );
        }
    }
}
