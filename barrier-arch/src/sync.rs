//! The atomic words of which slots and barrier arrays are made: `core`'s, or, in a build with `--cfg loom`, words that the model checker watches.

pub(crate) use core::sync::atomic::Ordering;

cfg_if::cfg_if! {
    if #[cfg(loom)] {
        mod model;
        // Models run on machines with 64-bit slots.
        pub use model::{explore, explore_up_to, watch};
        pub(crate) use model::{Word as AtomicSlot, Word as AtomicU64};
    } else {
        pub(crate) use crate::arch::AtomicSlot;
        pub(crate) use core::sync::atomic::AtomicU64;
    }
}
