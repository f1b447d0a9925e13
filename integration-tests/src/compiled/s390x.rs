//! z/Architecture in 64-bit mode (s390x).
//!
//! ```text
//!   caller's frame   │ r15                     │
//!                    │ r14: the return address │  of this frame, 112 bytes above the back chain's end
//!                    │ back chain              │ ◀── where the back chain leads
//!   this frame       │ five words              │
//!                    │ area for callees        │
//!                    │ back chain              │ ◀── r15
//! ```
//!
//! What this frame saves lies in its caller's: the return address, which is what a barrier takes the place of, and the stack pointer, which is loaded from
//! there when the function returns, as compilers do, and so must be right after a move.
//!
//! Source: *ELF Application Binary Interface, s390x Supplement* 1.6, §1.2 (registers, the stack frame), §1.2.2.2 (back chain).

use std::arch::global_asm;
use std::mem::offset_of;

use super::{ANSWER, LEFT, NUMBER, ROOT, TASK, Task, cell, check, leaf, look};

/// From a frame's stack pointer to its caller's.
pub const FRAME_BYTES: usize = 200;

/// Where a frame's own words begin, above its stack pointer: above the area for its callees.
pub(super) const WORDS: usize = 160;

/// What lies above the outermost frame's stack pointer: the area for its callees.
pub(crate) const OUTERMOST_BYTES: usize = 160;

global_asm!(
    // (task, levels) -> levels + 1
    ".globl test_descend",
    ".hidden test_descend",
    "test_descend:",
    "stmg %r14, %r15, 112(%r15)",    // where the ABI has a place for them
    "lgr %r1, %r15",
    "aghi %r15, -200",               // the frame
    "stg %r1, 0(%r15)",              // back chain
    "stg %r2, {task}(%r15)",
    "stg %r3, {left}(%r15)",
    "lghi %r0, 0",
    "stg %r0, {root}(%r15)",         // no cell yet
    "clg %r15, {limit}(%r2)",        // the prologue check
    "jhe 2f",
    "larl %r1, {check}",             // (task)
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    ".globl test_checked",
    ".hidden test_checked",
    "test_checked:",
    "lg %r2, {task}(%r15)",
    "2:",
    "larl %r1, {cell}",              // (task) -> a cell
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    ".globl test_allocated",
    ".hidden test_allocated",
    "test_allocated:",
    "stg %r2, {root}(%r15)",         // from here on the frame's root
    "lg %r1, 8(%r2)",                // and its number
    "stg %r1, {number}(%r15)",
    "lg %r2, {task}(%r15)",
    "ltg %r3, {left}(%r15)",
    "je 3f",                         // is there another level?
    "aghi %r3, -1",
    "brasl %r14, test_descend",
    ".globl test_returned",
    ".hidden test_returned",
    "test_returned:",
    "j 4f",
    "3:",                            // the bottom
    "larl %r1, {leaf}",              // (task)
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    ".globl test_left",
    ".hidden test_left",
    "test_left:",
    "lghi %r2, 0",                   // no level below
    "4:",
    "aghi %r2, 1",                   // and this one
    "stg %r2, {answer}(%r15)",
    "lg %r2, {task}(%r15)",
    "lg %r3, {root}(%r15)",
    "lg %r4, {number}(%r15)",
    "larl %r1, {look}",              // (task, cell, number)
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    ".globl test_looked",
    ".hidden test_looked",
    "test_looked:",
    "lg %r2, {answer}(%r15)",
    "lmg %r14, %r15, 312(%r15)",     // the frame goes with its caller's stack pointer
    "br %r14",
    ".globl test_end",
    ".hidden test_end",
    "test_end:",
    "nopr %r0",
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
