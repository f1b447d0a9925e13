//! x86, 32 bits.

use std::arch::x86::{__m128, _mm_set_ps, _mm_storeu_ps};
use std::arch::naked_asm;

use barrier_arch::arch::{self, Context, RecoverPoint};

/// A return may pop more than its slot.
pub const EXACT: bool = false;

/// Four floats in a vector register.
pub type Vector = __m128;

pub fn vector(floats: [f32; 4]) -> Vector {
    let [a, b, c, d] = floats;
    // SAFETY: SSE2 is part of Rust's i686.
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
#[derive(Clone, Copy, PartialEq, Debug)]
struct Registers {
    /// eax ecx edx ebx esp ebp esi edi
    general: [u32; 8],
    xmm: [[u64; 2]; 8],
    /// The two that C's `complex` comes back in.
    st: [f64; 2],
}

const ESP: usize = 4;

impl Registers {
    const NONE: Registers = Registers { general: [0; 8], xmm: [[0; 2]; 8], st: [0.0; 2] };

    fn recognisable(sp: usize) -> Registers {
        let mut registers = Registers { st: [0.1, 0.2], ..Registers::NONE };
        registers.general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1122_3300 + i as u32);
        registers
            .xmm
            .iter_mut()
            .enumerate()
            .for_each(|(i, r)| *r = [0xaaaa_0000 + i as u64, 0xbbbb_0000 + i as u64]);
        registers.general[ESP] = sp as u32;
        registers
    }
}

/// What lies between [`return_with`] and [`landed`].
#[repr(C)]
struct Between {
    seen: Registers,
    own_stack: u32,
}

static mut BETWEEN: Between = Between { seen: Registers::NONE, own_stack: 0 };

/// Loads every register from `*registers`, then returns with esp = their esp, by the instruction that pops `more` bytes
/// more; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers, more: usize) {
    naked_asm!(
        "push ebp", "push ebx", "push esi", "push edi",
        "mov eax, [esp + 20]",
        "mov edx, [esp + 24]",
        "call 4f",
        "4: pop ecx",
        ".byte 0x8d, 0x89", ".long {between} - 4b", // lea ecx, [ecx + distance]
        "mov [ecx + 176], esp",
        "movdqu xmm0, [eax + 32]", "movdqu xmm1, [eax + 48]", "movdqu xmm2, [eax + 64]",
        "movdqu xmm3, [eax + 80]", "movdqu xmm4, [eax + 96]", "movdqu xmm5, [eax + 112]",
        "movdqu xmm6, [eax + 128]", "movdqu xmm7, [eax + 144]",
        "fld qword ptr [eax + 168]", "fld qword ptr [eax + 160]",
        "cmp edx, 4",
        "mov ecx, [eax + 4]", "mov edx, [eax + 8]", "mov ebx, [eax + 12]", "mov esp, [eax + 16]",
        "mov ebp, [eax + 20]", "mov esi, [eax + 24]", "mov edi, [eax + 28]",
        "mov eax, [eax]",
        "je 5f",
        "ja 6f",
        "ret",
        "5: ret 4",
        "6: ret 12",
        between = sym BETWEEN,
    )
}

/// The "original return address": writes every register to `BETWEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "lea esp, [esp - 4]", // the popped slot stays as it is
        "push eax",
        "call 4f",
        "4: pop eax",
        ".byte 0x8d, 0x80", ".long {between} - 4b", // lea eax, [eax + distance]
        "mov [eax + 4], ecx", "mov [eax + 8], edx", "mov [eax + 12], ebx",
        "mov [eax + 20], ebp", "mov [eax + 24], esi", "mov [eax + 28], edi",
        "pop dword ptr [eax]",
        "lea esp, [esp + 4]",
        "mov [eax + 16], esp",
        "movdqu [eax + 32], xmm0", "movdqu [eax + 48], xmm1", "movdqu [eax + 64], xmm2",
        "movdqu [eax + 80], xmm3", "movdqu [eax + 96], xmm4", "movdqu [eax + 112], xmm5",
        "movdqu [eax + 128], xmm6", "movdqu [eax + 144], xmm7",
        "fstp qword ptr [eax + 160]", "fstp qword ptr [eax + 168]",
        "mov esp, [eax + 176]",
        "pop edi", "pop esi", "pop ebx", "pop ebp",
        "ret",
        between = sym BETWEEN,
    )
}

/// Returns through `slot`, which leads through the trampoline to [`landed`], with recognisable values in all registers, so that the stack
/// pointer is `sp` after it: 4, 8 or 16 bytes above the slot.
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
        return_with(&Registers::recognisable(slot), sp - slot - 4);
        (&raw const BETWEEN.seen).read()
    };
    let expected = Registers::recognisable(sp);
    if after == expected { Ok(()) } else { Err(format!("expected {expected:x?}, found {after:x?}")) }
}

/// [`arch::switch`] with recognisable values in all callee-saved registers; returns how many did not come
/// back.
#[unsafe(naked)]
pub unsafe extern "C" fn switch_watched(save: *mut Context, load: *const Context, pattern: usize) -> usize {
    naked_asm!(
        "push ebp", "push ebx", "push esi", "push edi",
        "mov edx, [esp + 28]", "mov eax, [esp + 20]", "mov ecx, [esp + 24]",
        "lea ebp, [edx + 1]", "lea ebx, [edx + 2]", "lea esi, [edx + 3]", "lea edi, [edx + 4]",
        "sub esp, 4", // aligned for the call
        "push ecx", "push eax",
        "call {switch}",
        "add esp, 12",
        "mov edx, [esp + 28]",
        "xor eax, eax",
        "sub ebp, edx", "cmp ebp, 1", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub ebx, edx", "cmp ebx, 2", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub esi, edx", "cmp esi, 3", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "sub edi, edx", "cmp edi, 4", "setne cl", "movzx ecx, cl", "add eax, ecx",
        "pop edi", "pop esi", "pop ebx", "pop ebp",
        "ret",
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        "mov edx, [esp + 4]",
        "mov ebx, -1", "mov ebp, -1", "mov esi, -1", "mov edi, -1",
        "push eax", "push eax", "push eax", // frames that are dropped
        "push 77", "push edx", "push 0",
        "jmp {recover}",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "push ebp", "push ebx", "push esi", "push edi",
        "mov eax, [esp + 20]",
        "push esp",
        "sub esp, 12", // aligned for the call
        "mov ebp, 101", "mov ebx, 102", "mov esi, 103", "mov edi, 104",
        "call 4f",
        "4: pop ecx",
        ".byte 0x8d, 0x89", ".long {spoil} - 4b", // lea ecx, [ecx + distance]
        "push eax", "push ecx", "push eax",
        "call {protect}",
        "add esp, 24",
        "sub ebp, 101", "sub ebx, 102", "sub esi, 103", "sub edi, 104",
        "or ebp, ebx", "or ebp, esi", "or ebp, edi",
        "add eax, ebp", // 77 and nothing more
        "pop ecx",
        "mov edx, esp", "sub edx, ecx", // the stack pointer came back, too
        "add eax, edx",
        "pop edi", "pop esi", "pop ebx", "pop ebp",
        "ret",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}
