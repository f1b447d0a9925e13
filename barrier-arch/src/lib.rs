//! To be written.
#![no_std]
#[cfg(test)]
extern crate std;

pub mod arch;
pub mod fatal;
pub mod host;
pub mod patch;
mod personality;
pub mod reference;
mod size_class;
mod spacing;
mod stkbar;
mod stub;

pub use size_class::{BadSize, SizeClass};
pub use spacing::{Spacing, Thresholds, max_stack_barriers};
pub use stkbar::{Dump, Stkbar, StkbarSlice};
pub use stub::{INDEXED_STUBS, Key, Stub, is_barrier};
