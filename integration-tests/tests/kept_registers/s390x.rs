//! z/Architecture in 64-bit mode (s390x): `r6` to `r13`, `f8` to `f15`. (`r14` and `r15` lie where the back chain leads.)

use std::arch::global_asm;

global_asm!(
    ".globl test_keep",
    ".hidden test_keep",
    "test_keep:",
    "stmg %r6, %r15, 48(%r15)", // the caller's, where the ABI has a place for them
    "lgr %r1, %r15",
    "aghi %r15, -232",
    "stg %r1, 0(%r15)",   // back chain
    "stg %r4, 160(%r15)", // the seed
    ".irp n, 6,7,8,9,10,11,12,13",
    "aghi %r4, 1",
    "lgr %r\\n, %r4",
    ".endr",
    ".irp n, 8,9,10,11,12,13,14,15",
    "std %f\\n, 168 + 8 * (\\n - 8)(%r15)",
    "aghi %r4, 1",
    "ldgr %f\\n, %r4",
    ".endr",
    "stg %r3, {target}(%r2)",
    "brasl %r14, {native}",
    "lg %r4, 160(%r15)", // the seed; r2 is to be 0 by now
    ".irp n, 6,7,8,9,10,11,12,13",
    "aghi %r4, 1",
    "xgr %r\\n, %r4", // what differs
    "ogr %r2, %r\\n",
    ".endr",
    ".irp n, 8,9,10,11,12,13,14,15",
    "aghi %r4, 1",
    "lgdr %r0, %f\\n",
    "xgr %r0, %r4",
    "ogr %r2, %r0",
    "ld %f\\n, 168 + 8 * (\\n - 8)(%r15)",
    ".endr",
    "lmg %r6, %r15, 280(%r15)", // the stack pointer with the others
    "br %r14",
    target = const sched::TARGET_OFFSET,
    native = sym sched::native_call,
);
