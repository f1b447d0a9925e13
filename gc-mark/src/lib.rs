//! To be written.

pub mod heap;

pub use heap::{Heap, Object};
