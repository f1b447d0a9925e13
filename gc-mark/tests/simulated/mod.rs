//! Simulated mutators for the tests and benches of this crate: stacks of fake frames in plain memory, on which
//! returns through barriers run the trampoline's reference, and a small heap that notices a use after free.
//!
//! | file | what |
//! |---|---|
//! | `shapes.rs`, `stack.rs`, `heap.rs` | functions, frames by any architecture's rules, objects |
//! | `apart.rs` | frames whose slots are not where the next function has its own |
//! | `op.rs`, `program.rs` | what a program does, and the collector beside it |
//! | `moves.rs` | a stack that moves |
//! | `life.rs` | all that can become of a stack in its life, against a model |
//! | `generate.rs`, `decode.rs` | histories by proptest; from a fuzzer's bytes |
#![allow(dead_code, reason = "every test and bench uses another part")]
#![allow(missing_docs, unreachable_pub, missing_debug_implementations, reason = "a module of tests")]

pub mod apart;
pub mod decode;
pub mod generate;
pub mod heap;
pub mod life;
pub mod moves;
pub mod op;
pub mod program;
pub mod shapes;
pub mod stack;

use barrier_arch::Spacing;

/// The three modes in which everything is tested.
pub const MODES: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];
