//! x86-64, System V ABI.
//!
//! ```text
//!   the task's own stack                        the native stack
//!   │ compiled frame           │                │ task, twice             │ ◀── native_sp
//!   │ return address           │                │ return into native_call │
//!   │ rbp rbx r12 r13 r14 r15  │ ◀── managed_sp │ the native function     │
//!   └──────────────────────────┘                └─────────────────────────┘
//! ```
//!
//! The words above `managed_sp` lie as `barrier_arch::arch::switch` leaves them. The stack may have moved when the native function returns,
//! so nothing but `managed_sp` is believed then, not even `rbp`; what `rbp` is to be lies in the copy, shifted.
//!
//! Unwinders are told the same: the frame's CFA is found through the task's address, two words of which lie on the native stack, so that one is
//! on top of it before and after the first `pop`. Marked signal frames: gdb then accepts that the caller's stack lies elsewhere.

use std::arch::naked_asm;

use barrier_arch::arch::SavedRegisters;

use super::offset::{BETWEEN, LEAVES, MANAGED_SP, NATIVE_SP, PANICKED, RETURNED, STEP, TARGET, WORDS};
use super::personality::personality;

/// There is a way.
pub(in crate::managed) const SUPPORTED: bool = true;

/// Bytes that a stack that waits has above `managed_sp`: six registers and the return address.
pub(in crate::managed) const SAVED_BYTES: usize = 56;

/// Where, above the saved stack pointer, the saved frame pointer lies.
pub(in crate::managed) const FP_SLOT: usize = 40;

/// What lies above the outermost frame, as `barrier_arch::arch::prepare` leaves it of others.
pub(in crate::managed) const OUTERMOST_BYTES: usize = 16;

/// Nowhere: a function adds to the stack pointer what it has subtracted.
pub(in crate::managed) const SAVED_SP: Option<usize> = None;

/// The expressions below have one byte for it, and one bit of that is a sign.
const _: () = assert!(MANAGED_SP < 64);

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
        "cmp qword ptr [rdi + {managed_sp}], 0",
        "je 4f",
        "push rbp", // a frame record, for walks by frame pointer
        ".cfi_def_cfa_offset 16",
        ".cfi_offset 6, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register 6",
        "push rbx", // all that the ABI wants preserved: after a park there is another native stack
        ".cfi_offset 3, -24",
        "push r12",
        ".cfi_offset 12, -32",
        "push r13",
        ".cfi_offset 13, -40",
        "push r14",
        ".cfi_offset 14, -48",
        "push r15",
        ".cfi_offset 15, -56",
        "mov [rdi + {managed_sp}], rsp",
        "mov rsp, [rdi + {native_sp}]",
        "push rdi",
        "push rdi",
        ".cfi_escape 0x0f, 8, 0x77, 0, 0x06, 0x23, {managed_sp}, 0x06, 0x23, 56", // CFA = *(*rsp + managed_sp) + 56
        "call [rdi + {target}]",
        "pop rdi", // the other one is still on top
        "pop rdi",
        ".cfi_escape 0x0f, 5, 0x75, {managed_sp}, 0x06, 0x23, 56", // the same through rdi
        "cmp qword ptr [rdi + {leaves}], 0",
        "jne 2f",
        "mov rsp, [rdi + {managed_sp}]", // wherever the stack is by now
        ".cfi_def_cfa 7, 56",
        "lea rbp, [rsp + 40]", // the frame record again, for walks by frame pointer
        "pop r15",
        ".cfi_def_cfa_offset 48",
        ".cfi_restore 15",
        "pop r14",
        ".cfi_def_cfa_offset 40",
        ".cfi_restore 14",
        "pop r13",
        ".cfi_def_cfa_offset 32",
        ".cfi_restore 13",
        "pop r12",
        ".cfi_def_cfa_offset 24",
        ".cfi_restore 12",
        "pop rbx",
        ".cfi_def_cfa_offset 16",
        ".cfi_restore 3",
        "pop rbp",
        ".cfi_def_cfa_offset 8",
        ".cfi_restore 6",
        "ret",
        "2:", // the native stack is empty here, and is left to others
        ".cfi_undefined 16",
        "call [rdi + {between}]",
        "ud2",
        "4:", // as if it had been called right away
        ".cfi_def_cfa 7, 8",
        ".cfi_offset 16, -8",
        "jmp [rdi + {target}]",
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
        native_sp = const NATIVE_SP,
        target = const TARGET,
        leaves = const LEAVES,
        between = const BETWEEN,
        personality = sym personality,
    )
}

/// Where a panic of the native function that [`native_call`] has called ends: `rax` is the exception, the task is on top as after the call.
#[unsafe(naked)]
pub(in crate::managed) unsafe extern "C" fn panic_pad() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 16",
        "mov rdi, [rsp]",
        "mov rsi, rax",
        "call [rdi + {panicked}]",
        "ud2",
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
        ".cfi_undefined 16",
        "mov rax, rsi",
        "mov rsp, [rdi + {managed_sp}]",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        ".cfi_endproc",
        managed_sp = const MANAGED_SP,
    )
}

/// The outermost frame of a task's own stack: calls what the task's program wants, and asks for the next.
///
/// `rbx` is the task, `rax` the code to call.
#[unsafe(naked)]
unsafe extern "C" fn managed_base() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined 16",
        "nop", // pc - 1 of a stack that did not start
        "2:",
        "mov rdi, rbx",
        "mov rsi, [rbx + {words}]",
        "mov rdx, [rbx + {words} + 8]",
        "call rax", // rbp is 0: the frame-pointer chain ends here
        "mov [rbx + {returned}], rax",
        "mov rax, [rbx + {step}]",
        "mov [rbx + {target}], rax",
        "mov rdi, rbx",
        "call {native_call}",
        "jmp 2b",
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
/// `outermost_sp` is a multiple of 16 inside a stack of which nothing is needed any more.
pub(in crate::managed) unsafe fn prepare(outermost_sp: usize, task: usize) -> usize {
    let base = managed_base as *const () as usize + 1;
    let sp = outermost_sp - SAVED_BYTES;
    // SAFETY: within the stack, by the caller's promise.
    unsafe { (sp as *mut [usize; 7]).write([0, 0, 0, 0, task, 0, base]) };
    sp
}

/// What a walk of a stack that waits starts from.
///
/// # Safety
///
/// `managed_sp` is that of a stack that waits, and nobody enters it meanwhile.
pub(in crate::managed) unsafe fn saved(managed_sp: usize) -> SavedRegisters {
    // SAFETY: the saved words lie there, by the caller's promise.
    let words = unsafe { (managed_sp as *const [usize; 7]).read() };
    SavedRegisters { pc: words[6], sp: managed_sp + SAVED_BYTES, fp: words[5], saved_from: managed_sp }
}
