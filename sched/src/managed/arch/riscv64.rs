//! RISC-V, 64-bit, LP64D calling convention.
//!
//! ```text
//!   the task's own stack                        the native stack
//!   │ compiled frame           │ ◀── s0         │ task, unused            │ ◀── native_sp - 16
//!   │ ra s0 (frame record)     │                │ the native function     │
//!   │ s1 … s11  fs0 … fs11     │ ◀── managed_sp └─────────────────────────┘
//!   └──────────────────────────┘
//! ```
//!
//! The words above `managed_sp` lie as `barrier_arch::arch::switch` leaves them. The frame pointer is the canonical frame address, and the record lies
//! right below it: so the ABI has it, and so compiled code must have it. The stack may have moved when the native function returns, so nothing but
//! `managed_sp` is believed then, not even `s0`; what `s0` is to be lies in the copy, shifted.
//!
//! Unwinders are told the same: the frame's CFA is found through the task's address, which the native stack holds where `sp` points. Marked signal
//! frames: gdb then accepts that the caller's stack lies elsewhere.
//!
//! Source: *RISC-V ABIs Specification* 1.0, chapters 1 (registers), 2.1 (stack alignment, frame pointer) and 13 (DWARF).

use std::arch::naked_asm;

use barrier_arch::arch::SavedRegisters;

use super::offset::{BETWEEN, LEAVES, MANAGED_SP, NATIVE_SP, PANICKED, RETURNED, STEP, TARGET, WORDS};
use super::personality::personality;

/// There is a way.
pub(in crate::managed) const SUPPORTED: bool = true;

/// Bytes that a stack that waits has above `managed_sp`: 25 registers, the return address among them, and a word that is unused.
pub(in crate::managed) const SAVED_BYTES: usize = 208;

/// Where, above the saved stack pointer, the saved frame pointer lies.
pub(in crate::managed) const FP_SLOT: usize = 192;

/// What lies above the outermost frame, as `barrier_arch::arch::prepare` leaves it of others.
pub(in crate::managed) const OUTERMOST_BYTES: usize = 16;

/// Nowhere: a function adds to the stack pointer what it has subtracted.
pub(in crate::managed) const SAVED_SP: Option<usize> = None;

/// The expressions below have one byte for it.
const _: () = assert!(MANAGED_SP < 128);

