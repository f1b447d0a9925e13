//! x86-64: where compiled code is entered, and where its frames end.
//!
//! ```text
//!   scheme_enter      Rust's callee-saved registers             r15 = task from here on
//!   scheme_base       frame record = the base                   what it calls returns to scheme_underflow,
//!                                                               and so does every chunk of frames that is put back
//!   scheme_call_cc    frame record, r14 r13 r12 rbx, receiver, argument
//! ```
//!
//! Functions of Rust are called through [`sched::native_call`]: on a stack that moves they run elsewhere.
//!
//! A return to `scheme_underflow` finds `rbp` at the base, as any epilogue restores it, and the stack pointer somewhere
//! below: to a walk the base is a frame that reaches from there to its record, with nothing in it.

use std::arch::global_asm;
use std::mem::offset_of;

use super::state::{ContinuationState, Resume};
use crate::scheme::codegen::REGISTER_ARGUMENTS;
use crate::scheme::core::Span;
use crate::scheme::frame_table::{FrameTable, FunctionRecord};
use crate::scheme::machine::{LANGUAGE_OFFSET, Task};
use crate::scheme::runtime::state::TaskState;
use crate::scheme::value::Value;

const STATE: usize = LANGUAGE_OFFSET + offset_of!(TaskState, continuation);
const RESUME: usize = STATE + offset_of!(ContinuationState, resume);
const REGISTERS: usize = LANGUAGE_OFFSET + TaskState::REGISTERS_OFFSET;
/// Compiled code is called with as many words: closure, count, arguments. All fit registers.
const _: () = assert!(REGISTER_ARGUMENTS == 4);

global_asm!(
    // extern "C" fn(task, code, closure) -> value: calls compiled code that takes no arguments.
    ".globl scheme_enter",
    ".hidden scheme_enter",
    "scheme_enter:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "push rbx",
    ".cfi_offset rbx, -24",
    "push r12",
    ".cfi_offset r12, -32",
    "push r13",
    ".cfi_offset r13, -40",
    "push r14",
    ".cfi_offset r14, -48",
    "push r15",
    ".cfi_offset r15, -56",
    "sub rsp, 8",
    "mov r15, rdi", // the pinned register
    "call scheme_base",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    // The base: the outermost frame with a map.
    ".globl scheme_base",
    ".hidden scheme_base",
    "scheme_base:",
    ".cfi_startproc",
    "push rbp",
    ".cfi_def_cfa_offset 16",
    ".cfi_offset rbp, -16",
    "mov rbp, rsp",
    ".cfi_def_cfa_register rbp",
    "mov rbx, rsi", // code and closure: what they hold for Rust is saved
    "mov r12, rdx",
    "mov rsi, rbp",
    "lea rax, [rip + {note_base}]", // (task, base)
    "mov [r15 + {target}], rax",
    "call {native}",
    "mov rdi, r12",
    "xor esi, esi",
    "mov edx, {filler}",
    "mov ecx, edx",
    "mov r8d, edx",
    "mov r9d, edx",
    "call rbx",
    ".globl scheme_underflow",
    ".hidden scheme_underflow",
    "scheme_underflow:", // rax = value, rbp = base
    "mov [r15 + {kept}], rbx", // which belong to whoever is returned to
    "mov [r15 + {kept} + 8], r12",
    "mov [r15 + {kept} + 16], r13",
    "mov [r15 + {kept} + 24], r14",
    "mov rdi, r15",
    "mov rsi, rax",
    "lea rax, [rip + {underflow}]", // (task, value) -> is there somebody?
    "mov [r15 + {target}], rax",
    "call {native}",
    "test rax, rax",
    "jnz scheme_resume",
    "mov rax, [r15 + {value}]",
    "mov rsp, rbp",
    "pop rbp",
    ".cfi_def_cfa rsp, 8",
    "ret",
    ".cfi_endproc",
    // Puts frames back and goes on in them. The stack is used below what will be written only.
    ".globl scheme_resume",
    ".hidden scheme_resume",
    "scheme_resume:",
    "mov rax, [r15 + {low}]",
    "cmp rax, rsp",
    "cmovb rsp, rax",
    "and rsp, -16",
    "mov rdi, r15",
    "lea rax, [rip + {reinstate}]", // (task)
    "mov [r15 + {target}], rax",
    "call {native}",
    "mov rbx, [r15 + {kept}]",
    "mov r12, [r15 + {kept} + 8]",
    "mov r13, [r15 + {kept} + 16]",
    "mov r14, [r15 + {kept} + 24]",
    "mov rbp, [r15 + {fp}]",
    "mov rax, [r15 + {value}]",
    "mov rsp, [r15 + {sp}]",
    "jmp [r15 + {pc}]",
    // Compiled convention, (receiver, argument): tail-calls (receiver continuation argument).
    ".globl scheme_call_cc",
    ".hidden scheme_call_cc",
    "scheme_call_cc:",
    "push rbp",
    "mov rbp, rsp",
    "push r14", // in memory in the order of `Resume::kept`
    "push r13",
    "push r12",
    "push rbx",
    "push rcx",
    "push rdx",
    "mov rdi, r15",
    "mov rsi, rbp",
    "lea rdx, [rsp + 16]",
    "mov rcx, [rsp]",
    "lea rax, [rip + {capture}]", // (task, frame record, kept registers, receiver) -> code to go on with
    "mov [r15 + {target}], rax",
    "call {native}",
    ".globl scheme_call_cc_captured",
    ".hidden scheme_call_cc_captured",
    "scheme_call_cc_captured:",
    "mov r8, [rsp + 8]", // the argument; all kept registers are as they were
    "mov rsp, rbp",
    "pop rbp", // the base, if the frames are gone
    "mov rdi, [r15 + {registers}]",
    "mov esi, 2",
    "mov rdx, [r15 + {registers} + 8]",
    "mov rcx, r8",
    "mov r8d, {filler}",
    "mov r9d, r8d",
    "jmp rax",
    // extern "C" fn(base) -> !: returns nothing from the base, whatever is on the stack.
    ".globl scheme_leave",
    ".hidden scheme_leave",
    "scheme_leave:",
    "mov rsp, rdi",
    "xor eax, eax",
    "pop rbp",
    "ret",
    ".globl scheme_end",
    ".hidden scheme_end",
    "scheme_end:",
    "nop",
    kept = const RESUME + offset_of!(Resume, kept),
    value = const RESUME + offset_of!(Resume, value),
    low = const RESUME + offset_of!(Resume, low),
    sp = const RESUME + offset_of!(Resume, sp),
    fp = const RESUME + offset_of!(Resume, fp),
    pc = const RESUME + offset_of!(Resume, pc),
    registers = const REGISTERS,
    filler = const Value::FALSE.0,
    note_base = sym super::reinstate::note_base,
    underflow = sym super::reinstate::underflow,
    reinstate = sym super::reinstate::reinstate,
    capture = sym super::capture::capture,
    native = sym sched::native_call,
    target = const sched::TARGET_OFFSET,
);

