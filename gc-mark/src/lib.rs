//! to come

pub mod error;
pub mod frame_map;
pub mod grey;
pub mod heap;
mod install;
pub mod phase;
pub mod receipt;
pub mod report;
mod roots;
pub mod scan;
pub mod stack;
#[cfg(test)]
mod test_heap;
pub mod unvouched;
pub mod verify;
mod visit;
pub mod write_barrier;

pub use error::ScanError;
pub use frame_map::{Conservatively, FrameMap, FrameRoots};
pub use grey::{Drained, Grey, MarkWorker};
pub use heap::{Heap, Object};
pub use phase::{Cycle, Phase, Phases, Started};
pub use receipt::{Ran, Receipt};
pub use report::{Scan, ScanReport};
pub use scan::Scanner;
pub use stack::Stopped;
pub use verify::{Verified, Verify};
