//! What no single crate can show: the crates together, on real stacks with a real collector.
//!
//! [`native`] is the smallest language that uses all of them: Rust functions as its code, scanned conservatively. The tests are
//! in `tests/`, one file per subject.

pub mod native;

use barrier_arch::Spacing;

/// The three modes in which every mechanism is tested.
pub const MODES: [Spacing; 3] =
    [Spacing::Off, Spacing::Exponential { first: Spacing::FIRST }, Spacing::EveryFrame];
