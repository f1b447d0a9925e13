//! z/Architecture (s390x). Cranelift's tail convention: the task in `r2`, closure and arguments in `r3` to `r7`, the result in `r2`; the number of arguments
//! is in the task.
//!
//! ```text
//!   scheme_enter's frame   │ r6 … r15 of scheme_enter │
//!                          │ back chain               │  ◀── the base: its record, as of all frames, is the area for callees of the frame above
//!   base's frame           │ unused                   │
//!                          │ the task                 │
//!                          │ r6 … r15, of whoever     │
//!                          │ returns to the base      │
//!                          │ back chain: the base     │  ◀── where the outermost frame of Scheme ends
//! ```
//!
//! No register holds the task, or the base, where a frame returns to: wherever the stack pointer is then, the back chain leads to the base.
//!
//! Source: *ELF Application Binary Interface, s390x Supplement* 1.6, §1.2 (registers, the stack frame), §1.2.2.2 (back chain).

use std::arch::global_asm;

use super::{COUNT, KEPT, LOW, PC, REGISTERS, RESUME, SP, VALUE};
use crate::scheme::value::Value;

/// r8 to r13, f8 to f15. r6 and r7 are arguments.
pub const KEPT_REGISTERS: usize = 14;

/// `scheme_call_cc`'s receiver and argument, in bytes below its canonical frame address.
pub(super) const CALL_CC_SLOTS: [u32; 2] = [136, 128];

/// The whole frame: the area for callees, the task, and a word that is unused.
pub const BASE_BYTES: usize = 176;

/// Floating-point registers are loaded and stored from there with offsets of 12 bits.
const _: () = assert!(VALUE - RESUME < 4096);

