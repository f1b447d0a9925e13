//! Walk a stopped stack frame by frame, with return barriers resolved.
//!
//! A return barrier ([`barrier_arch`]) is the address of a trampoline, written over a frame's return address. Whoever
//! walks the stack must not take it for the caller: this crate finds the original return address by the
//! *slot* that holds it, and on the way proves what a collector has to rely on.
//!
//! * [`Walk::strict`] is for collectors: it fails on a barrier that no record knows, on a barrier that the walk
//!   did not meet, and on a walk that ended short of the outermost frame. The error prints the stack's whole
//!   barrier list.
//! * [`Walk::diagnose`] is for profilers and crash reports: it never fails, whatever the memory holds.
//! * [`Unbarred`] shows a stack as if it had no barriers, to an unwinder that cannot be changed.
//!
//! Nothing here allocates, locks, panics or writes to the stack: all of it may run in a signal handler. A walk
//! may even start inside the trampoline.
//!
//! ```text
//!   what you bring                    seam            what comes with the crate
//!   registers of the youngest frame   [Registers]     –
//!   the stack's memory                [ReadWord]      LiveStack, StackCopy, Unbarred, any closure
//!   one step to the caller            [Unwind]        FramePointers, cfi::UnwindTables, FirstOf
//!   the stack's barriers, if any      [StkbarSlice]   found by their own keys on a LiveStack
//! ```
//!
//! # Example
//!
//! A stack with two frames below the outermost one, and a barrier over a return address. Here it is an array that was
//! filled by hand; on a real one the registers come from a context switch or a signal handler.
//!
//! ```
//! use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
//! use core::ops::ControlFlow;
//! use unwind_walk::{End, FramePointers, LiveStack, Registers, Walk};
//!
//! #[repr(align(2048))]
//! struct Memory([usize; 256]);
//! let mut memory = Box::new(Memory([0; 256]));
//! let base = core::ptr::NonNull::from(&mut memory.0).cast();
//! let lo = base.as_ptr() as usize;
//!
//! // SAFETY: the memory is aligned to its size and ours alone.
//! let bars = unsafe { StkbarSlice::steal(base, SizeClass::MIN, Spacing::default()) };
//! let word = |index: usize| lo + index * size_of::<usize>();
//! let write = |index: usize, value: usize| {
//!     // SAFETY: within the memory, below the stolen array.
//!     unsafe { (word(index) as *mut usize).write(value) }
//! };
//! write(10, word(20)); // frame record of frame 0: the caller's frame pointer,
//! write(11, 0x40_1000); //                         the return address
//! write(20, 0); //         frame record of frame 1: its caller is the outermost frame
//! write(21, 0x40_2000);
//! let outermost_sp = word(22);
//! let registers = Registers { pc: 0x40_0000, sp: word(8), fp: word(10) };
//!
//! // A collector puts a barrier over frame 1's return address.
//! // SAFETY: this stack does not run, and the slot is the return slot of one of its frames.
//! unsafe { patch::install(&bars, word(21)) }.unwrap();
//!
//! // SAFETY: readable as long as `memory` lives.
//! let live = unsafe { LiveStack::new(lo, bars.top()) };
//! let mut pcs = Vec::new();
//! let walked = Walk::new(&FramePointers, &live).barriers(&bars).strict(outermost_sp, registers, |frame| {
//!     println!("{frame}");
//!     pcs.push((frame.pc, frame.barrier()));
//!     ControlFlow::Continue(())
//! });
//! assert_eq!(walked.unwrap().end, End::Outermost);
//! assert_eq!(pcs, [(0x40_0000, None), (0x40_1000, Some(0)), (0x40_2000, None)]);
//! ```
//!
//! # In a signal handler
//!
//! A profiler walks from the registers that it was called with, and drops no sample: at every instruction of install, hit, skip, unwind,
//! remove and of a move of the stack the walk is the one that there would be without barriers. What it must know is which stack
//! was interrupted; a table of one atomic word per stack, its base and its size, tells that without a lock.
//!
//! Give [`LiveStack`] the 128 bytes below the stack pointer, too (the red zone: the trampoline's slot is there). And expect what every walk by
//! frame pointers has to expect. Between a function's entry and its `mov rbp, rsp`, and between `pop rbp` and `ret`, the frame
//! pointer is the caller's, so the caller is missing. In code that keeps no frame pointers (most C libraries) it is nothing at all, and the walk
//! ends as [`End::Broken`], or even as [`End::Lost`] if it runs into a copy of a barrier's address. Neither says anything
//! of the stack; a walk from the next frame record above the stack pointer does.
//!
//! # Features
//!
//! * `cfi`: `cfi::UnwindTables`, a stepper for code without frame pointers, by the unwind tables of the process and of generated code. Every
//!   architecture but 32-bit Arm, whose tables are of another kind; Linux; needs `alloc` and the C library.
//! * `framehop`: `ByFramehop`, a stepper that asks a framehop unwinder. x86-64.
//!
//! # Without the other crates
//!
//! Only `barrier-arch` is needed, and of it only the types of a barrier list, if there are no barriers. Stacks
//! may come from anywhere. For code without frame pointers implement [`Unwind`] over your compiler's own tables;
//! to look at a core dump or another process implement [`ReadWord`], or pass a closure. Symbols are not this
//! crate's business: look up [`Frame::lookup_pc`] in whatever knows them.
//!
//! [`StkbarSlice`]: barrier_arch::StkbarSlice

#![no_std]
#[cfg(feature = "cfi")]
extern crate alloc;

mod barriers;
#[cfg(all(feature = "cfi", not(target_arch = "arm")))]
pub mod cfi;
mod error;
mod first_of;
mod frame;
mod frame_pointers;
#[cfg(all(feature = "framehop", target_arch = "x86_64"))]
mod framehop;
mod inside_trampoline;
mod live;
mod memory;
#[cfg(any(
    all(feature = "cfi", not(target_arch = "arm")),
    all(feature = "framehop", target_arch = "x86_64")
))]
mod stack_base;
mod step;
mod tally;
mod unbarred;
mod walk;

#[cfg(all(feature = "framehop", target_arch = "x86_64"))]
pub use crate::framehop::ByFramehop;
pub use error::{End, Fault, Missed, WalkError, Walked};
pub use first_of::FirstOf;
pub use frame::{Caller, Frame};
pub use frame_pointers::{FramePointers, FrameRecords};
pub use live::LiveStack;
pub use memory::{ReadWord, StackCopy};
pub use step::{Registers, Step, StepError, Unwind};
pub use unbarred::Unbarred;
pub use walk::Walk;
