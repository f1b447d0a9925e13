//! x86-64, System V ABI.
//!
//! ```text
//!   return address
//!   caller's rbp      ◀── rbp: the frame record
//!   unused
//!   five words        ◀── rsp
//! ```

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
    "push rbp",                      // a frame record, for walks by frame pointer
    "mov rbp, rsp",
    "sub rsp, 48",                   // the frame
    "mov [rsp + {task}], rdi",
    "mov [rsp + {left}], rsi",
    "mov qword ptr [rsp + {root}], 0", // no cell yet
    "cmp rsp, [rdi + {limit}]",      // the prologue check
    "jae 2f",
    "lea rax, [rip + {check}]",      // (task)
    "mov [rdi + {target}], rax",
    "call {native}",
    ".globl test_checked",
    ".hidden test_checked",
    "test_checked:",
    "mov rdi, [rsp + {task}]",
    "2:",
    "lea rax, [rip + {cell}]",       // (task) -> a cell
    "mov [rdi + {target}], rax",
    "call {native}",
    ".globl test_allocated",
    ".hidden test_allocated",
    "test_allocated:",
    "mov [rsp + {root}], rax",       // from here on the frame's root
    "mov rax, [rax + 8]",            // and its number
    "mov [rsp + {number}], rax",
    "mov rdi, [rsp + {task}]",
    "mov rsi, [rsp + {left}]",
    "sub rsi, 1",                    // is there another level?
    "jb 3f",
    "call test_descend",
    ".globl test_returned",
    ".hidden test_returned",
    "test_returned:",
    "jmp 4f",
    "3:",                            // the bottom
    "lea rax, [rip + {leaf}]",       // (task)
    "mov [rdi + {target}], rax",
    "call {native}",
    ".globl test_left",
    ".hidden test_left",
    "test_left:",
    "xor eax, eax",                  // no level below
    "4:",
    "add rax, 1",                    // and this one
    "mov [rsp + {answer}], rax",
    "mov rdi, [rsp + {task}]",
    "mov rsi, [rsp + {root}]",
    "mov rdx, [rsp + {number}]",
    "lea rax, [rip + {look}]",       // (task, cell, number)
    "mov [rdi + {target}], rax",
    "call {native}",
    ".globl test_looked",
    ".hidden test_looked",
    "test_looked:",
    "mov rax, [rsp + {answer}]",
    "leave",                         // the frame goes, then its record
    "ret",
    ".globl test_end",
    ".hidden test_end",
    "test_end:",
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
