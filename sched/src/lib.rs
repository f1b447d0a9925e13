//! To be written.

mod collector;
mod current;
mod gate;
mod language;
mod queue;
mod requests;
mod runtime;
mod shared;
mod stacks;
mod task;
mod worker;

pub use collector::stats::CycleStats;
pub use current::Current;
pub use language::{Language, Visit};
pub use runtime::{Builder, Runtime, StartError};
pub use shared::SpawnError;
pub use stacks::{PooledStacks, StackSource, TaskStack};
pub use task::join::{JoinError, JoinHandle};
pub use task::{POISON, Task};