/// What compiled code calls instead of a native function, with the task's address in the first argument and the native function's in the word at
/// [`TARGET_OFFSET`](crate::TARGET_OFFSET) of the task. The other arguments, five words at most, are passed on, and so is the result.
///
/// The function runs on the task's native stack. A task that is a closure has none: there it is a plain call.
///
/// # Safety
///
/// The caller runs on that task, and the function takes these arguments by the C convention. Not to be called from Rust.
#[unsafe(naked)]
pub unsafe extern "C" fn native_call() {
    naked_asm!(
        ".option push",
        ".option arch, +d", // a naked function does not know the target's extensions
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_personality 0x1b, {personality}",
        "ld t0, {managed_sp}(a0)",
        "beqz t0, 4f",
        "addi sp, sp, -208",
        ".cfi_def_cfa_offset 208",
        "sd ra, 200(sp)", // a frame record, for walks by frame pointer: right below the frame's end, as the ABI has it
        ".cfi_offset 1, -8",
        "sd s0, 192(sp)",
        ".cfi_offset 8, -16",
        "addi s0, sp, 208",
        ".cfi_def_cfa 8, 0",
        "sd s1, 184(sp)", // all that the ABI wants preserved: after a park there is another native stack
        ".cfi_offset 9, -24",
        "sd s2, 176(sp)",
        ".cfi_offset 18, -32",
        "sd s3, 168(sp)",
        ".cfi_offset 19, -40",
        "sd s4, 160(sp)",
        ".cfi_offset 20, -48",
        "sd s5, 152(sp)",
        ".cfi_offset 21, -56",
        "sd s6, 144(sp)",
        ".cfi_offset 22, -64",
        "sd s7, 136(sp)",
        ".cfi_offset 23, -72",
        "sd s8, 128(sp)",
        ".cfi_offset 24, -80",
        "sd s9, 120(sp)",
        ".cfi_offset 25, -88",
        "sd s10, 112(sp)",
        ".cfi_offset 26, -96",
        "sd s11, 104(sp)",
        ".cfi_offset 27, -104",
        "fsd fs0, 96(sp)",
        ".cfi_offset 40, -112",
        "fsd fs1, 88(sp)",
        ".cfi_offset 41, -120",
        "fsd fs2, 80(sp)",
        ".cfi_offset 50, -128",
        "fsd fs3, 72(sp)",
        ".cfi_offset 51, -136",
        "fsd fs4, 64(sp)",
        ".cfi_offset 52, -144",
        "fsd fs5, 56(sp)",
        ".cfi_offset 53, -152",
        "fsd fs6, 48(sp)",
        ".cfi_offset 54, -160",
        "fsd fs7, 40(sp)",
        ".cfi_offset 55, -168",
        "fsd fs8, 32(sp)",
        ".cfi_offset 56, -176",
        "fsd fs9, 24(sp)",
        ".cfi_offset 57, -184",
        "fsd fs10, 16(sp)",
        ".cfi_offset 58, -192",
        "fsd fs11, 8(sp)",
        ".cfi_offset 59, -200",
        "sd sp, {managed_sp}(a0)",
        "ld sp, {native_sp}(a0)",
        "addi sp, sp, -16",
        "sd a0, 0(sp)", // the task, for afterwards and for unwinders
        ".cfi_escape 0x0f, 9, 0x72, 0, 0x06, 0x23, {managed_sp}, 0x06, 0x23, 0xd0, 0x01", // CFA = *(*sp + managed_sp) + 208
        "ld t0, {target}(a0)",
        "jalr t0",
        "ld t0, 0(sp)", // the task; a0 is the result
        "ld t1, {leaves}(t0)",
        "bnez t1, 2f",
        "ld sp, {managed_sp}(t0)", // wherever the stack is by now
        ".cfi_def_cfa 2, 208",
        "addi s0, sp, 208", // the frame record again, for walks by frame pointer
        "fld fs11, 8(sp)",
        "fld fs10, 16(sp)",
        "fld fs9, 24(sp)",
        "fld fs8, 32(sp)",
        "fld fs7, 40(sp)",
        "fld fs6, 48(sp)",
        "fld fs5, 56(sp)",
        "fld fs4, 64(sp)",
        "fld fs3, 72(sp)",
        "fld fs2, 80(sp)",
        "fld fs1, 88(sp)",
        "fld fs0, 96(sp)",
        "ld s11, 104(sp)",
        "ld s10, 112(sp)",
        "ld s9, 120(sp)",
        "ld s8, 128(sp)",
        "ld s7, 136(sp)",
        "ld s6, 144(sp)",
        "ld s5, 152(sp)",
        "ld s4, 160(sp)",
        "ld s3, 168(sp)",
        "ld s2, 176(sp)",
        "ld s1, 184(sp)",
        "ld s0, 192(sp)",
        "ld ra, 200(sp)",
        "addi sp, sp, 208",
        ".cfi_def_cfa_offset 0",
        "ret",
        "2:", // the native stack is empty here, and is left to others
        ".cfi_undefined 1",
        "mv a0, t0",
        "ld t0, {between}(a0)",
        "jalr t0",
        "unimp",
        "4:", // as if it had been called right away
        ".cfi_def_cfa 2, 0",
        ".cfi_same_value 8",
        ".cfi_same_value 1",
        "ld t0, {target}(a0)",
        "jr t0",
        ".cfi_endproc",
        ".option pop",
        managed_sp = const MANAGED_SP,
        native_sp = const NATIVE_SP,
        target = const TARGET,
        leaves = const LEAVES,
        between = const BETWEEN,
        personality = sym personality,
    )
}

/// Where a panic of the native function that [`native_call`] has called ends: `a0` is the exception, the task is where the stack pointer points, as
/// after the call.
#[unsafe(naked)]
pub(in crate::managed) unsafe extern "C" fn panic_pad() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 1",
        "mv a1, a0",              // the exception becomes the second argument,
        "ld a0, 0(sp)",           // the task the first
        "ld t0, {panicked}(a0)",
        "jalr t0",
        "unimp",                  // it does not return
        ".cfi_endproc",
        panicked = const PANICKED,
    )
}

