//! AArch64, AAPCS64.
//!
//! ```text
//!   the task's own stack                        the native stack
//!   │ compiled frame           │                │ task, unused            │ ◀── native_sp - 16
//!   │ x29 x30 (frame record)   │                │ the native function     │
//!   │ x19 … x28  d8 … d15      │ ◀── managed_sp └─────────────────────────┘
//!   └──────────────────────────┘
//! ```
//!
//! The frame record lies on top, as in compiled code, so that the canonical frame address follows from it. The stack may have moved when the native
//! function returns, so nothing but `managed_sp` is believed then, not even `x29`; what `x29` is to be lies in the copy, shifted.
//!
//! Unwinders are told the same: the frame's CFA is found through the task's address, which the native stack holds where `sp` points. Marked signal
//! frames: gdb then accepts that the caller's stack lies elsewhere.

use std::arch::naked_asm;

use barrier_arch::arch::{SavedRegisters, strip};

use super::offset::{BETWEEN, LEAVES, MANAGED_SP, NATIVE_SP, PANICKED, RETURNED, STEP, TARGET, WORDS};
use super::personality::personality;

/// There is a way.
pub(in crate::managed) const SUPPORTED: bool = true;

/// Bytes that a stack that waits has above `managed_sp`: 20 registers, the return address among them.
pub(in crate::managed) const SAVED_BYTES: usize = 160;

/// Where, above the saved stack pointer, the saved frame pointer lies.
pub(in crate::managed) const FP_SLOT: usize = 144;

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
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_personality 0x1b, {personality}",
        "hint #34", // bti c
        "ldr x9, [x0, #{managed_sp}]",
        "cbz x9, 4f",
        "sub sp, sp, #160",
        ".cfi_def_cfa_offset 160",
        "stp x29, x30, [sp, #144]", // a frame record, for walks by frame pointer
        ".cfi_offset 29, -16",
        ".cfi_offset 30, -8",
        "add x29, sp, #144",
        ".cfi_def_cfa 29, 16",
        "stp x19, x20, [sp, #128]", // all that the ABI wants preserved: after a park there is another native stack
        ".cfi_offset 19, -32",
        ".cfi_offset 20, -24",
        "stp x21, x22, [sp, #112]",
        ".cfi_offset 21, -48",
        ".cfi_offset 22, -40",
        "stp x23, x24, [sp, #96]",
        ".cfi_offset 23, -64",
        ".cfi_offset 24, -56",
        "stp x25, x26, [sp, #80]",
        ".cfi_offset 25, -80",
        ".cfi_offset 26, -72",
        "stp x27, x28, [sp, #64]",
        ".cfi_offset 27, -96",
        ".cfi_offset 28, -88",
        "stp d8, d9, [sp, #48]", // of the vector registers, the lower halves
        ".cfi_offset 72, -112",
        ".cfi_offset 73, -104",
        "stp d10, d11, [sp, #32]",
        ".cfi_offset 74, -128",
        ".cfi_offset 75, -120",
        "stp d12, d13, [sp, #16]",
        ".cfi_offset 76, -144",
        ".cfi_offset 77, -136",
        "stp d14, d15, [sp]",
        ".cfi_offset 78, -160",
        ".cfi_offset 79, -152",
        "mov x9, sp",
        "str x9, [x0, #{managed_sp}]",
        "ldr x9, [x0, #{native_sp}]",
        "str x0, [x9, #-16]!", // the task, for afterwards and for unwinders
        "mov sp, x9",
        ".cfi_escape 0x0f, 9, 0x8f, 0, 0x06, 0x23, {managed_sp}, 0x06, 0x23, 0xa0, 0x01", // CFA = *(*sp + managed_sp) + 160
        "ldr x9, [x0, #{target}]",
        "blr x9",
        "ldr x9, [sp]", // the task; x0 is the result
        "ldr x10, [x9, #{leaves}]",
        "cbnz x10, 2f",
        "ldr x10, [x9, #{managed_sp}]",
        "mov sp, x10", // wherever the stack is by now
        ".cfi_def_cfa 31, 160",
        "add x29, sp, #144", // the frame record again, for walks by frame pointer
        "ldp d14, d15, [sp]",
        "ldp d12, d13, [sp, #16]",
        "ldp d10, d11, [sp, #32]",
        "ldp d8, d9, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x25, x26, [sp, #80]",
        "ldp x23, x24, [sp, #96]",
        "ldp x21, x22, [sp, #112]",
        "ldp x19, x20, [sp, #128]",
        "ldp x29, x30, [sp, #144]",
        "add sp, sp, #160",
        ".cfi_def_cfa_offset 0",
        "ret",
        "2:", // the native stack is empty here, and is left to others
        ".cfi_undefined 30",
        "mov x0, x9",
        "ldr x9, [x0, #{between}]",
        "blr x9",
        "udf #0",
        "4:", // as if it had been called right away
        ".cfi_def_cfa 31, 0",
        ".cfi_same_value 29",
        ".cfi_same_value 30",
        "ldr x16, [x0, #{target}]",
        "br x16", // through x16: as a branch to a landing pad for calls
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
        native_sp = const NATIVE_SP,
        target = const TARGET,
        leaves = const LEAVES,
        between = const BETWEEN,
        personality = sym personality,
    )
}

