//! AArch64, AAPCS64: `x19` to `x28`, the lower halves of `v8` to `v15`. (`x29` and `x30` are the frame record's.)

use std::arch::global_asm;

global_asm!(
    ".globl test_keep",
    ".hidden test_keep",
    "test_keep:",
    "hint #34",                  // bti c
    "stp x29, x30, [sp, #-16]!", // a frame record, for walks by frame pointer
    "mov x29, sp",
    "sub sp, sp, #160",
    "str x2, [sp]", // the seed
    ".irp n, 19,20,21,22,23,24,25,26,27,28",
    "str x\\n, [sp, #16 + 8 * (\\n - 19)]", // the caller's
    "add x2, x2, #1",
    "mov x\\n, x2",
    ".endr",
    ".irp n, 8,9,10,11,12,13,14,15",
    "str d\\n, [sp, #96 + 8 * (\\n - 8)]",
    "add x2, x2, #1",
    "fmov d\\n, x2",
    ".endr",
    "str x1, [x0, #{target}]",
    "bl {native}",
    "ldr x2, [sp]", // the seed; x0 is to be 0 by now
    ".irp n, 19,20,21,22,23,24,25,26,27,28",
    "add x2, x2, #1",
    "eor x9, x\\n, x2", // what differs
    "orr x0, x0, x9",
    "ldr x\\n, [sp, #16 + 8 * (\\n - 19)]",
    ".endr",
    ".irp n, 8,9,10,11,12,13,14,15",
    "add x2, x2, #1",
    "fmov x9, d\\n",
    "eor x9, x9, x2",
    "orr x0, x0, x9",
    "ldr d\\n, [sp, #96 + 8 * (\\n - 8)]",
    ".endr",
    "add sp, sp, #160",
    "ldp x29, x30, [sp], #16",
    "ret",
    target = const sched::TARGET_OFFSET,
    native = sym sched::native_call,
);
