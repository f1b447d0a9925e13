//! AArch64.

use std::arch::aarch64::{float32x4_t, vld1q_f32, vst1q_f32};
use std::arch::naked_asm;

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = false;

/// Four floats in a vector register.
pub type Vector = float32x4_t;

pub fn vector(floats: [f32; 4]) -> Vector {
    // SAFETY: four floats are read.
    unsafe { vld1q_f32(floats.as_ptr()) }
}

pub fn floats(vector: Vector) -> [f32; 4] {
    let mut floats = [0.0; 4];
    // SAFETY: four floats fit.
    unsafe { vst1q_f32(floats.as_mut_ptr(), vector) };
    floats
}

/// All that a return could carry or must keep.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Registers {
    /// x0 … x30, sp
    general: [u64; 32],
    vectors: [[u64; 2]; 32],
}

const LINK: usize = 30;
const SP: usize = 31;
/// The linker's veneers may change them at any branch.
const NOBODYS: [usize; 2] = [16, 17];

impl Registers {
    fn recognisable(link: usize, sp: usize) -> Registers {
        let mut general = [0; 32];
        general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1111_2222_3333_0000 + i as u64);
        (general[LINK], general[SP]) = (link as u64, sp as u64);
        NOBODYS.iter().for_each(|&r| general[r] = 0);
        let mut vectors = [[0; 2]; 32];
        vectors.iter_mut().enumerate().for_each(|(i, r)| *r = [0xaaaa_0000 + i as u64, 0xbbbb_0000 + i as u64]);
        Registers { general, vectors }
    }
}

static mut SEEN: Registers = Registers { general: [0; 32], vectors: [[0; 2]; 32] };
static mut OWN_STACK: u64 = 0;

/// Loads every register from `*registers`, then returns to their x30; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        "sub sp, sp, #160",
        "stp x29, x30, [sp]", "stp x19, x20, [sp, #16]", "stp x21, x22, [sp, #32]", "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]", "stp x27, x28, [sp, #80]", "stp d8, d9, [sp, #96]", "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]", "stp d14, d15, [sp, #144]",
        "adrp x9, {own}", "add x9, x9, :lo12:{own}", "mov x10, sp", "str x10, [x9]",
        "mov x16, x0",
        "add x17, x16, #256",
        "ldp q0, q1, [x17]", "ldp q2, q3, [x17, #32]", "ldp q4, q5, [x17, #64]", "ldp q6, q7, [x17, #96]",
        "ldp q8, q9, [x17, #128]", "ldp q10, q11, [x17, #160]", "ldp q12, q13, [x17, #192]",
        "ldp q14, q15, [x17, #224]", "ldp q16, q17, [x17, #256]", "ldp q18, q19, [x17, #288]",
        "ldp q20, q21, [x17, #320]", "ldp q22, q23, [x17, #352]", "ldp q24, q25, [x17, #384]",
        "ldp q26, q27, [x17, #416]", "ldp q28, q29, [x17, #448]", "ldp q30, q31, [x17, #480]",
        "ldr x17, [x16, #248]", "mov sp, x17",
        "ldp x0, x1, [x16]", "ldp x2, x3, [x16, #16]", "ldp x4, x5, [x16, #32]", "ldp x6, x7, [x16, #48]",
        "ldp x8, x9, [x16, #64]", "ldp x10, x11, [x16, #80]", "ldp x12, x13, [x16, #96]", "ldp x14, x15, [x16, #112]",
        "ldp x18, x19, [x16, #144]", "ldp x20, x21, [x16, #160]", "ldp x22, x23, [x16, #176]",
        "ldp x24, x25, [x16, #192]", "ldp x26, x27, [x16, #208]", "ldp x28, x29, [x16, #224]",
        "ldr x30, [x16, #240]",
        "mov x17, #0", "mov x16, #0",
        "ret",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "adrp x16, {seen}", "add x16, x16, :lo12:{seen}",
        "stp x0, x1, [x16]", "stp x2, x3, [x16, #16]", "stp x4, x5, [x16, #32]", "stp x6, x7, [x16, #48]",
        "stp x8, x9, [x16, #64]", "stp x10, x11, [x16, #80]", "stp x12, x13, [x16, #96]", "stp x14, x15, [x16, #112]",
        "stp xzr, xzr, [x16, #128]",
        "stp x18, x19, [x16, #144]", "stp x20, x21, [x16, #160]", "stp x22, x23, [x16, #176]",
        "stp x24, x25, [x16, #192]", "stp x26, x27, [x16, #208]", "stp x28, x29, [x16, #224]",
        "mov x17, sp", "stp x30, x17, [x16, #240]",
        "add x17, x16, #256",
        "stp q0, q1, [x17]", "stp q2, q3, [x17, #32]", "stp q4, q5, [x17, #64]", "stp q6, q7, [x17, #96]",
        "stp q8, q9, [x17, #128]", "stp q10, q11, [x17, #160]", "stp q12, q13, [x17, #192]",
        "stp q14, q15, [x17, #224]", "stp q16, q17, [x17, #256]", "stp q18, q19, [x17, #288]",
        "stp q20, q21, [x17, #320]", "stp q22, q23, [x17, #352]", "stp q24, q25, [x17, #384]",
        "stp q26, q27, [x17, #416]", "stp q28, q29, [x17, #448]", "stp q30, q31, [x17, #480]",
        "adrp x9, {own}", "add x9, x9, :lo12:{own}", "ldr x9, [x9]", "mov sp, x9",
        "ldp x29, x30, [sp]", "ldp x19, x20, [sp, #16]", "ldp x21, x22, [sp, #32]", "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]", "ldp x27, x28, [sp, #80]", "ldp d8, d9, [sp, #96]", "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]", "ldp d14, d15, [sp, #144]",
        "add sp, sp, #160",
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
        return_with(&Registers::recognisable(*(slot as *const usize), sp));
        (&raw const SEEN).read()
    };
    // As after any return, the link register holds what was returned to.
    let expected = Registers::recognisable(landed as *const () as usize, sp);
    if after == expected { Ok(()) } else { Err(format!("expected {expected:x?}, found {after:x?}")) }
}

