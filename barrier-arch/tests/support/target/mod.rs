//! What tests need from each architecture: one file each, with the same items.
//!
//! | item | what |
//! |---|---|
//! | `EXACT` | does the trampoline know exactly which slot was popped? |
//! | `Vector`, `vector`, `floats` | a type that comes back in a vector register |
//! | `return_through`, `landed` | a return with every register watched |
//! | `switch_watched` | a switch with every callee-saved register watched |
//! | `protect_watched` | a recover that must restore them |

cfg_select! {
    target_arch = "x86_64" => {
        mod x86_64;
        pub use x86_64::*;
    }
    target_arch = "aarch64" => {
        mod aarch64;
        pub use aarch64::*;
    }
    target_arch = "arm" => {
        mod arm;
        pub use arm::*;
    }
    target_arch = "loongarch64" => {
        mod loongarch64;
        pub use loongarch64::*;
    }
    target_arch = "powerpc64" => {
        mod powerpc64;
        pub use powerpc64::*;
    }
    target_arch = "riscv64" => {
        mod riscv64;
        pub use riscv64::*;
    }
    target_arch = "s390x" => {
        mod s390x;
        pub use s390x::*;
    }
    target_arch = "x86" => {
        mod x86;
        pub use x86::*;
    }
}
