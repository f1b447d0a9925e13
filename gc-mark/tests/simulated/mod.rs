//! Simulated mutators for the tests and benches of this crate: stacks of fake frames in plain memory, on which
//! returns through barriers run the trampoline's reference, and a small heap that notices a use after free.
#![allow(dead_code, reason = "every test and bench uses another part")]
#![allow(missing_docs, unreachable_pub, missing_debug_implementations, reason = "a module of tests")]

pub mod heap;
pub mod program;
pub mod shapes;
pub mod stack;

use barrier_arch::Spacing;

/// The three modes in which everything is tested.
pub const MODES: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];
