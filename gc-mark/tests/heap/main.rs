//! The reference heap from outside, with a collector played by the tests: explicit roots, a `Vec` of grey objects.

mod cells;
mod concurrent;
mod cycle;
mod history;
mod host;
mod limit;
mod words;

/// How much is done of what is the same on every architecture: everything on x86-64, a twentieth elsewhere, where the processor is an emulated one as
/// a rule.
const SHARE: usize = if cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) { 1 } else { 20 };
