//! z/Architecture in 64-bit mode (s390x).
//!
//! ```text
//!   the task's own stack                         the native stack
//!   │ compiled frame             │               │ the task                   │ ◀── native_sp - 8
//!   │ its area for callees       │ ◀── C         │ the sixth argument         │ ◀── native_sp - 16
//!   │ f8 … f15  r6 … r14         │               │ area for callees           │ ◀── native_sp - 176
//!   │ back chain: C              │ ◀── managed_sp│ the native function        │
//!   └────────────────────────────┘               └────────────────────────────┘
//! ```
//!
//! The words above `managed_sp` lie as `barrier_arch::arch::switch` leaves them. There is no frame pointer, but a back chain: each frame's lowest word is
//! its caller's stack pointer, and where that points is the area in which a callee keeps the caller's registers – the return address, and the stack
//! pointer itself, which compilers restore with the others. So two words of each such area hold addresses of the stack. The stack may have moved when
//! the native function returns, so nothing but `managed_sp` is believed then.
//!
//! Unwinders are told the same: the frame's CFA, 160 bytes above the caller's stack pointer, is found through the task's address, which the native stack
//! holds. Marked signal frames: gdb then accepts that the caller's stack lies elsewhere.
//!
//! Source: *ELF Application Binary Interface, s390x Supplement* 1.6, §1.2 (registers, the stack frame, parameter passing), §1.2.2.2 (back chain).

use std::arch::naked_asm;

use barrier_arch::arch::SavedRegisters;

use super::offset::{BETWEEN, LEAVES, MANAGED_SP, NATIVE_SP, PANICKED, RETURNED, STEP, TARGET, WORDS};
use super::personality::personality;

/// There is a way.
pub(in crate::managed) const SUPPORTED: bool = true;

/// Bytes that a stack that waits has above `managed_sp`: the back chain, 17 registers, the return address among them, and two words that are unused.
pub(in crate::managed) const SAVED_BYTES: usize = 160;

/// Where, above the saved stack pointer, the caller's stack pointer lies: the back chain.
pub(in crate::managed) const FP_SLOT: usize = 0;

/// What the outermost frame has above its stack pointer: the area for its callees.
pub(in crate::managed) const OUTERMOST_BYTES: usize = 160;

/// Where, above where the back chain leads, a callee has saved the stack pointer.
pub(in crate::managed) const SAVED_SP: Option<usize> = Some(120);

/// Where the return address lies in the words above `managed_sp`.
const PC_SLOT: usize = 80;

/// The expressions below have one byte for it.
const _: () = assert!(MANAGED_SP < 128);

/// What compiled code calls instead of a native function, with the task's address in the first argument and the native function's in the word at
/// [`TARGET_OFFSET`](crate::TARGET_OFFSET) of the task. The other arguments, five words at most, are passed on – the last of them on the stack – and so is
/// the result.
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
        ".cfi_val_offset 15, -160",
        "ltg %r1, {managed_sp}(%r2)", // is there another stack?
        "je 4f",
        "lgr %r0, %r15",
        "aghi %r15, -160",
        ".cfi_def_cfa_offset 320",
        "stg %r0, 0(%r15)",         // back chain
        "stmg %r6, %r14, 16(%r15)", // all that the ABI wants preserved: after a park there is another native stack
        ".irp n, 6,7,8,9,10,11,12,13,14",
        ".cfi_offset \\n, 8 * (\\n - 6) - 304",
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 88 + 8 * (\\n - 8)(%r15)",
        ".cfi_offset %f\\n, 8 * (\\n - 8) - 232",
        ".endr",
        "stg %r15, {managed_sp}(%r2)",
        "lg %r1, {native_sp}(%r2)",
        "aghi %r1, -176",
        "xc 0(8, %r1), 0(%r1)",       // its back chain ends here
        "mvc 160(8, %r1), 320(%r15)", // the sixth argument, if there is one: above the area for callees
        "stg %r2, 168(%r1)",          // the task, for afterwards and for unwinders
        "lgr %r15, %r1",
        ".cfi_escape 0x0f, 10, 0x7f, 0xa8, 0x01, 0x06, 0x23, {managed_sp}, 0x06, 0x23, 0xc0, 0x02", // CFA = *(*(r15 + 168) + managed_sp) + 320
        "lg %r1, {target}(%r2)",
        "basr %r14, %r1",
        "lg %r1, 168(%r15)", // the task; r2 is the result
        "ltg %r0, {leaves}(%r1)",
        "jne 2f",
        "lg %r15, {managed_sp}(%r1)", // wherever the stack is by now
        ".cfi_def_cfa 15, 320",
        ".irp n, 8,9,10,11,12,13,14,15",
        "ld %f\\n, 88 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "lmg %r6, %r14, 16(%r15)",
        "aghi %r15, 160",
        ".cfi_def_cfa_offset 160",
        ".cfi_same_value 14",
        "br %r14",
        "2:", // the native stack is empty here, and is left to others
        ".cfi_undefined 14",
        "lgr %r2, %r1",
        "lg %r1, {between}(%r2)",
        "basr %r14, %r1",
        ".2byte 0",
        "4:", // as if it had been called right away
        ".cfi_def_cfa 15, 160",
        ".cfi_same_value 14",
        "lg %r1, {target}(%r2)",
        "br %r1",
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
        native_sp = const NATIVE_SP,
        target = const TARGET,
        leaves = const LEAVES,
        between = const BETWEEN,
        personality = sym personality,
    )
}