/// Goes on where compiled code waits for `value`, and forgets the native stack.
///
/// # Safety
///
/// The caller runs on a native stack whose frames hold nothing to drop, and `managed_sp` of `task` is that of a stack that waits.
#[unsafe(naked)]
pub(in crate::managed) unsafe extern "C" fn enter_managed(task: usize, value: usize) -> ! {
    naked_asm!(
        ".option push",
        ".option arch, +d", // a naked function does not know the target's extensions
        ".cfi_startproc",
        ".cfi_undefined 1",
        "ld sp, {managed_sp}(a0)", // from here on the task's own stack
        "mv a0, a1",               // the result of whatever compiled code waits for
        "fld fs11, 8(sp)",
        "fld fs10, 16(sp)",
        "fld fs9, 24(sp)",
        "fld fs8, 32(sp)",
        "fld fs7, 40(sp)",
        "fld fs6, 48(sp)",
        "fld fs5, 56(sp)",
        "fld fs4, 64(sp)",
        "fld fs3, 72(sp)",
        "fld fs2, 80(sp)",
        "fld fs1, 88(sp)",
        "fld fs0, 96(sp)",
        "ld s11, 104(sp)",
        "ld s10, 112(sp)",
        "ld s9, 120(sp)",
        "ld s8, 128(sp)",
        "ld s7, 136(sp)",
        "ld s6, 144(sp)",
        "ld s5, 152(sp)",
        "ld s4, 160(sp)",
        "ld s3, 168(sp)",
        "ld s2, 176(sp)",
        "ld s1, 184(sp)",
        "ld s0, 192(sp)",
        "ld ra, 200(sp)",
        "addi sp, sp, 208",
        "ret",
        ".cfi_endproc",
        ".option pop",
        managed_sp = const MANAGED_SP,
    )
}

/// The outermost frame of a task's own stack: calls what the task's program wants, and asks for the next.
///
/// `s1` is the task, `a0` the code to call.
#[unsafe(naked)]
unsafe extern "C" fn managed_base() -> ! {
    naked_asm!(
        ".option push",
        ".option norvc", // the first instruction has four bytes
        ".cfi_startproc",
        ".cfi_undefined 1",
        "nop", // pc - 1 of a stack that did not start
        "2:",
        "mv t0, a0",                // the code
        "mv a0, s1",                // is called with the task
        "ld a1, {words}(s1)",       // and two words
        "ld a2, {words} + 8(s1)",
        "jalr t0",                  // s0 is 0: the chain of frame pointers ends here
        "sd a0, {returned}(s1)",    // what it has returned, for the program
        "ld t0, {step}(s1)",        // which says what comes next
        "sd t0, {target}(s1)",
        "mv a0, s1",
        "call {native_call}",
        "j 2b",
        ".cfi_endproc",
        ".option pop",
        words = const WORDS,
        returned = const RETURNED,
        step = const STEP,
        target = const TARGET,
        native_call = sym native_call,
    )
}

/// Makes a stack without frames wait at [`managed_base`] for the first code; returns its `managed_sp`.
///
/// # Safety
///
/// `outermost_sp` is a multiple of 16 inside a stack of which nothing is needed any more.
pub(in crate::managed) unsafe fn prepare(outermost_sp: usize, task: usize) -> usize {
    let base = managed_base as *const () as usize + 4;
    let sp = outermost_sp - SAVED_BYTES;
    let mut words = [0; SAVED_BYTES / 8];
    (words[23], words[25]) = (task, base); // s1 and ra; s0 between them is 0
    // SAFETY: within the stack, by the caller's promise.
    unsafe { (sp as *mut [usize; SAVED_BYTES / 8]).write(words) };
    sp
}

/// What a walk of a stack that waits starts from.
///
/// # Safety
///
/// `managed_sp` is that of a stack that waits, and nobody enters it meanwhile.
pub(in crate::managed) unsafe fn saved(managed_sp: usize) -> SavedRegisters {
    // SAFETY: the frame record lies there, by the caller's promise.
    let [fp, pc] = unsafe { ((managed_sp + FP_SLOT) as *const [usize; 2]).read() };
    SavedRegisters { pc, sp: managed_sp + SAVED_BYTES, fp, saved_from: managed_sp }
}
