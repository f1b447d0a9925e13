//! x86-64, System V ABI. Cranelift's tail convention: arguments in `rdi rsi rdx rcx r8 r9`, the result in `rax`; pinned: `r15`.

use std::arch::global_asm;

use super::{FP, KEPT, LOW, PC, REGISTERS, SP, VALUE};
use crate::scheme::value::Value;

/// rbx, r12, r13, r14.
pub const KEPT_REGISTERS: usize = 4;

/// `scheme_call_cc`'s receiver and argument, in bytes below its canonical frame address.
pub(super) const CALL_CC_SLOTS: [u32; 2] = [64, 56];

/// Nothing: the task is in the pinned register.
pub const BASE_BYTES: usize = 0;

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
    kept = const KEPT,
    value = const VALUE,
    low = const LOW,
    sp = const SP,
    fp = const FP,
    pc = const PC,
    registers = const REGISTERS,
    filler = const Value::FALSE.0,
    note_base = sym super::super::reinstate::note_base,
    underflow = sym super::super::reinstate::underflow,
    reinstate = sym super::super::reinstate::reinstate,
    capture = sym super::super::capture::capture,
    native = sym sched::native_call,
    target = const sched::TARGET_OFFSET,
);
