//! What threads share work by: the usual types, or, in a build for a model checker, those that it watches (`ci/models.sh`).
//!
//! `--cfg loom` replaces atomics: loom has every interleaving, with every reordering that the memory model allows, of few steps. `--cfg shuttle`
//! replaces all that threads wait or work by: shuttle has random interleavings, sequentially consistent, of as many steps as one likes.

cfg_if::cfg_if! {
    if #[cfg(shuttle)] {
        mod model;
        pub mod thread;
        pub use model::{Backoff, Condvar, Injector, Mutex, MutexGuard, Parker, RwLock, Stealer, Unparker, Worker, explore, explore_priorities, point};
        pub use shuttle::sync::atomic::{self, AtomicU64, AtomicUsize};
    } else {
        pub(crate) use crossbeam_deque::{Injector, Stealer, Worker};
        pub(crate) use crossbeam_utils::Backoff;
        pub(crate) use parking_lot::RwLock;
        cfg_if::cfg_if! {
            if #[cfg(loom)] {
                pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize};
            } else {
                pub(crate) use core::sync::atomic::{AtomicU64, AtomicUsize};
            }
        }
    }
}
