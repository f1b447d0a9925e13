//! RISC-V, 64-bit, LP64D calling convention.
//!
//! ```text
//!                  ◀── s0: where the frame ends
//!   ra
//!   caller's s0    ◀── the frame record, right below that
//!   unused
//!   five words     ◀── sp
//! ```
//!
//! The return address in the record is what a barrier takes the place of: it is loaded from there when the function returns.
//!
//! Source: *RISC-V ABIs Specification* 1.0, chapters 1 (registers) and 2.1 (stack alignment, frame pointer).

use std::arch::global_asm;
use std::mem::offset_of;

use super::{ANSWER, LEFT, NUMBER, ROOT, TASK, Task, cell, check, leaf, look};

/// From a frame's stack pointer to its caller's.
pub const FRAME_BYTES: usize = 64;

/// Where a frame's own words begin, above its stack pointer.
pub(super) const WORDS: usize = 0;

/// What lies above the outermost frame's stack pointer.
pub(crate) const OUTERMOST_BYTES: usize = 16;

/// Words are loaded and stored with offsets of 12 bits.
const _: () = assert!(offset_of!(Task, stack_limit) < 2048 && sched::TARGET_OFFSET < 2048);

global_asm!(
    // (task, levels) -> levels + 1
    ".globl test_descend",
    ".hidden test_descend",
    "test_descend:",
    "addi sp, sp, -64",              // the frame
    "sd ra, 56(sp)",                 // a frame record, for walks by frame pointer
    "sd s0, 48(sp)",
    "addi s0, sp, 64",
    "sd a0, {task}(sp)",
    "sd a1, {left}(sp)",
    "sd zero, {root}(sp)",           // no cell yet
    "ld t0, {limit}(a0)",            // the prologue check
    "bgeu sp, t0, 2f",
    "lla t0, {check}",               // (task)
    "sd t0, {target}(a0)",
    "call {native}",
    ".globl test_checked",
    ".hidden test_checked",
    "test_checked:",
    "ld a0, {task}(sp)",
    "2:",
    "lla t0, {cell}",                // (task) -> a cell
    "sd t0, {target}(a0)",
    "call {native}",
    ".globl test_allocated",
    ".hidden test_allocated",
    "test_allocated:",
    "sd a0, {root}(sp)",             // from here on the frame's root
    "ld t0, 8(a0)",                  // and its number
    "sd t0, {number}(sp)",
    "ld a0, {task}(sp)",
    "ld a1, {left}(sp)",
    "beqz a1, 3f",                   // is there another level?
    "addi a1, a1, -1",
    "call test_descend",
    ".globl test_returned",
    ".hidden test_returned",
    "test_returned:",
    "j 4f",
    "3:",                            // the bottom
    "lla t0, {leaf}",                // (task)
    "sd t0, {target}(a0)",
    "call {native}",
    ".globl test_left",
    ".hidden test_left",
    "test_left:",
    "li a0, 0",                      // no level below
    "4:",
    "addi a0, a0, 1",                // and this one
    "sd a0, {answer}(sp)",
    "ld a0, {task}(sp)",
    "ld a1, {root}(sp)",
    "ld a2, {number}(sp)",
    "lla t0, {look}",                // (task, cell, number)
    "sd t0, {target}(a0)",
    "call {native}",
    ".globl test_looked",
    ".hidden test_looked",
    "test_looked:",
    "ld a0, {answer}(sp)",
    "ld ra, 56(sp)",                 // the record,
    "ld s0, 48(sp)",
    "addi sp, sp, 64",               // and the frame goes
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