/// Where a panic of the native function that [`native_call`] has called ends: `r6` is the exception, the task is where it is after the call.
#[unsafe(naked)]
pub(in crate::managed) unsafe extern "C" fn panic_pad() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 14",
        "lgr %r3, %r6",            // the exception becomes the second argument,
        "lg %r2, 168(%r15)",       // the task the first
        "lg %r1, {panicked}(%r2)",
        "basr %r14, %r1",
        ".2byte 0",                // it does not return
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
        ".cfi_undefined 14",
        "lg %r15, {managed_sp}(%r2)", // from here on the task's own stack
        "lgr %r2, %r3",               // the result of whatever compiled code waits for
        ".irp n, 8,9,10,11,12,13,14,15",
        "ld %f\\n, 88 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "lmg %r6, %r14, 16(%r15)",
        "aghi %r15, 160",
        "br %r14",
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
    )
}

/// The outermost frame of a task's own stack: calls what the task's program wants, and asks for the next.
///
/// `r6` is the task, `r2` the code to call. Its back chain is 0.
#[unsafe(naked)]
unsafe extern "C" fn managed_base() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 14",
        "nopr %r0", // pc - 1 of a stack that did not start
        "2:",
        "lgr %r1, %r2",               // the code
        "lgr %r2, %r6",               // is called with the task
        "lg %r3, {words}(%r6)",       // and two words
        "lg %r4, {words} + 8(%r6)",
        "basr %r14, %r1",
        "stg %r2, {returned}(%r6)",   // what it has returned, for the program
        "lg %r1, {step}(%r6)",        // which says what comes next
        "stg %r1, {target}(%r6)",
        "lgr %r2, %r6",
        "brasl %r14, {native_call}",
        "j 2b",
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
/// `outermost_sp` is a multiple of 8 inside a stack of which nothing is needed any more, and there are [`OUTERMOST_BYTES`] above it.
pub(in crate::managed) unsafe fn prepare(outermost_sp: usize, task: usize) -> usize {
    let base = managed_base as *const () as usize + 2;
    let sp = outermost_sp - SAVED_BYTES;
    let mut words = [0; SAVED_BYTES / 8 + 1];
    (words[0], words[2], words[PC_SLOT / 8]) = (outermost_sp, task, base); // back chain, r6, r14; then the back chain that is 0
    // SAFETY: within the stack, by the caller's promise.
    unsafe { (sp as *mut [usize; SAVED_BYTES / 8 + 1]).write(words) };
    sp
}

/// What a walk of a stack that waits starts from. The frame pointer is not looked at.
///
/// # Safety
///
/// `managed_sp` is that of a stack that waits, and nobody enters it meanwhile.
pub(in crate::managed) unsafe fn saved(managed_sp: usize) -> SavedRegisters {
    // SAFETY: the return address lies there, by the caller's promise.
    let pc = unsafe { ((managed_sp + PC_SLOT) as *const usize).read() };
    let sp = managed_sp + SAVED_BYTES;
    SavedRegisters { pc, sp, fp: sp, saved_from: managed_sp }
}
