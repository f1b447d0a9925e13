//! The way into compiled code and out of it, and continuations: stack frames that were copied to the heap.
//!
//! ```text
//!   a task's stack                            the heap
//!   ┌────────────────────────┐
//!   │ Rust: run, body        │
//!   │ scheme_enter           │  saves Rust's registers; scanned conservatively
//!   │ scheme_base  ◀─ base   │  whoever returns into it at `scheme_underflow` gets its caller from `rest`
//!   ├────────────────────────┤                 ┌───────────────┐     ┌───────────────┐
//!   │ frames                 │   rest ───────▶ │ frames        │ ──▶ │ frames        │ ──▶ nothing: the end
//!   │ …                      │                 └───────────────┘     └───────────────┘
//!   └────────────────────────┘
//! ```
//!
//! A continuation is what is on the stack down to the base, and then `rest`. [`capture`] moves the former into an object and
//! makes that the new `rest`, so that frames are copied once, however often they are captured: its cost is proportional to the
//! frames that are not captured yet. A return into the base copies a few frames back ([`reinstate`]); they go on from there as if
//! nothing had happened. Calling a continuation makes its frames the `rest`, drops what is on the stack, and does the same.
//!
//! # Rules
//!
//! 1. No frame of Rust ever lies above a frame of Scheme, but for those under the base: primitives do not call back. So everything
//!    from a capture to the base is compiled code with exact maps, and can be copied.
//! 2. A copy holds return addresses, never stubs (I1): the barriers of the frames that are copied are resolved and marked hit first
//!    ([`patch::unwind`](barrier_arch::patch::unwind)), by the task itself and without a safepoint in between.
//! 3. What goes back onto the stack lies below the base, and every barrier there has been marked hit by then: the
//!    frames between the stack pointer and the base have been returned from, or were unwound by a capture, or are dropped with their barriers
//!    skipped by a throw. So the lowest barrier that was not hit stands at the base or above, and the re-scan covers whatever was
//!    written (I4). The task runs, so it is on the list of those to be re-scanned.
//! 4. A copy is born black: the references in it are shaded while the collector marks (I3). It never changes.
//! 5. Frames go back to the place, counted from the top of the stack, that they were taken from.
//! 6. A continuation belongs to the task that made it. Others are refused.

pub mod base;
pub mod capture;
pub mod copied;
pub mod record;
pub mod reinstate;
pub mod state;
#[cfg(test)]
mod tests;
