//! AArch64, AAPCS64.
//!
//! ```text
//!   caller's x29, x30   ◀── x29: the frame record, on top as native_call's is
//!   unused
//!   five words          ◀── sp
//! ```
//!
//! The record on top of a frame says exactly where the frame ends, and so where the caller's words are. The return address in it is what a barrier takes
//! the place of: it is loaded from there when the function returns.
//!
//! Source: *Procedure Call Standard for the Arm 64-bit Architecture*, 2024Q3, chapters 6.1.1 (registers), 6.4.5 (alignment) and 6.4.6 (the frame pointer).

use std::arch::global_asm;
use std::mem::offset_of;

use super::{ANSWER, LEFT, NUMBER, ROOT, TASK, Task, cell, check, leaf, look};

/// From a frame's stack pointer to its caller's.
pub const FRAME_BYTES: usize = 64;

/// Where a frame's own words begin, above its stack pointer.
pub(super) const WORDS: usize = 0;

/// What lies above the outermost frame's stack pointer.
pub(crate) const OUTERMOST_BYTES: usize = 16;

global_asm!(
    // (task, levels) -> levels + 1
    ".globl test_descend",
    ".hidden test_descend",
    "test_descend:",
    "hint #34",                      // bti c
    "stp x29, x30, [sp, #-16]!",     // a frame record, for walks by frame pointer
    "mov x29, sp",
    "sub sp, sp, #48",               // the frame
    "str x0, [sp, #{task}]",
    "str x1, [sp, #{left}]",
    "str xzr, [sp, #{root}]",        // no cell yet
    "ldr x9, [x0, #{limit}]",        // the prologue check
    "cmp sp, x9",
    "b.hs 2f",
    "adrp x9, {check}",              // (task)
    "add x9, x9, :lo12:{check}",
    "str x9, [x0, #{target}]",
    "bl {native}",
    ".globl test_checked",
    ".hidden test_checked",
    "test_checked:",
    "ldr x0, [sp, #{task}]",
    "2:",
    "adrp x9, {cell}",               // (task) -> a cell
    "add x9, x9, :lo12:{cell}",
    "str x9, [x0, #{target}]",
    "bl {native}",
    ".globl test_allocated",
    ".hidden test_allocated",
    "test_allocated:",
    "str x0, [sp, #{root}]",         // from here on the frame's root
    "ldr x9, [x0, #8]",              // and its number
    "str x9, [sp, #{number}]",
    "ldr x0, [sp, #{task}]",
    "ldr x1, [sp, #{left}]",
    "subs x1, x1, #1",               // is there another level?
    "b.lo 3f",
    "bl test_descend",
    ".globl test_returned",
    ".hidden test_returned",
    "test_returned:",
    "b 4f",
    "3:",                            // the bottom
    "adrp x9, {leaf}",               // (task)
    "add x9, x9, :lo12:{leaf}",
    "str x9, [x0, #{target}]",
    "bl {native}",
    ".globl test_left",
    ".hidden test_left",
    "test_left:",
    "mov x0, #0",                    // no level below
    "4:",
    "add x0, x0, #1",                // and this one
    "str x0, [sp, #{answer}]",
    "ldr x0, [sp, #{task}]",
    "ldr x1, [sp, #{root}]",
    "ldr x2, [sp, #{number}]",
    "adrp x9, {look}",               // (task, cell, number)
    "add x9, x9, :lo12:{look}",
    "str x9, [x0, #{target}]",
    "bl {native}",
    ".globl test_looked",
    ".hidden test_looked",
    "test_looked:",
    "ldr x0, [sp, #{answer}]",
    "mov sp, x29",                   // the frame goes,
    "ldp x29, x30, [sp], #16",       // then its record
    "ret",
    ".globl test_end",
    ".hidden test_end",
    "test_end:",
    "nop",
    root = const WORDS + ROOT,
    left = const WORDS + LEFT,
    task = const WORDS + TASK,
    answer = const WORDS + ANSWER,
    number = const WORDS + NUMBER,
    limit = const offset_of!(Task, stack_limit),
    target = const sched::TARGET_OFFSET,
    native = sym sched::native_call,
    check = sym check,
    cell = sym cell,
    leaf = sym leaf,
    look = sym look,
);
