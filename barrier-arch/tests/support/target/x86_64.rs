//! x86-64.

use std::arch::naked_asm;
use std::arch::x86_64::{__m128, _mm_set_ps, _mm_storeu_ps};

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = true;

/// Four floats in a vector register.
pub type Vector = __m128;

pub fn vector(floats: [f32; 4]) -> Vector {
    let [a, b, c, d] = floats;
    // SAFETY: SSE is part of x86-64.
    unsafe { _mm_set_ps(d, c, b, a) }
}

pub fn floats(vector: Vector) -> [f32; 4] {
    let mut floats = [0.0; 4];
    // SAFETY: four floats fit.
    unsafe { _mm_storeu_ps(floats.as_mut_ptr(), vector) };
    floats
}

/// All that a return could carry or must keep.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Registers {
    /// rax rbx rcx rdx rsi rdi rbp rsp r8 … r15
    general: [u64; 16],
    xmm: [[u64; 2]; 16],
}

impl Registers {
    fn recognisable(sp: usize) -> Registers {
        let mut registers = Registers::default();
        for (i, r) in registers.general.iter_mut().enumerate() {
            *r = 0x1111_2222_3333_0000 + i as u64;
        }
        for (i, r) in registers.xmm.iter_mut().enumerate() {
            *r = [0xaaaa_0000 + i as u64, 0xbbbb_0000 + i as u64];
        }
        registers.general[RSP] = sp as u64;
        registers
    }
}

const RSP: usize = 7;

static mut SEEN: Registers = Registers { general: [0; 16], xmm: [[0; 2]; 16] };
static mut OWN_STACK: u64 = 0;

/// Loads every register from `*registers`, then `ret`s with rsp = their rsp; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "mov [rip + {own}], rsp",
        "mov rax, rdi",
        "movdqu xmm0, [rax + 128]", "movdqu xmm1, [rax + 144]", "movdqu xmm2, [rax + 160]",
        "movdqu xmm3, [rax + 176]", "movdqu xmm4, [rax + 192]", "movdqu xmm5, [rax + 208]",
        "movdqu xmm6, [rax + 224]", "movdqu xmm7, [rax + 240]", "movdqu xmm8, [rax + 256]",
        "movdqu xmm9, [rax + 272]", "movdqu xmm10, [rax + 288]", "movdqu xmm11, [rax + 304]",
        "movdqu xmm12, [rax + 320]", "movdqu xmm13, [rax + 336]", "movdqu xmm14, [rax + 352]",
        "movdqu xmm15, [rax + 368]",
        "mov rbx, [rax + 8]", "mov rcx, [rax + 16]", "mov rdx, [rax + 24]", "mov rsi, [rax + 32]",
        "mov rdi, [rax + 40]", "mov rbp, [rax + 48]", "mov rsp, [rax + 56]", "mov r8, [rax + 64]",
        "mov r9, [rax + 72]", "mov r10, [rax + 80]", "mov r11, [rax + 88]", "mov r12, [rax + 96]",
        "mov r13, [rax + 104]", "mov r14, [rax + 112]", "mov r15, [rax + 120]",
        "mov rax, [rax]",
        "ret",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "mov [rip + {seen}], rax",
        "lea rax, [rip + {seen}]",
        "mov [rax + 8], rbx", "mov [rax + 16], rcx", "mov [rax + 24], rdx", "mov [rax + 32], rsi",
        "mov [rax + 40], rdi", "mov [rax + 48], rbp", "mov [rax + 56], rsp", "mov [rax + 64], r8",
        "mov [rax + 72], r9", "mov [rax + 80], r10", "mov [rax + 88], r11", "mov [rax + 96], r12",
        "mov [rax + 104], r13", "mov [rax + 112], r14", "mov [rax + 120], r15",
        "movdqu [rax + 128], xmm0", "movdqu [rax + 144], xmm1", "movdqu [rax + 160], xmm2",
        "movdqu [rax + 176], xmm3", "movdqu [rax + 192], xmm4", "movdqu [rax + 208], xmm5",
        "movdqu [rax + 224], xmm6", "movdqu [rax + 240], xmm7", "movdqu [rax + 256], xmm8",
        "movdqu [rax + 272], xmm9", "movdqu [rax + 288], xmm10", "movdqu [rax + 304], xmm11",
        "movdqu [rax + 320], xmm12", "movdqu [rax + 336], xmm13", "movdqu [rax + 352], xmm14",
        "movdqu [rax + 368], xmm15",
        "mov rsp, [rip + {own}]",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        seen = sym SEEN,
        own = sym OWN_STACK,
    )
}

/// Returns through `slot`, which leads through the trampoline to [`landed`], with recognisable values in all registers, so that the stack
/// pointer is `sp` after it.
///
/// # Errors
///
/// What the registers should have been, and were.
///
/// # Safety
///
/// `slot` is a return slot of a stack that nobody uses; one thread at a time.
pub unsafe fn return_through(slot: usize, sp: usize) -> Result<(), String> {
    // SAFETY: the caller's promise; `landed` comes back here.
    let after = unsafe {
        return_with(&Registers::recognisable(slot));
        (&raw const SEEN).read()
    };
    let expected = Registers::recognisable(sp);
    if after == expected { Ok(()) } else { Err(format!("expected {expected:x?}, found {after:x?}")) }
}

/// [`arch::switch`] with recognisable values in all callee-saved registers; returns how many did not come
/// back.
#[unsafe(naked)]
pub unsafe extern "C" fn switch_watched(save: *mut Context, load: *const Context, pattern: usize) -> usize {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "push rdx", // the pattern; and the stack is aligned for the call
        "lea rbp, [rdx + 1]", "lea rbx, [rdx + 2]", "lea r12, [rdx + 3]",
        "lea r13, [rdx + 4]", "lea r14, [rdx + 5]", "lea r15, [rdx + 6]",
        "call {switch}",
        "mov rdx, [rsp]",
        "xor eax, eax",
        "sub rbp, rdx", "cmp rbp, 1", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub rbx, rdx", "cmp rbx, 2", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub r12, rdx", "cmp r12, 3", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub r13, rdx", "cmp r13, 4", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub r14, rdx", "cmp r14, 5", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub r15, rdx", "cmp r15, 6", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "pop rdx",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        "mov rbx, -1", "mov rbp, -1", "mov r12, -1", "mov r13, -1", "mov r14, -1", "mov r15, -1",
        "push rax", "push rax", "push rax", // frames that are dropped
        "mov esi, 77",
        "jmp {recover}",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "push rbp", "push rbx", "push r12", "push r13", "push r14", "push r15",
        "push rsp",
        "mov rbp, 101", "mov rbx, 102", "mov r12, 103", "mov r13, 104", "mov r14, 105", "mov r15, 106",
        "lea rsi, [rip + {spoil}]",
        "mov rdx, rdi",
        "call {protect}",
        "sub rbp, 101", "sub rbx, 102", "sub r12, 103", "sub r13, 104", "sub r14, 105", "sub r15, 106",
        "or rbp, rbx", "or rbp, r12", "or rbp, r13", "or rbp, r14", "or rbp, r15",
        "add rax, rbp", // 77 and nothing more
        "pop rcx",
        "lea rdx, [rsp]", "sub rdx, rcx", // the stack pointer came back, too
        "add rax, rdx",
        "pop r15", "pop r14", "pop r13", "pop r12", "pop rbx", "pop rbp",
        "ret",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}