/// [`arch::switch`] with recognisable values in all callee-saved registers; returns how many did not come
/// back.
#[unsafe(naked)]
pub unsafe extern "C" fn switch_watched(save: *mut Context, load: *const Context, pattern: usize) -> usize {
    naked_asm!(
        "sub sp, sp, #176",
        "stp x29, x30, [sp]", "stp x19, x20, [sp, #16]", "stp x21, x22, [sp, #32]", "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]", "stp x27, x28, [sp, #80]", "stp d8, d9, [sp, #96]", "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]", "stp d14, d15, [sp, #144]",
        "str x2, [sp, #160]", // the pattern
        "add x19, x2, #19", "add x20, x2, #20", "add x21, x2, #21", "add x22, x2, #22", "add x23, x2, #23",
        "add x24, x2, #24", "add x25, x2, #25", "add x26, x2, #26", "add x27, x2, #27", "add x28, x2, #28",
        "add x29, x2, #29",
        "fmov d8, x19", "fmov d9, x20", "fmov d10, x21", "fmov d11, x22", "fmov d12, x23", "fmov d13, x24",
        "fmov d14, x25", "fmov d15, x26",
        "bl {switch}",
        "ldr x2, [sp, #160]",
        "mov x0, #0",
        "sub x9, x19, x2", "cmp x9, #19", "cinc x0, x0, ne",
        "sub x9, x20, x2", "cmp x9, #20", "cinc x0, x0, ne",
        "sub x9, x21, x2", "cmp x9, #21", "cinc x0, x0, ne",
        "sub x9, x22, x2", "cmp x9, #22", "cinc x0, x0, ne",
        "sub x9, x23, x2", "cmp x9, #23", "cinc x0, x0, ne",
        "sub x9, x24, x2", "cmp x9, #24", "cinc x0, x0, ne",
        "sub x9, x25, x2", "cmp x9, #25", "cinc x0, x0, ne",
        "sub x9, x26, x2", "cmp x9, #26", "cinc x0, x0, ne",
        "sub x9, x27, x2", "cmp x9, #27", "cinc x0, x0, ne",
        "sub x9, x28, x2", "cmp x9, #28", "cinc x0, x0, ne",
        "sub x9, x29, x2", "cmp x9, #29", "cinc x0, x0, ne",
        "fmov x9, d8", "sub x9, x9, x2", "cmp x9, #19", "cinc x0, x0, ne",
        "fmov x9, d9", "sub x9, x9, x2", "cmp x9, #20", "cinc x0, x0, ne",
        "fmov x9, d10", "sub x9, x9, x2", "cmp x9, #21", "cinc x0, x0, ne",
        "fmov x9, d11", "sub x9, x9, x2", "cmp x9, #22", "cinc x0, x0, ne",
        "fmov x9, d12", "sub x9, x9, x2", "cmp x9, #23", "cinc x0, x0, ne",
        "fmov x9, d13", "sub x9, x9, x2", "cmp x9, #24", "cinc x0, x0, ne",
        "fmov x9, d14", "sub x9, x9, x2", "cmp x9, #25", "cinc x0, x0, ne",
        "fmov x9, d15", "sub x9, x9, x2", "cmp x9, #26", "cinc x0, x0, ne",
        "ldp x29, x30, [sp]", "ldp x19, x20, [sp, #16]", "ldp x21, x22, [sp, #32]", "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]", "ldp x27, x28, [sp, #80]", "ldp d8, d9, [sp, #96]", "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]", "ldp d14, d15, [sp, #144]",
        "add sp, sp, #176",
        "ret",
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        "mov x19, #-1", "mov x20, #-1", "mov x21, #-1", "mov x22, #-1", "mov x23, #-1", "mov x24, #-1",
        "mov x25, #-1", "mov x26, #-1", "mov x27, #-1", "mov x28, #-1", "mov x29, #-1",
        "fmov d8, x19", "fmov d9, x19", "fmov d10, x19", "fmov d11, x19", "fmov d12, x19", "fmov d13, x19",
        "fmov d14, x19", "fmov d15, x19",
        "sub sp, sp, #48", // frames that are dropped
        "mov x1, #77",
        "b {recover}",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "sub sp, sp, #176",
        "stp x29, x30, [sp]", "stp x19, x20, [sp, #16]", "stp x21, x22, [sp, #32]", "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]", "stp x27, x28, [sp, #80]", "stp d8, d9, [sp, #96]", "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]", "stp d14, d15, [sp, #144]",
        "mov x9, sp", "str x9, [sp, #160]",
        "mov x19, #19", "mov x20, #20", "mov x21, #21", "mov x22, #22", "mov x23, #23", "mov x24, #24",
        "mov x25, #25", "mov x26, #26", "mov x27, #27", "mov x28, #28", "mov x29, #29",
        "fmov d8, x19", "fmov d9, x20", "fmov d10, x21", "fmov d11, x22", "fmov d12, x23", "fmov d13, x24",
        "fmov d14, x25", "fmov d15, x26",
        "mov x2, x0",
        "adrp x1, {spoil}", "add x1, x1, :lo12:{spoil}",
        "bl {protect}",
        "sub x9, x19, #19", "sub x10, x20, #20", "orr x9, x9, x10", "sub x10, x21, #21", "orr x9, x9, x10",
        "sub x10, x22, #22", "orr x9, x9, x10", "sub x10, x23, #23", "orr x9, x9, x10",
        "sub x10, x24, #24", "orr x9, x9, x10", "sub x10, x25, #25", "orr x9, x9, x10",
        "sub x10, x26, #26", "orr x9, x9, x10", "sub x10, x27, #27", "orr x9, x9, x10",
        "sub x10, x28, #28", "orr x9, x9, x10", "sub x10, x29, #29", "orr x9, x9, x10",
        "fmov x10, d8", "sub x10, x10, #19", "orr x9, x9, x10", "fmov x10, d9", "sub x10, x10, #20", "orr x9, x9, x10",
        "fmov x10, d10", "sub x10, x10, #21", "orr x9, x9, x10", "fmov x10, d11", "sub x10, x10, #22", "orr x9, x9, x10",
        "fmov x10, d12", "sub x10, x10, #23", "orr x9, x9, x10", "fmov x10, d13", "sub x10, x10, #24", "orr x9, x9, x10",
        "fmov x10, d14", "sub x10, x10, #25", "orr x9, x9, x10", "fmov x10, d15", "sub x10, x10, #26", "orr x9, x9, x10",
        "add x0, x0, x9", // 77 and nothing more
        "ldr x9, [sp, #160]", "mov x10, sp", "sub x9, x9, x10", "add x0, x0, x9", // the stack pointer came back, too
        "ldp x29, x30, [sp]", "ldp x19, x20, [sp, #16]", "ldp x21, x22, [sp, #32]", "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]", "ldp x27, x28, [sp, #80]", "ldp d8, d9, [sp, #96]", "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]", "ldp d14, d15, [sp, #144]",
        "add sp, sp, #176",
        "ret",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}