unsafe extern "C-unwind" {
    fn scheme_enter(task: usize, code: usize, closure: Value) -> Value;
}

unsafe extern "C" {
    /// Drops every frame below the base, which returns the failed value.
    pub fn scheme_leave(base: usize) -> !;
    fn scheme_base();
    fn scheme_underflow();
    fn scheme_resume();
    fn scheme_call_cc();
    fn scheme_call_cc_captured();
    fn scheme_end();
}

/// Calls compiled code without arguments.
///
/// # Safety
///
/// The caller runs on `task`, and `code` is compiled code that takes no arguments and lives.
pub unsafe fn enter(task: *const Task, code: usize, closure: Value) -> Value {
    // SAFETY: passed on.
    unsafe { scheme_enter(task as usize, code, closure) }
}

/// Address of the code that calls compiled code without arguments: `extern "C" fn(task, code, closure) -> value`.
pub fn enter_code() -> usize {
    scheme_enter as *const () as usize
}

/// Where a chunk of frames returns to.
pub fn underflow_pc() -> usize {
    scheme_underflow as *const () as usize
}

/// Code with the compiled convention that goes on where [`Resume`] says.
pub fn resume_code() -> usize {
    scheme_resume as *const () as usize
}

/// Code of `(%call/cc receiver argument)`.
pub fn call_cc_code() -> usize {
    scheme_call_cc as *const () as usize
}

/// Tells `frames` of this code: its frames hold no references but those of `scheme_call_cc`.
pub fn describe(frames: &mut FrameTable) {
    let start = scheme_base as *const () as usize;
    let end = scheme_end as *const () as usize;
    frames.add_site(underflow_pc(), [], Span::default());
    frames.add_site(scheme_call_cc_captured as *const () as usize, [0, 8], Span::default());
    frames.add_function(FunctionRecord {
        code: start..end,
        name: "base".into(),
        file: None,
        is_prelude: false,
        span: Span::default(),
        is_managed: true,
    });
}
