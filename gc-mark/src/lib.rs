//! Marking with a pause that does not grow with the stack.
//!
//! A collector that marks while the program runs scans every stack twice: once early, and once more with the world
//! stopped, because stores to local variables have no write barrier. A deep stack makes the second scan, and with it the pause, long. Yet
//! most of a deep stack has not run in between. *Return barriers* tell which part has: during the first scan, at doubling distances, the
//! return address of a frame is overwritten with that of a trampoline ([`barrier_arch`]). What lies above the lowest
//! barrier that was not returned through has not run, and is not scanned again.
//!
//! ```text
//!   outermost ├──────────┬───────────────┬───────┬───┬─┤ sp
//!                        4 KiB           2 KiB   1 KiB
//!   first scan ◀━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  all of it, while other tasks run
//!   the task returns …                       hit ┘   └ hit
//!   re-scan                              ◀━━━━━━━━━━━━━━  at most twice what ran, and 1 KiB
//! ```
//!
//! # What is here
//!
//! | | |
//! |---|---|
//! | [`Scanner`] | first scan with barriers, re-scan bounded by them; what [`scan`] guarantees |
//! | [`Receipt`] | per stack: what was scanned in which cycle, did it run since ([`receipt`]) |
//! | [`Phases`] | off, scan, mark, mark termination; the byte that compiled code tests before a store |
//! | [`write_barrier`] | Dijkstra's barrier, for the heap and for stack slots written through pointers |
//! | [`Grey`], [`MarkWorker`] | marking by any number of threads that steal from each other |
//! | [`Verify`] | marks again from scratch and names what was lost, and how it is reached |
//! | [`Oracle`] | a debug mode that names the write barrier that was left out |
//! | [`checker`] | the barriers' invariants, verified from outside; scanners do it in debug builds |
//! | [`heap::MarkSweep`] | a heap to start with |
//!
//! # Who brings what
//!
//! An author of a runtime has stacks, a compiler and a heap, and replaces any of the neighbours:
//!
//! * *stacks*: anything with a barrier array ([`barrier_arch::StkbarSlice::steal`]) that can be stopped and described by a
//!   [`Stopped`]. Who allocates and who schedules them does not matter here;
//! * *frames*: a [`FrameMap`] from return addresses to roots, or [`Conservatively`]. Which frames may be skipped at all is its
//!   word: read what [vouching](frame_map) means;
//! * *steps from frame to frame*: any [`unwind_walk::Unwind`]; frame pointers are built in there;
//! * *heap*: any [`Heap`]. Its value type is a word.
//!
//! It needs an insertion write barrier on every store of a reference outside of the running frame. A collector with a deletion
//! (snapshot) barrier never scans twice and has no use for the re-scan.
//!
//! # A cycle
//!
//! One stack in one thread; a real runtime does the same with many, and stops the world where it says so.
//!
//! ```
//! use barrier_arch::{SizeClass, Spacing, StkbarSlice};
//! use gc_mark::*;
//! use unwind_walk::{FramePointers, Registers};
//!
//! // A heap of three objects at 0x1000, 0x2000, 0x3000 without fields. (`heap::MarkSweep` is a real one.)
//! #[derive(Default)]
//! struct Three([std::sync::atomic::AtomicBool; 3]);
//! # use std::sync::atomic::Ordering::Relaxed;
//! // SAFETY: there are no references in objects, and none is ever freed.
//! unsafe impl Heap for Three {
//!     fn object_of(&self, value: usize) -> Option<Object> {
//!         matches!(value, 0x1000 | 0x2000 | 0x3000).then_some(Object(value))
//!     }
//!     fn object_at(&self, word: usize) -> Option<Object> { self.object_of(word & !0xfff) }
//!     fn mark(&self, object: Object) -> bool { !self.0[object.0 / 0x1000 - 1].swap(true, Relaxed) }
//!     fn is_marked(&self, object: Object) -> bool { self.0[object.0 / 0x1000 - 1].load(Relaxed) }
//!     fn visit_children(&self, _: Object, _: impl FnMut(usize)) {}
//!     fn begin_marking(&self) {}
//!     fn end_marking(&self) {}
//!     fn sweep(&self) {}
//! }
//!
//! // A stack of 4 KiB: an outermost function, called from nowhere, and one that it called. No code runs on it here.
//! #[repr(align(4096))]
//! struct Memory([usize; 512]);
//! let mut memory = Box::new(Memory([0; 512]));
//! let base = std::ptr::NonNull::from(&mut *memory).cast::<u8>();
//! // SAFETY: 4 KiB, aligned to 4 KiB, used for nothing else as long as `bars`.
//! let bars = unsafe { StkbarSlice::steal(base, SizeClass::of(4096)?, Spacing::EveryFrame) };
//! let outermost_sp = bars.stack_hi() - 16;
//! let [fp, sp] = [outermost_sp - 16, outermost_sp - 32];
//! # let put = |at: usize, word: usize| unsafe { (at as *mut usize).write_volatile(word) };
//! put(outermost_sp, 0x1000);    // a local of the outermost function
//! put(fp + 8, 0x40_1234);       // where the youngest returns to
//! put(sp, 0x2000);              // a local of the youngest
//! let registers = Registers { pc: 0x40_5678, sp, fp };
//! // SAFETY: nothing runs on the stack, and these are its registers.
//! let stack = unsafe { Stopped::new(registers, &bars, outermost_sp, sp)? };
//!
//! let (heap, phases, grey, receipt) = (Three::default(), Phases::new(), Grey::new(), Receipt::new());
//! let mut worker = MarkWorker::new(&grey);
//! // SAFETY: frames are as frame pointers say; no return slot is used otherwise.
//! let mut scanner = unsafe { Scanner::new(&heap, &phases, &Conservatively, FramePointers) };
//!
//! // World stopped: the write barrier goes on, and every mutator sees it.
//! let Started::Begun(cycle) = phases.start() else { unreachable!("no other collector here") };
//! heap.begin_marking();
//! // Each stack is stopped for its first scan; the others run.
//! let first = scanner.first_scan(&stack, &receipt, Spacing::EveryFrame, |object| worker.push(object)).unwrap().report();
//! assert_eq!((first.frames, first.marked), (2, 2));
//! phases.scanned()?;
//! while worker.drain(&heap, 100) != Drained::Empty {}
//!
//! // The task runs on. Its scheduler notes that, and puts it on the list of those to re-scan.
//! assert_eq!(receipt.note_run(cycle), Ran::BecameDirty);
//! put(sp, 0x3000);              // a store to a local: no write barrier
//!
//! // World stopped: the stacks on the list, then what that made grey.
//! phases.terminate()?;
//! scanner.re_scan(&stack, &receipt, |object| worker.push(object)).unwrap();
//! assert_eq!(worker.drain_until_empty(&heap), 1);
//!
//! let mut verify = Verify::new(&heap, &Conservatively, FramePointers);
//! verify.stack(0, &stack).unwrap();
//! assert!(verify.finish().is_sound());
//! heap.end_marking();
//! phases.finish()?;
//!
//! // The world runs; barriers that are left are removed when it is convenient.
//! stack.remove_barriers(&FramePointers).unwrap();
//! heap.sweep();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules for the caller
//!
//! 1. The write barrier is seen by every mutator before the first stack is scanned ([`phase`]).
//! 2. A stack is resumed only after [`Receipt::note_run`], and one that became dirty is re-scanned before [`Phases::finish`].
//!    So is one that was made in mid-cycle.
//! 3. Whoever writes into a stack past the compiled code says so: [`write_barrier::note_stack_write`].
//! 4. Whoever drops frames without returning calls [`barrier_arch::patch::skip`]; a task that ends leaves an empty
//!    array ([`barrier_arch::patch::purge`]) and a fresh receipt.
//! 5. A [`ScanError`] means that an invariant is broken: stop the process, with its text, or give up the cycle unswept.

pub mod checker;
pub mod error;
pub mod frame_map;
pub mod grey;
pub mod heap;
mod install;
#[cfg(all(test, any(loom, shuttle)))]
mod models;
pub mod oracle;
pub mod phase;
pub mod receipt;
pub mod report;
mod roots;
pub mod scan;
pub mod settle;
pub mod stack;
#[cfg(shuttle)]
pub mod sync;
#[cfg(not(shuttle))]
mod sync;
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
pub use oracle::{Compared, Oracle, Snapshot};
pub use phase::{Cycle, Phase, Phases, Started};
pub use receipt::{Ran, Receipt};
pub use report::{Scan, ScanReport};
pub use scan::Scanner;
pub use settle::settle;
pub use stack::Stopped;
pub use verify::{Verified, Verify};
