//! Telling AddressSanitizer, ThreadSanitizer, LeakSanitizer and valgrind about stacks, and about switches between them.
//!
//! These tools know the stacks of threads. One that a program made for itself is to them memory on which a thread cannot stand: a panic on it leaves the
//! frames that it drops poisoned, two tasks of one thread look like one, what is referred to from a stack that waits looks leaked. Each has functions by
//! which it can be told.
//!
//! | tool | is told | by |
//! |---|---|---|
//! | AddressSanitizer | which stack the thread is on, at each switch; that a stack's memory is clean | [`Fibre`], [`Area`] |
//! | ThreadSanitizer | that a stack is a thread of execution of its own; at each switch, which one goes on | [`Fibre`] |
//! | LeakSanitizer | that what a stack holds is in use | [`Area`] |
//! | valgrind | that memory is a stack | [`Area`] |
//! | its memcheck | that who scans frames word by word reads words which nobody stored | [`defined`] |
//!
//! Nothing is to be configured. The sanitizers' functions are called if they are in the process, by weak references (`hooks.rs`); without a sanitizer a
//! switch reads a few words more. A request to valgrind is six instructions that do nothing outside of it, once per stack.
//!
//! # What they do not see
//!
//! * With AddressSanitizer's `detect_stack_use_after_return` locals lie on the heap instead of the stack. A collector that scans frames word by word does
//!   not find its roots then: `ASAN_OPTIONS=detect_stack_use_after_return=0`.
//! * Code that is not instrumented, like that of a JIT: what it reads and writes.

mod area;
mod fibre;
mod hooks;
mod valgrind;
mod word;

pub use area::Area;
pub use fibre::Fibre;
pub(crate) use valgrind::vouch_for;
pub use valgrind::{defined, runs_under_valgrind, toggle_counting};
pub use word::read_word;
pub(crate) use word::{read_slot, write_slot};
