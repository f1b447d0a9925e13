//! Return barriers on real machine stacks: what one is, and the code that is returned to.
//!
//! # The problem
//!
//! A garbage collector that works while the program runs scans every stack twice: once at leisure, and
//! again with the world stopped, because stores to local variables tell nobody. The second scan makes the
//! pause as long as the stack is deep. Yet most of a deep stack has not run in between. A *return barrier*
//! shows which part: the collector overwrites the return address of some frames with that of a trampoline.
//! A frame that returns into it is noted, and goes on to where it would have returned, every register
//! intact. Frames above the lowest barrier that was *not* hit have not run, and need no second scan.
//! Profilers, debuggers and schedulers have other uses for the same thing.
//!
//! The idea is that of Go 1.5's stack barriers. What is different here: the address that is written names
//! its own record, so nothing gets out of step when frames are left without a return (longjmp, exceptions,
//! killed frames), and unwinders and debuggers see through it.
//!
//! # The life of one barrier
//!
//! ```text
//!        a stopped stack                 while it stands                      after the return
//!
//!   t ┌────────────────┐             ┌────────────────┐                ┌────────────────┐
//!     │ array: empty   │  install    │ *slot = pc     │  record i      │ *slot = pc     │
//!     │ position 0     │ ─────────→  │ position i     │                │ position i+1   │  hit
//!     ├────────────────┤             ├────────────────┤                ├────────────────┤
//!     │ main           │             │                │                │                │  ← sp
//!     │ slot: pc       │             │ slot: stub i   │  ── ret ──→    │ slot: pc       │  healed, dead
//!     ├────────────────┤             ├────────────────┤   stub i       ├ ─ ─ ─ ─ ─ ─ ─ ─┤
//!     │ f              │             │ f              │   of class k   │                │
//!     └────────────────┘ ← sp        └────────────────┘ ← sp           └────────────────┘
//! ```
//!
//! 1. [`StkbarSlice::steal`] takes the array from the top of a stack of `2^k` bytes, aligned to `2^k`.
//! 2. [`patch::install`] writes the record, publishes it, and only then overwrites the slot.
//! 3. `ret` jumps to a stub. Class `k` and index `i` are in the stub's address; with the stack pointer they
//!    give the address of the record. The trampoline sets the position to `i + 1`, puts the return address
//!    back into its slot and jumps there.
//! 4. [`StkbarSlice::position`] says which barriers were hit; [`patch::remove`] takes away the rest.
//!
//! # Example
//!
//! A stack of our own, three nested calls, a barrier over the middle one's return address. This is all it
//! takes:
//!
//! ```
//! # #[cfg(all(target_arch = "x86_64", target_os = "linux"))] {
//! use barrier_arch::arch::{Context, prepare, switch};
//! use barrier_arch::{SizeClass, Spacing, StkbarSlice, host, patch};
//! use std::alloc::{Layout, alloc, dealloc};
//! use std::arch::naked_asm;
//! use std::ptr::NonNull;
//!
//! struct Task {
//!     bars: StkbarSlice,
//!     back: Context,
//!     seen: Vec<usize>,
//! }
//!
//! /// Three frames by hand, each with a frame record: `outer` calls `middle`, which calls `inner`.
//! #[unsafe(naked)]
//! extern "C" fn outer(task: &mut Task) -> usize {
//!     naked_asm!("push rbp", "mov rbp, rsp", "call {}", "add rax, 1", "pop rbp", "ret", sym middle)
//! }
//!
//! #[unsafe(naked)]
//! extern "C" fn middle(task: &mut Task) -> usize {
//!     naked_asm!("push rbp", "mov rbp, rsp", "mov rsi, rsp", "call {}", "pop rbp", "ret", sym inner)
//! }
//!
//! extern "C" fn inner(task: &mut Task, frame_record: *const usize) -> usize {
//!     // SAFETY: the word above the saved frame pointer is where `middle` returns to, and it is alive.
//!     let (slot, original) = unsafe { (frame_record.add(1), *frame_record.add(1)) };
//!     // SAFETY: a live return slot of this very stack, not of the youngest frame.
//!     unsafe { patch::install(&task.bars, slot as usize) }.expect("an empty array and a return address");
//!     // SAFETY: as above.
//!     let (word, pc) = unsafe { (*slot, patch::caller_pc(slot)) };
//!     assert!(barrier_arch::is_barrier(word));
//!     assert_eq!(pc, original);
//!     task.seen.push(task.bars.position()); // not hit yet
//!     41
//! }
//!
//! extern "C" fn run(task: usize) -> ! {
//!     // SAFETY: `prepare` below passes its address, and it outlives the run.
//!     let task = unsafe { &mut *(task as *mut Task) };
//!     let result = outer(task); // returns through the barrier
//!     task.seen.push(task.bars.position());
//!     task.seen.push(result);
//!     // SAFETY: a task that ends leaves an empty array; nobody comes back here.
//!     unsafe {
//!         patch::purge(&task.bars);
//!         switch(&mut Context::default(), &task.back);
//!     }
//!     unreachable!()
//! }
//!
//! host::support().expect("return addresses can be patched");
//! let layout = Layout::from_size_align(64 << 10, 64 << 10).unwrap();
//! // SAFETY: the layout has a size.
//! let base = NonNull::new(unsafe { alloc(layout) }).unwrap();
//! let class = SizeClass::of(layout.size()).unwrap();
//! // SAFETY: aligned to its size, and ours until the end.
//! let bars = unsafe { StkbarSlice::steal(base, class, Spacing::default()) };
//! let stack_hi = bars.stack_hi();
//!
//! let mut task = Task { bars, back: Context::default(), seen: Vec::new() };
//! // SAFETY: nobody uses the stack; it switches back to `task.back` when it is done.
//! unsafe {
//!     let prepared = prepare(stack_hi, run, (&raw mut task) as usize);
//!     switch(&raw mut task.back, &prepared.context);
//! }
//!
//! assert_eq!(task.seen, [0, 1, 42], "position before and after the return, and the result");
//! // SAFETY: from `alloc`, and nothing runs on it any more.
//! unsafe { dealloc(base.as_ptr(), layout) };
//! # }
//! ```
//!
//! # What is here
//!
//! | module | what |
//! |---|---|
//! | the root | [`SizeClass`], [`Stkbar`] and [`StkbarSlice`], [`Spacing`], [`Stub`] and [`is_barrier`] |
//! | [`patch`] | all that changes return slots: install, remove, skip, unwind, move; [`patch::caller_pc`] |
//! | [`arch`] | trampolines, context switch, first entry, recover: for the target only |
//! | [`description`] | every architecture as data, on every host |
//! | [`host`] | can return addresses be patched here at all? |
//! | [`mod@reference`] | the trampoline's step in plain Rust, on any memory |
//! | [`checker`] | verifies the rules below from outside; in builds with debug assertions every operation is checked when it is done |
//! | [`sanitizer`] | telling sanitizers and valgrind about stacks and switches |
//! | [`fatal`] | who prints the list if a record is missing, before the process stops |
//!
//! # Without the other crates
//!
//! You bring: stacks, sized and aligned to a power of two ([`SizeClass`]); a way to find the return slots
//! of a stopped stack's live frames (frame pointers, unwind tables, your JIT's own); and the decision which
//! of them get a barrier, for which [`Spacing::thresholds`] offers the doubling distances. Then
//! [`StkbarSlice::steal`] once per stack, [`patch::install`] and [`patch::remove`] while it is stopped, and
//! these duties:
//!
//! * start each round with [`patch::remove`], so that the array is empty before the first install;
//! * where barriers move with tail calls ([`arch::SLOTS_MOVE`]), a stack that has run is walked up to its first barrier, and [`patch::settle`] told
//!   of it, before anything else is done to its barriers; and wherever a stack was left, [`patch::complete`] first;
//! * before you drop frames without returning from them, tell [`patch::skip`]; nothing breaks if somebody
//!   forgets, the position just stays behind until the next hit;
//! * before you write into a frame behind the collector's back, [`patch::unwind`] up to it;
//! * read return addresses by [`patch::caller_pc`], change them by [`patch::set_caller_pc`];
//! * [`patch::purge`] when a stack's last frame is gone, [`StkbarSlice::retire`] before its memory becomes
//!   something else.
//!
//! # What holds
//!
//! | | rule | kept in |
//! |---|---|---|
//! | I1 | a stub is in a live return slot exactly if a record has that slot, at all times | [`patch`] |
//! | I2 | records are ordered by slot address | [`StkbarSlice`], checked by [`patch::install`] |
//! | I6 | nothing allocates, locks or panics in trampoline, lookup, install and remove | all but [`fatal`] |
//! | I7 | where no barrier can be, none is installed; the caller takes the next frame | [`patch::Refused`] |
//! | I12 | a task that ends leaves an empty array, and nothing is written to dead frames | [`patch::purge`] |
//! | I13 | every register survives, and the trampoline leaves by an indirect jump | [`arch`] |
//! | I15 | a machine that cannot do it is told apart at start, with the reason | [`host`] |
//!
//! # Who sees through
//!
//! libgcc's and LLVM's unwinders, so C++ exceptions and Rust panics; `std::backtrace`; gdb, at every
//! instruction of the trampoline. A backtrace has one frame more per barrier, named `stack_barrier`. An
//! exception that crosses a barrier hits it. Walks by frame pointer are not disturbed, but read a stub
//! where the return address was.
//!
//! # Features and platforms
//!
//! * `unwind` (default): exceptions cross barriers. Needs the `_Unwind_*` functions, which std links.
//!   Without it an exception must not reach a barrier.
//! * `arch-all` (default), `arch-386` … `arch-s390x`: rows of [`description`] besides the target's own. Trampolines are the target's only.
//!
//! `no_std` always. Trampolines and switches, on Linux: x86-64 (also with 32-bit pointers), x86, AArch64, 32-bit Arm, PowerPC (64-bit, both
//! byte orders), RISC-V (64-bit), z (s390x), LoongArch (64-bit). Another target does not compile, and says so.
//!
//! # What it is not for
//!
//! Processes with user shadow stacks ([`host::support`]), code that authenticates its return addresses,
//! frames of which it is unknown where the return address lies, and stacks whose size or alignment is not a
//! power of two.
#![no_std]
#![cfg_attr(sanitized, feature(sanitize))]
#[cfg(any(test, loom))]
extern crate std;

mod aftermath;
pub mod arch;
pub mod checker;
pub mod description;
pub mod fatal;
pub mod host;
pub mod patch;
mod personality;
pub mod reference;
pub mod sanitizer;
mod size_class;
mod spacing;
mod stkbar;
mod stub;
mod sync;

#[cfg(loom)]
pub use sync::{explore, explore_up_to, watch};

pub use size_class::{BadSize, SizeClass};
pub use spacing::{Spacing, Thresholds, max_stack_barriers};
pub use stkbar::{Dump, Stkbar, StkbarSlice};
pub use stub::{INDEXED_STUBS, Key, Stub, is_barrier};
