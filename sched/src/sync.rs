//! What threads share, wait and run by: the usual types, or, in a build for a model checker, those that it watches (`ci/models.sh`).
//!
//! `--cfg loom` replaces atomics, for the models of single words (`task/state.rs`). `--cfg shuttle` replaces everything, for the model of the whole
//! runtime. Fields that compiled code or debuggers read stay what they are; where they matter a [`point`] says so.

cfg_if::cfg_if! {
    if #[cfg(shuttle)] {
        pub(crate) use gc_mark::sync::{
            Backoff, Condvar, Injector, Mutex, Parker, Stealer, Unparker, Worker as Deque, atomic, point, thread,
        };
    } else {
        pub(crate) use crossbeam_deque::{Injector, Stealer, Worker as Deque};
        pub(crate) use crossbeam_utils::Backoff;
        pub(crate) use crossbeam_utils::sync::{Parker, Unparker};
        pub(crate) use parking_lot::{Condvar, Mutex};
        pub(crate) use std::thread;

        #[cfg(loom)]
        pub(crate) use loom::sync::atomic;
        #[cfg(not(loom))]
        pub(crate) use std::sync::atomic;

        /// A place where another thread may go on, in a model.
        #[inline(always)]
        pub(crate) fn point() {}
    }
}
