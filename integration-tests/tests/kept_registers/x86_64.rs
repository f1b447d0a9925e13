//! x86-64, System V ABI: `rbx`, `r12` to `r15`. (`rbp` is the frame record's.)

use std::arch::global_asm;

global_asm!(
    ".globl test_keep",
    ".hidden test_keep",
    "test_keep:",
    "push rbp", // a frame record, for walks by frame pointer
    "mov rbp, rsp",
    ".irp r, rbx,r12,r13,r14,r15",
    "push \\r", // the caller's
    ".endr",
    "push rdx", // the seed
    ".irp r, rbx,r12,r13,r14,r15",
    "add rdx, 1",
    "mov \\r, rdx",
    ".endr",
    "mov [rdi + {target}], rsi",
    "call {native}",
    "pop rdx", // the seed; rax is to be 0 by now
    ".irp r, rbx,r12,r13,r14,r15",
    "add rdx, 1",
    "xor \\r, rdx", // what differs
    "or rax, \\r",
    ".endr",
    ".irp r, r15,r14,r13,r12,rbx",
    "pop \\r",
    ".endr",
    "pop rbp",
    "ret",
    target = const sched::TARGET_OFFSET,
    native = sym sched::native_call,
);
