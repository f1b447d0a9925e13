//! RISC-V, 64-bit, LP64D calling convention: `s1` to `s11`, `fs0` to `fs11`. (`s0` and `ra` are the frame record's.)

use std::arch::global_asm;

global_asm!(
    ".option push",
    ".option arch, +d", // assembly outside of functions does not know the target's extensions
    ".globl test_keep",
    ".hidden test_keep",
    "test_keep:",
    "addi sp, sp, -208",
    "sd ra, 200(sp)", // a frame record, for walks by frame pointer
    "sd s0, 192(sp)",
    "addi s0, sp, 208",
    "sd a2, 0(sp)", // the seed
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11",
    "sd s\\n, 8 * \\n + 0(sp)", // the caller's
    "addi a2, a2, 1",
    "mv s\\n, a2",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
    "fsd fs\\n, 8 * \\n + 96(sp)",
    "addi a2, a2, 1",
    "fmv.d.x fs\\n, a2",
    ".endr",
    "sd a1, {target}(a0)",
    "call {native}",
    "ld a2, 0(sp)", // the seed; a0 is to be 0 by now
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11",
    "addi a2, a2, 1",
    "xor t0, s\\n, a2", // what differs
    "or a0, a0, t0",
    "ld s\\n, 8 * \\n + 0(sp)",
    ".endr",
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11",
    "addi a2, a2, 1",
    "fmv.x.d t0, fs\\n",
    "xor t0, t0, a2",
    "or a0, a0, t0",
    "fld fs\\n, 8 * \\n + 96(sp)",
    ".endr",
    "ld ra, 200(sp)",
    "ld s0, 192(sp)",
    "addi sp, sp, 208",
    "ret",
    ".option pop",
    target = const sched::TARGET_OFFSET,
    native = sym sched::native_call,
);
