//! Barriers over return addresses of T32 code on 32-bit Arm: bit 0 tells the return to go on in that instruction set, and stays
//! in the record.
#![cfg(all(target_arch = "arm", feature = "unwind"))]

mod support;

use std::arch::global_asm;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use barrier_arch::{Spacing, StkbarSlice};
use support::{MODES, TestStack, install_here};

global_asm!(
    ".thumb",
    ".thumb_func",
    ".type call_from_t32, %function",
    // usize call_from_t32(extern "C-unwind" fn(usize) -> usize, usize): one more than the callee's result
    "call_from_t32:",
    ".fnstart",
    ".save {{r4, lr}}",
    "push {{r4, lr}}",
    "mov r2, r0",
    "mov r0, r1",
    "blx r2",
    "adds r0, r0, #1",
    "pop {{r4, pc}}",
    ".fnend",
    ".size call_from_t32, . - call_from_t32",
    ".arm",
);

unsafe extern "C-unwind" {
    fn call_from_t32(f: extern "C-unwind" fn(usize) -> usize, argument: usize) -> usize;
}

/// How many levels are left, each an A32 function that a T32 function calls.
struct Level<'a> {
    left: usize,
    bars: &'a StkbarSlice,
    spacing: Spacing,
    throw: bool,
    /// Return addresses behind barriers that lead to T32 code.
    to_t32: usize,
}

extern "C-unwind" fn descend(argument: usize) -> usize {
    // SAFETY: the test passes its own level, which nobody else uses meanwhile.
    let level = unsafe { &mut *(argument as *mut Level<'_>) };
    // A frame record of its own, below what the caller sees.
    let words = black_box([level.left; 40]);
    if level.left > 0 {
        level.left -= 1;
        // SAFETY: by the ABI.
        let below = unsafe { call_from_t32(descend, argument) };
        return below + words[7] - words[9];
    }
    install_here(level.bars, level.spacing);
    level.to_t32 = level.bars.iter().filter(|record| record.saved_lr_val & 1 == 1).count();
    if level.throw {
        resume_unwind(Box::new(()));
    }
    black_box(0)
}

#[test]
fn returns_and_exceptions_cross_barriers_over_t32_callers() {
    for spacing in MODES {
        let stack = TestStack::new(1 << 17, spacing);
        for throw in [false, true] {
            stack.run(|bars| {
                let mut level = Level { left: 50, bars, spacing, throw, to_t32: 0 };
                let result = catch_unwind(AssertUnwindSafe(|| descend((&raw mut level) as usize)));
                assert_eq!(result.ok(), (!throw).then_some(50));
                let wanted = match spacing {
                    Spacing::Off => 0..1,
                    Spacing::Exponential { .. } => 3..9,
                    Spacing::EveryFrame => 48..51,
                };
                assert!(wanted.contains(&level.to_t32), "{} over T32 callers", level.to_t32);
                assert!(bars.position() >= level.to_t32, "all of these were hit: {bars}");
            });
        }
    }
}
