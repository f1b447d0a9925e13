//! The stacks of programs, in both modes: [reserved](Stacks::Reserve), with a red zone for the runtime's helpers below the limit that prologues check, or
//! [copied](Stacks::Copy) to larger and smaller ones, where helpers run elsewhere and below the limit there is just room for a frame.
//!
//! # What a stack that moves is known by
//!
//! **Rule:** the only addresses of a stack that live across anything that may move it are the frame pointers saved in it, and the task's stack pointer. `sched`
//! relocates those ([`sched::StackMode`]; barriers go along, I11). Everything else that refers to a stack is a distance from its top, or is not
//! alive then:
//!
//! | what | refers to the stack by |
//! |---|---|
//! | saved frame pointers | address; a chain from the native call down to the base, relocated word by word |
//! | where compiled code waits for a native function | the task's stack pointer: the store of the new one is the move |
//! | native frames: helpers, primitives, Rust below and above | not at all: they lie on a native stack, and read the stack pointer anew after every safepoint |
//! | slots of compiled frames, callee-saved registers | not at all: without optimisation no address of a slot lives across a call ([`codegen`](super::codegen)) |
//! | the base, where the frames of Scheme end | distance ([`Machine::base`](super::machine::Machine::base)) |
//! | captured frames, and what lies beyond the base | addresses of the time of the capture, with the top of that time: [`copied`](super::continuation::copied) |
//! | where `scheme_resume` goes on | address, from a native function to the instructions behind its call: no safepoint lies in between |
//! | handlers, winders, parameters | not at all: lists on the heap |
//! | arguments beyond the fourth, rest arguments | not at all: a buffer of the task |
//! | what the oracle and the collector remember of the last scan | addresses, which a move [carries over](gc_mark::Receipt::carry_over) |
//!
//! `--always-move`, and the tests that are named after moves, move the stack at each prologue check and each first scan; the memory of the old one is poisoned
//! or used by others then.

use std::error::Error;

use barrier_arch::{SizeClass, Spacing, StkbarSlice};
use sched::{Builder, Movable, NATIVE_CALL_BYTES, PooledStacks, Runtime, StackMode, StackSource, TaskStack};
use stack_alloc::GuardPages;

use super::cli::Stacks;
use super::continuation::base::CALL_CC_BYTES;
use super::continuation::record::FOR_CALLEES;
use super::language::Scheme;

/// Bytes below the limit. A helper runs on the stack of the program that calls it, and is not asked whether it fits; and
/// what handles a stack overflow may use half of it.
pub const RED_ZONE: usize = 128 << 10;

/// Bytes beyond the limit for what handles a stack overflow.
pub const FOR_HANDLERS: usize = RED_ZONE / 2;

/// Bytes of a stack that will move, when it is new.
pub const FIRST_BYTES: usize = 4096;

/// Largest frame, from its stack pointer to its frame record, that a prologue may make before it has asked for room. For larger ones somebody else asks:
/// [`codegen`](super::codegen).
pub const FRAME_BYTES: usize = 704;

/// What frames of stacks that move may use below the limit: the largest frame with its record; the small ones of code that does not check, wrappers of
/// primitives, what captures a continuation and what raises faults; and what a native call pushes.
pub const SLACK: Movable =
    Movable { slack: FRAME_BYTES + 24 + 128 + 2 * FOR_CALLEES + UNCHECKED_BYTES + NATIVE_CALL_BYTES };

const UNCHECKED_BYTES: usize = if CALL_CC_BYTES < 128 { 128 } else { CALL_CC_BYTES };

/// A runtime for `scheme`, with stacks of the kind that its code is made for, on which a program has `usable` bytes. `None` if there are no
/// stacks as large as that.
pub fn runtime(mut scheme: Scheme, spacing: Spacing, usable: usize) -> Option<Builder<Scheme>> {
    let size = roomy_stack_bytes(usable, spacing)?;
    scheme.stack_limit = usable.min(size - taken(size, spacing)?);
    let (phases, stacks) = (scheme.phases(), scheme.stacks);
    let builder = Runtime::builder(scheme).phases(phases).spacing(spacing).stack_bytes(size);
    let source = PooledStacks::new(spacing, GuardPages::Off);
    Some(match stacks {
        Stacks::Reserve => builder.stacks(WithRedZone::new(source, usable)),
        Stacks::Copy => builder.stacks(source).stack_mode(StackMode::Copy { first: FIRST_BYTES }),
    })
}

/// What is not the program's of a stack of `size` bytes.
fn taken(size: usize, spacing: Spacing) -> Option<usize> {
    Some(StkbarSlice::stolen_bytes(SizeClass::of(size).ok()?, spacing) + RED_ZONE)
}

/// Somebody's stacks, with a higher limit.
#[derive(Debug)]
pub struct WithRedZone<S> {
    stacks: S,
    /// Most bytes that the program may use.
    usable: usize,
}

impl<S: StackSource> WithRedZone<S> {
    /// Of each stack the program may use `usable` bytes at most, and never the red zone.
    pub fn new(stacks: S, usable: usize) -> WithRedZone<S> {
        WithRedZone { stacks, usable }
    }
}

/// Size of a stack on which a program has `usable` bytes, but for what barriers take; at least twice the red zone.
///
/// A power of two stands for the whole stack, red zone included: a program that may use 1 GiB does not get 2 GiB mapped.
pub fn stack_bytes(usable: usize) -> Option<usize> {
    usable.max(2 * RED_ZONE).checked_next_power_of_two()
}

/// As [`stack_bytes`], where barriers in `spacing` may take much of a stack: at least three quarters of `usable` are left.
pub fn roomy_stack_bytes(usable: usize, spacing: Spacing) -> Option<usize> {
    let mut size = stack_bytes(usable)?;
    loop {
        if size.saturating_sub(taken(size, spacing)?) >= usable.max(RED_ZONE) / 4 * 3 {
            return Some(size);
        }
        size = size.checked_mul(2)?;
    }
}

// SAFETY: the stacks are those of `stacks`; only the limit is higher.
unsafe impl<S: StackSource> StackSource for WithRedZone<S> {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn Error + Send + Sync>> {
        let mut stack = self.stacks.alloc(bytes)?;
        let for_program = stack.bars.stack_hi().saturating_sub(self.usable);
        stack.limit = for_program.max(stack.limit + RED_ZONE);
        Ok(stack)
    }

    unsafe fn free(&self, stack: TaskStack) {
        // SAFETY: passed on.
        unsafe { self.stacks.free(stack) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sched::PooledStacks;
    use stack_alloc::GuardPages;

    #[test]
    fn the_program_gets_what_it_may_use_and_never_the_red_zone() {
        for spacing in [Spacing::Off, Spacing::default(), Spacing::EveryFrame] {
            for usable in [1, 64 << 10, 100_000, 1 << 20, (1 << 20) + 1] {
                let size = roomy_stack_bytes(usable, spacing).expect("a size");
                let source = WithRedZone::new(PooledStacks::new(spacing, GuardPages::Off), usable);
                let stack = source.alloc(size).expect("a stack");
                assert!(stack.limit >= stack.bars.base() + RED_ZONE, "{usable} {spacing:?}");
                let room = stack.bars.stack_hi() - stack.limit;
                assert!(room <= usable && room >= usable / 4 * 3, "{usable} {spacing:?} {room}");
                // SAFETY: it came from there, and nothing ran on it.
                unsafe { source.free(stack) };
            }
        }
        assert_eq!(roomy_stack_bytes(usize::MAX, Spacing::Off), None);
    }
}
