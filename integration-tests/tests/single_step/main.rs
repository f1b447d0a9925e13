//! What a profiler sees at each instruction of install, hit, skip, unwind, remove and relocate.
//!
//! The processor's trap flag raises SIGTRAP after every instruction, and its handler walks the interrupted stack, or the stopped one that is worked
//! on, from the registers of the moment. Every walk is compared, frame by frame, with the chain of frame records as it was before there
//! were barriers ([`integration_tests::stage::chain`], which is a plain loop and knows nothing of them).
//!
//! # Which frames are compared
//!
//! A walk by frame pointers starts from the frame record that `rbp` points to. Between a function's entry and its `mov rbp, rsp`, and again
//! between `pop rbp` and `ret`, that is its *caller's* record: such a walk shows the interrupted pc and goes on with the caller's caller, barriers or
//! not. So what is right follows from the registers alone:
//!
//! ```text
//!   interrupted                        compared
//!   in a frame of the stack            every frame above the one whose record rbp points to; whose that is, is checked against rsp
//!   at the `ret` of such a frame       the same; rbp is the caller's already
//!   in the trampoline                  frame 0, too: the function that returned is gone, its caller must be shown, with its own pc
//!   in code of the operation itself    every frame from the operation's caller's caller up
//!   elsewhere (the stack is stopped)   all frames
//! ```
//!
//! In all cases up to the outermost frame, with pc, sp and fp of each.

mod agree;
mod exceptions;
mod hits;
mod moved;
mod own_stack;
mod sched_moves;
mod stopped;
