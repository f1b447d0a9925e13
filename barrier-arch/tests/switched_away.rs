//! A function with a barrier over its return ends in a tail call of `switch`: the stack is left with the stub as the address to go on at, in no frame's
//! slot. `patch::complete` finds that out before anybody walks, who would find a barrier without a record.
#![cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]

mod support;

use std::arch::naked_asm;
use std::hint::black_box;

use barrier_arch::arch::{self, Context, own_frame};
use barrier_arch::{Spacing, StkbarSlice, is_barrier, patch};
use support::{MODES, TestStack, return_slots};

/// What the stack that is left and the one that it is left for have in common.
struct Shared<'s> {
    bars: &'s StkbarSlice,
    spacing: Spacing,
    own: Context,
    back: Context,
    rounds: usize,
}

/// Calls `first(argument)`, then jumps to `switch(save, load)`, which returns to the caller when somebody switches back.
///
/// # Safety
///
/// As [`arch::switch`].
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn leave(
    save: *mut Context,
    load: *const Context,
    first: extern "C" fn(usize),
    argument: usize,
) {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rdi",
        "push rsi",
        "mov rdi, rcx",
        "call rdx",
        "pop rsi",
        "pop rdi",
        "pop rbp",
        "jmp {switch}", // the return address, or the stub, is what it is to go on at
        switch = sym arch::switch,
    )
}

/// The same.
///
/// # Safety
///
/// As [`arch::switch`].
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn leave(
    save: *mut Context,
    load: *const Context,
    first: extern "C" fn(usize),
    argument: usize,
) {
    naked_asm!(
        "stp x29, x30, [sp, -32]!",
        "mov x29, sp",
        "stp x0, x1, [sp, 16]",
        "mov x0, x3",
        "blr x2",
        "ldp x0, x1, [sp, 16]",
        "ldp x29, x30, [sp], 32",
        "b {switch}", // the return address, or the stub, is in x30
        switch = sym arch::switch,
    )
}

/// A collector's deed: a barrier over the return of `leave`, and, in that mode, over all further out.
extern "C" fn install(shared: usize) {
    // SAFETY: the test's own, which outlives the stack.
    let shared = unsafe { &*(shared as *const Shared<'_>) };
    let slots = return_slots(shared.bars);
    // That of `return_slots` and that of this function come first, the outermost frame's last.
    let wanted = match shared.spacing {
        Spacing::Off => 2..2,
        Spacing::Exponential { .. } => 2..3,
        Spacing::EveryFrame => 2..slots.len() - 1,
    };
    // SAFETY: this thread is on the stack itself, and the slots are those of live frames.
    unsafe {
        patch::remove(shared.bars, own_frame().0);
        for &slot in &slots[wanted] {
            patch::install(shared.bars, slot).expect("room, and nothing below it");
        }
    }
}

#[inline(never)]
fn leaver(shared: *mut Shared<'_>, n: usize) -> usize {
    // SAFETY: the other stack waits in `back`, and comes back.
    unsafe { leave(&raw mut (*shared).own, &raw const (*shared).back, install, shared as usize) };
    black_box(n) + 1
}

extern "C" fn rounds(shared: usize) -> ! {
    let shared = shared as *mut Shared<'_>;
    loop {
        // SAFETY: this thread; no reference lives across the switch in `leaver`.
        unsafe { (*shared).rounds = leaver(shared, (*shared).rounds) };
    }
}

#[test]
fn a_stack_that_was_left_through_a_barrier_goes_on_where_the_return_leads() {
    for spacing in MODES {
        let stack = TestStack::new(1 << 16, spacing);
        let mut shared = Shared {
            bars: &stack.bars,
            spacing,
            own: Context::default(),
            back: Context::default(),
            rounds: 0,
        };
        let raw = &raw mut shared;
        // SAFETY: nobody uses the stack, and what both have outlives it; each switch goes to the other, which waits.
        unsafe {
            (*raw).own = arch::prepare(stack.bars.stack_hi(), rounds, raw as usize).context;
            for round in 0..10 {
                arch::switch(&raw mut (*raw).back, &raw const (*raw).own);
                assert_eq!((*raw).rounds, round, "it goes on, completed or not");

                let barred = spacing != Spacing::Off;
                assert_eq!(is_barrier((*raw).own.registers().pc), barred, "{spacing:?}");
                // Every other time the trampoline does it, when the stack goes on.
                if round % 2 == 0 {
                    let standing = stack.bars.len() - stack.bars.position();
                    assert_eq!(patch::complete(&stack.bars, &(*raw).own), barred);
                    assert_eq!(stack.bars.len() - stack.bars.position(), standing - usize::from(barred));
                    assert!(!is_barrier((*raw).own.registers().pc));
                    assert!(!patch::complete(&stack.bars, &(*raw).own), "there is nothing left to complete");
                }
            }
        }
    }
}