/// Where a panic of the native function that [`native_call`] has called ends: `x0` is the exception, the task is where the stack pointer points, as
/// after the call.
#[unsafe(naked)]
pub(in crate::managed) unsafe extern "C" fn panic_pad() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 30",
        "hint #36", // bti j: unwinders come here by `br`
        "mov x1, x0",
        "ldr x0, [sp]",
        "ldr x9, [x0, #{panicked}]",
        "blr x9",
        "udf #0",
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
        ".cfi_startproc",
        ".cfi_undefined 30",
        "hint #34", // bti c
        "ldr x9, [x0, #{managed_sp}]",
        "mov sp, x9",
        "mov x0, x1",
        "ldp d14, d15, [sp]",
        "ldp d12, d13, [sp, #16]",
        "ldp d10, d11, [sp, #32]",
        "ldp d8, d9, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x25, x26, [sp, #80]",
        "ldp x23, x24, [sp, #96]",
        "ldp x21, x22, [sp, #112]",
        "ldp x19, x20, [sp, #128]",
        "ldp x29, x30, [sp, #144]",
        "add sp, sp, #160",
        "ret",
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
    )
}

/// The outermost frame of a task's own stack: calls what the task's program wants, and asks for the next.
///
/// `x19` is the task, `x0` the code to call.
#[unsafe(naked)]
unsafe extern "C" fn managed_base() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 30",
        "nop", // pc - 1 of a stack that did not start
        "2:",
        "mov x9, x0",
        "mov x0, x19",
        "ldp x1, x2, [x19, #{words}]",
        "blr x9", // x29 points at a record of zeros: the chain of frame records ends there
        "str x0, [x19, #{returned}]",
        "ldr x9, [x19, #{step}]",
        "str x9, [x19, #{target}]",
        "mov x0, x19",
        "bl {native_call}",
        "b 2b",
        ".cfi_endproc",
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
/// `outermost_sp` is a multiple of 16 inside a stack of which nothing is needed any more, and there are 16 bytes above it.
pub(in crate::managed) unsafe fn prepare(outermost_sp: usize, task: usize) -> usize {
    let base = managed_base as *const () as usize + 4;
    let sp = outermost_sp - SAVED_BYTES;
    let mut words = [0; SAVED_BYTES / 8 + 2];
    (words[16], words[18], words[19]) = (task, outermost_sp, base); // x19, x29, x30; then the record of zeros
    // SAFETY: within the stack, by the caller's promise.
    unsafe { (sp as *mut [usize; SAVED_BYTES / 8 + 2]).write(words) };
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
    SavedRegisters { pc: strip(pc), sp: managed_sp + SAVED_BYTES, fp, saved_from: managed_sp }
}
