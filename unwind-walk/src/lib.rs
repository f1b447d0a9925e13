//! To be written.
#![no_std]

mod memory;
mod step;

pub use memory::ReadWord;
pub use step::{Registers, Step, StepError, Unwind};