global_asm!(
    // extern "C" fn(task, code, closure) -> value: calls compiled code that takes no arguments.
    ".globl scheme_enter",
    ".hidden scheme_enter",
    "scheme_enter:",
    ".cfi_startproc",
    "stmg %r6, %r15, 48(%r15)", // where the ABI has a place for them
    ".irp n, 6,7,8,9,10,11,12,13,14,15",
    ".cfi_offset \\n, 8 * (\\n - 6) - 112",
    ".endr",
    "lgr %r1, %r15",
    "aghi %r15, -224", // what every frame has for its callees, and f8 … f15
    ".cfi_def_cfa_offset 384",
    "stg %r1, 0(%r15)", // back chain
    ".irp n, 8,9,10,11,12,13,14,15",
    "std %f\\n, 160 + 8 * (\\n - 8)(%r15)",
    ".cfi_offset %f\\n, 8 * (\\n - 8) - 224",
    ".endr",
    "brasl %r14, scheme_base",
    ".irp n, 8,9,10,11,12,13,14,15",
    "ld %f\\n, 160 + 8 * (\\n - 8)(%r15)",
    ".endr",
    "lmg %r6, %r15, 272(%r15)", // the stack pointer with the others
    ".cfi_def_cfa_offset 160",
    ".cfi_same_value 14",
    ".cfi_same_value 15",
    "br %r14",
    ".cfi_endproc",
    // The base: the outermost frame with a map.
    ".globl scheme_base",
    ".hidden scheme_base",
    "scheme_base:",
    ".cfi_startproc",
    "stmg %r6, %r15, 48(%r15)",
    ".irp n, 6,7,8,9,10,11,12,13,14,15",
    ".cfi_offset \\n, 8 * (\\n - 6) - 112",
    ".endr",
    "lgr %r1, %r15",
    "aghi %r15, -176",
    ".cfi_def_cfa_offset 336",
    "stg %r1, 0(%r15)", // back chain
    ".cfi_escape 0x0f, 6, 0x7f, 0, 0x06, 0x23, 0xa0, 0x01", // CFA = *r15 + 160: whoever returns here may leave r15 further down
    "stg %r2, 160(%r15)", // the task, for whoever finds the base by the back chain
    "lgr %r8, %r3",       // code and closure: what they hold for Rust is saved
    "lgr %r9, %r4",
    "lgr %r3, %r1",          // the base
    "larl %r1, {note_base}", // (task, base)
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    "lg %r2, 160(%r15)", // the task
    "lghi %r0, 0",
    "stg %r0, {count}(%r2)", // no arguments
    "lgr %r3, %r9",          // closure
    "lghi %r4, {filler}",
    "lgr %r5, %r4",
    "lgr %r6, %r4",
    "lgr %r7, %r4",
    "basr %r14, %r8",
    ".globl scheme_underflow",
    ".hidden scheme_underflow",
    "scheme_underflow:", // r2 = value, the back chain leads to the base
    "lgr %r3, %r2",
    "lg %r1, 0(%r15)",
    "lg %r2, -16(%r1)", // the task
    "lay %r1, {resume}(%r2)",
    "stmg %r8, %r13, {kept}(%r1)", // which belong to whoever is returned to
    ".irp n, 8,9,10,11,12,13,14,15",
    "std %f\\n, {kept} + 48 + 8 * (\\n - 8)(%r1)",
    ".endr",
    "larl %r1, {underflow}", // (task, value) -> is there somebody?
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    "lgr %r0, %r2",
    "lg %r1, 0(%r15)",
    "lg %r2, -16(%r1)", // the task
    "ltgr %r0, %r0",
    "jne scheme_resume",
    "lay %r3, {resume}(%r2)",
    "lg %r2, {value}(%r3)",
    "lmg %r6, %r15, 48(%r1)", // the stack pointer with the others: to the base
    ".cfi_def_cfa 15, 160",
    ".cfi_same_value 14",
    ".cfi_same_value 15",
    "br %r14",
    ".cfi_endproc",
    // Puts frames back and goes on in them. The stack is used below what will be written only. r2 = task.
    ".globl scheme_resume",
    ".hidden scheme_resume",
    "scheme_resume:",
    "lay %r1, {resume}(%r2)",
    "lg %r1, {low}(%r1)",
    "clgrjhe %r1, %r15, 2f", // the lower of the two
    "lgr %r15, %r1",
    "2:",
    "aghi %r15, -176",
    "xc 0(8, %r15), 0(%r15)", // nothing lies above that anybody could walk
    "stg %r2, 160(%r15)",     // the task, for afterwards
    "larl %r1, {reinstate}",  // (task)
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    "lg %r1, 160(%r15)",
    "lay %r1, {resume}(%r1)",
    "lmg %r8, %r13, {kept}(%r1)",
    ".irp n, 8,9,10,11,12,13,14,15",
    "ld %f\\n, {kept} + 48 + 8 * (\\n - 8)(%r1)",
    ".endr",
    "lg %r2, {value}(%r1)",
    "lg %r14, {pc}(%r1)",
    "lg %r15, {sp}(%r1)",
    "br %r14", // as whoever was called there would
    // Compiled convention, (receiver, argument): tail-calls (receiver continuation argument).
    ".globl scheme_call_cc",
    ".hidden scheme_call_cc",
    "scheme_call_cc:",
    "stmg %r6, %r15, 48(%r15)", // the record is the caller's area for callees
    "lgr %r1, %r15",
    "aghi %r15, -296",
    "stg %r1, 0(%r15)",            // back chain
    "stg %r4, 160(%r15)",          // receiver
    "stg %r5, 168(%r15)",          // and argument, which the map knows
    "stmg %r8, %r13, 176(%r15)",   // in memory in the order of `Resume::kept`
    ".irp n, 8,9,10,11,12,13,14,15",
    "std %f\\n, 224 + 8 * (\\n - 8)(%r15)",
    ".endr",
    "stg %r2, 288(%r15)", // the task
    "lgr %r3, %r1",
    "lgr %r5, %r4",
    "la %r4, 176(%r15)",
    "larl %r1, {capture}", // (task, record, kept registers, receiver) -> code to go on with
    "stg %r1, {target}(%r2)",
    "brasl %r14, {native}",
    ".globl scheme_call_cc_captured",
    ".hidden scheme_call_cc_captured",
    "scheme_call_cc_captured:",
    "lgr %r1, %r2",
    "lg %r2, 288(%r15)", // the task; all kept registers are as they were
    "lg %r5, 168(%r15)", // the argument
    "lg %r14, 408(%r15)", // to the base, if the frames are gone
    "lghi %r0, 2",
    "stg %r0, {count}(%r2)",
    "lg %r3, {registers}(%r2)",
    "lg %r4, {registers} + 8(%r2)",
    "lghi %r6, {filler}",
    "lgr %r7, %r6",
    "aghi %r15, 296",
    "br %r1",
    // extern "C" fn(base) -> !: returns nothing from the base, whatever is on the stack.
    ".globl scheme_leave",
    ".hidden scheme_leave",
    "scheme_leave:",
    "lgr %r1, %r2",
    "lghi %r2, 0",
    "lmg %r6, %r15, 48(%r1)", // the stack pointer with the others
    "br %r14",
    ".globl scheme_end",
    ".hidden scheme_end",
    "scheme_end:",
    "nopr %r0",
    resume = const RESUME,
    kept = const KEPT - RESUME,
    value = const VALUE - RESUME,
    low = const LOW - RESUME,
    sp = const SP - RESUME,
    pc = const PC - RESUME,
    count = const COUNT,
    registers = const REGISTERS,
    filler = const Value::FALSE.0,
    note_base = sym super::super::reinstate::note_base,
    underflow = sym super::super::reinstate::underflow,
    reinstate = sym super::super::reinstate::reinstate,
    capture = sym super::super::capture::capture,
    native = sym sched::native_call,
    target = const sched::TARGET_OFFSET,
);
