//! Green threads with a concurrent collector whose pause does not grow with the stack.
//!
//! A collector that marks beside the running program scans every stack twice: once while the program runs, and once more in
//! the pause at the end, because local variables change without a write barrier. The second scan makes the pause proportional to the
//! depth of the stacks. This crate puts four others together so that it is not: return barriers, installed during the first scan, tell how far a
//! stack has returned since, and only that part is scanned again.
//!
//! | part | from | here |
//! |---|---|---|
//! | barriers, trampolines, switching stacks | `barrier-arch` | a task runs on a [`Task`] |
//! | stacks | `stack-alloc` | or your own [`StackSource`] |
//! | walking them | `unwind-walk` | [`Language::Unwind`] |
//! | marking, when to install, how far to re-scan | `gc-mark` | driven by a collector thread |
//! | what a heap, a frame and a root are | you | [`Language`] |
//!
//! # Example
//!
//! A language whose code is Rust and whose frames are scanned conservatively; its heap is `gc-mark`'s.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use gc_mark::heap::{AllocCache, HeapConfig, MarkSweep, ObjectModel};
//! use gc_mark::Conservatively;
//! use sched::{Current, Language, Runtime, Visit};
//! use unwind_walk::FramePointers;
//!
//! /// Objects are pairs of addresses.
//! struct Pairs;
//!
//! // SAFETY: values are 0 or come from `cons`, which stores both words at once.
//! unsafe impl ObjectModel for Pairs {
//!     fn reference(&self, value: usize) -> Option<usize> {
//!         (value != 0).then_some(value)
//!     }
//!     unsafe fn visit(&self, object: *const u8, _: usize, mut visit: impl FnMut(usize)) {
//!         // SAFETY: a pair is two words.
//!         let pair = unsafe { &*object.cast::<[AtomicUsize; 2]>() };
//!         pair.iter().for_each(|word| visit(word.load(Ordering::Relaxed)));
//!     }
//! }
//!
//! struct Lists { heap: MarkSweep<Pairs>, frames: Conservatively }
//!
//! impl Language for Lists {
//!     type Heap = MarkSweep<Pairs>;
//!     type Frames = Conservatively;
//!     type Unwind = FramePointers;
//!     type Worker = AllocCache;
//!     type Task = ();
//!     fn heap(&self) -> &MarkSweep<Pairs> { &self.heap }
//!     fn frames(&self) -> &Conservatively { &self.frames }
//!     fn unwind(&self) -> FramePointers { FramePointers }
//!     fn new_worker(&self) -> AllocCache { self.heap.cache() }
//!     fn new_task(&self) {}
//!     fn visit_roots(&self, _: &mut Visit<'_>) {}
//!     fn visit_task_roots(&self, _: &(), _: &mut Visit<'_>) {}
//! }
//!
//! fn cons(current: &Current<'_, Lists>, car: usize, cdr: usize) -> usize {
//!     let heap = current.language().heap();
//!     current.safepoint();
//!     let pair = current.with_worker(|cache| heap.alloc(cache, 16)).unwrap().cast::<[usize; 2]>();
//!     if current.is_marking() {
//!         // New objects are born black: what is stored into them must be shaded.
//!         [car, cdr].map(|value| current.shade(value));
//!     }
//!     // SAFETY: 16 fresh bytes.
//!     unsafe { pair.write([car, cdr]) };
//!     pair.as_ptr() as usize
//! }
//!
//! fn build(current: &Current<'_, Lists>, n: usize) -> usize {
//!     if n == 0 {
//!         current.collect(); // barriers are installed all the way up, and hit on the way back
//!         return 0;
//!     }
//!     let below = build(current, n - 1);
//!     cons(current, n, below)
//! }
//!
//! let heap = MarkSweep::new(Pairs, HeapConfig { limit_bytes: 64 << 20, ..HeapConfig::default() })?;
//! let runtime = Runtime::builder(Lists { heap, frames: Conservatively }).workers(2).start()?;
//! let task = runtime.spawn(|current| build(current, 500) != 0)?;
//! assert!(task.join()?);
//! assert_eq!(runtime.cycles().len(), 1);
//! println!("{}", runtime.cycles()[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What code on a task must do
//!
//! * Come to a [safepoint](Current::safepoint) now and then: compiled code by comparing its stack pointer with [`Task::stack_limit`] in
//!   each prologue, native code by a call.
//! * Have frames that [`Language::Unwind`] finds. Frame pointers: all of it keeps them, for Rust `-C force-frame-pointers=yes`.
//! * Shade what it stores while [`Current::is_marking`], into old objects and new ones.
//! * Keep no address of a thread-local across a safepoint: a task may go on on another thread.
//!
//! # Stacks that move
//!
//! A task is a closure ([`Runtime::spawn`]), or compiled code ([`Runtime::spawn_program`]). A closure's frames are native and stay where they are. Compiled code
//! that keeps two more rules can run on stacks that start with 4 KiB, grow by being copied and shrink again, barriers and all
//! ([`StackMode::Copy`]):
//!
//! * Its frames hold no address in their own stack but saved frame pointers, of which there is a chain.
//! * It calls native functions through [`native_call`], which takes them to another stack. A prologue check that fails calls
//!   [`Current::make_room`] and then [`Current::safepoint`]. If one panics, the compiled frames of the task are dropped and its program is
//!   [told](Program::panicked).
//!
//! [`Language::movable`] says that it does. `integration-tests/src/compiled.rs` is the smallest such language.
//!
//! Tasks of compiled code run on `x86_64`, `aarch64`, `riscv64` and `s390x` ([`COMPILED_TASK_ARCHITECTURES`]); elsewhere they are refused when they are to be started. Closures run
//! wherever there is a trampoline.
//!
//!
//! # How it works
//!
//! Tasks are queued and stolen between workers (`queue.rs`). A task that runs is stopped by a poisoned stack limit; its worker
//! then does what the collector asks for (`collector/errand.rs`). The world is stopped by a gate that workers pass before they run
//! tasks (`gate.rs`). Parks with a deadline are ended by workers that have nothing else to do (`timers.rs`). The two stacks of compiled code are explained in `managed/mod.rs`. One cycle is told in `collector/cycle.rs`. A task's state is one word (`task/state.rs`).
//!
//! A task that panics is caught at its boundary: [`JoinHandle::join`] returns the panic. Broken invariants of the collector
//! stop the process with a dump of the barriers: going on would corrupt memory.
//!
//! # Without the other crates
//!
//! Stacks, heap and frame map are seams: [`StackSource`], [`gc_mark::Heap`], [`gc_mark::FrameMap`]. The trampolines and the marker's decisions are not;
//! who wants those without a scheduler uses `barrier-arch` and `gc-mark` directly.

mod collector;
mod current;
mod debug_list;
mod gate;
mod language;
mod managed;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
mod queue;
mod requests;
mod runtime;
mod shared;
mod stacks;
mod sync;
mod task;
mod timers;
mod worker;

pub use collector::stats::CycleStats;
pub use current::Current;
pub use language::{Language, Visit};
pub use managed::{
    ARCHITECTURES as COMPILED_TASK_ARCHITECTURES, Call, Movable, NATIVE_CALL_BYTES, Next, Program, StackFull,
    StackMode, TARGET_OFFSET, native_call,
};
pub use runtime::{Builder, Runtime, StartError};
pub use shared::SpawnError;
pub use stacks::{MoveStacks, PooledStacks, Shift, StackSource, TaskStack};
pub use task::join::{JoinError, JoinHandle};
pub use task::{POISON, Task};
pub use timers::Alarm;
