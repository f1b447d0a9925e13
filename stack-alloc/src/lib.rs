//! Memory for machine stacks, with room for return barriers.
//!
//! Who runs code on stacks of his own (green threads, fibers, a JIT with deep recursion) needs memory that is
//! *like* a stack: address space in plenty of which little is used, a page at the end that faults on
//! overflow, cheap enough for a thread of a few hundred instructions. This crate is a pool of such memory.
//! What sets it apart:
//!
//! * Stacks are `2^k` bytes, 2 KiB to 1 TiB, **aligned to their size**, and from the top of each the array of
//!   its return barriers is stolen ([`StkbarSlice`](barrier_arch::StkbarSlice)). From any address in a stack,
//!   everything about it follows by arithmetic, which is what a barrier's trampoline lives on.
//! * Guard pages **do not use up the process's mappings** where the kernel can do without ([`GuardPages`]).
//! * Small stacks (up to 32 KiB) come from free lists with a cache per worker ([`StackCache`]), large ones
//!   are cached by size with their memory given back.
//! * A stack can [`relocate`] into a bigger or smaller one, barriers included.
//! * To debug whoever runs on them: *electric fence* and *poison* ([`Config`]).
//!
//! ```
//! use stack_alloc::{Config, StackPool};
//!
//! fn main() -> Result<(), stack_alloc::StackError> {
//!     let pool = StackPool::new(Config::default());
//!     let mut cache = pool.cache(); // one per worker
//!
//!     let (stack, stkbars) = cache.alloc(16 * 1024)?;
//!     // A task's frames go from here down …
//!     let first_frame = stkbars.stack_hi();
//!     assert_eq!(first_frame % 16, 0);
//!     // … to here, which is what a prologue compares the stack pointer with. Below lies the guard page.
//!     let limit = stack.limit();
//!     assert!((stack.base()..first_frame).contains(&limit));
//!     // SAFETY: the word just below `stack_hi`, on a stack that nobody else uses.
//!     unsafe { (first_frame as *mut usize).sub(1).write(0) };
//!
//!     // SAFETY: nothing runs on it.
//!     unsafe { cache.free(stack, stkbars) };
//!
//!     let (huge, stkbars) = pool.alloc(1 << 30)?; // address space: one page is resident
//!     println!("{huge:?}: barriers {stkbars}");
//!     // SAFETY: as above.
//!     unsafe { pool.free(huge, stkbars) };
//!
//!     let stats = pool.stats();
//!     assert_eq!((stats.in_use(), stats.mapped_bytes), (0, stats.cached_bytes()));
//!     Ok(())
//! }
//! ```
//!
//! # Without the other crates
//!
//! Nothing here runs code: what switches to a stack and stops it is yours, and so is what walks it. Who wants
//! no barriers sets `Config { spacing: Spacing::Off, .. }`: 32 bytes per stack are still taken, nothing else
//! differs. Conversely, the other crates of the family take any stack whose owner can tell its bounds and its
//! `StkbarSlice`, from this pool or not.
//!
//! # Rules
//!
//! * A [`Stack`] is freed by hand, because only the caller knows that nothing runs on it or will return into
//!   it. Dropped, it leaks.
//! * Freeing empties the barrier array without a write to any return slot (I12) and clears the cookie, so
//!   that nothing takes the memory for a stack any more.
//! * Every error leaves the pool as it was; before memory is reported to be out, all that is cached has been
//!   given back.
//!
//! # Platforms
//!
//! Linux; tested on x86-64 and, by `ci/cross.sh`, on nine other targets. The cheap guard pages need Linux 6.13; older kernels, and emulators
//! that only say they have them, get `mprotect`.

mod cache;
mod central;
mod config;
mod error;
mod fence;
mod guard;
mod large;
mod ledger;
mod mapping;
mod memory;
#[cfg(all(test, loom))]
mod models;
mod poison;
mod pool;
mod relocate;
mod shared;
mod span;
mod stack;
mod stats;
mod sync;

pub use cache::StackCache;
pub use config::Config;
pub use error::{RelocateError, StackError};
pub use guard::GuardPages;
pub use poison::POISON;
pub use pool::StackPool;
pub use relocate::relocate;
pub use stack::Stack;
pub use stats::{ClassStats, Rate, Stats};

/// The example of the README is tested like the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
