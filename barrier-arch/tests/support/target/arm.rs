//! Arm, 32 bits, hard float.

use std::arch::{asm, naked_asm};

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = false;

/// Four floats: a homogeneous aggregate, which C functions return in s0 to s3.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Vector(f32, f32, f32, f32);

pub fn vector([a, b, c, d]: [f32; 4]) -> Vector {
    Vector(a, b, c, d)
}

pub fn floats(vector: Vector) -> [f32; 4] {
    [vector.0, vector.1, vector.2, vector.3]
}

/// All that a return could carry or must keep.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Registers {
    /// r0 … r12, sp, lr, and nothing
    general: [u32; 16],
    /// d0 … d15: all that every processor with floating point has
    doubles: [u64; 16],
}

/// The linker's veneers may change it at any call.
const NOBODYS: usize = 12;
const SP: usize = 13;
const LINK: usize = 14;

impl Registers {
    const NONE: Registers = Registers { general: [0; 16], doubles: [0; 16] };

    fn recognisable(link: usize, sp: usize) -> Registers {
        let mut registers = Registers::NONE;
        registers.general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1122_3300 + i as u32);
        (registers.general[SP], registers.general[LINK]) = (sp as u32, link as u32);
        (registers.general[NOBODYS], registers.general[15]) = (0, 0);
        registers.doubles.iter_mut().enumerate().for_each(|(i, r)| *r = 0xaaaa_0000_bbbb_0000 + i as u64);
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

/// Loads every register from `*registers`, then returns to their lr; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "sub sp, sp, #4",
        "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "ldr r1, 5f",
        "4: add r1, pc, r1", // &BETWEEN
        "str sp, [r1, #192]",
        "mov r12, r0",
        "add r1, r12, #64",
        "vldmia r1, {{d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15}}",
        "ldr sp, [r12, #52]", "ldr lr, [r12, #56]",
        "ldm r12, {{r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}}",
        "mov r12, #0",
        "bx lr",
        "5: .word {between} - 4b - 8",
        between = sym BETWEEN,
    )
}

/// The "original return address": writes every register to `BETWEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "ldr r12, 5f",
        "4: add r12, pc, r12", // &BETWEEN
        "stm r12, {{r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}}",
        "str sp, [r12, #52]", "str lr, [r12, #56]",
        "add r0, r12, #64",
        "vstmia r0, {{d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15}}",
        "ldr sp, [r12, #192]",
        "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "add sp, sp, #4",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        "5: .word {between} - 4b - 8",
        between = sym BETWEEN,
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
        (&raw const BETWEEN.seen).read()
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
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "push {{r2}}", // the pattern; and the stack is aligned for the call
        "add r4, r2, #4", "add r5, r2, #5", "add r6, r2, #6", "add r7, r2, #7", "add r8, r2, #8", "add r9, r2, #9",
        "add r10, r2, #10", "add r11, r2, #11",
        "vmov d8, r4, r5", "vmov d9, r5, r6", "vmov d10, r6, r7", "vmov d11, r7, r8", "vmov d12, r8, r9",
        "vmov d13, r9, r10", "vmov d14, r10, r11", "vmov d15, r11, r4",
        "bl {switch}",
        "pop {{r2}}",
        "mov r0, #0",
        "sub r1, r4, r2", "cmp r1, #4", "addne r0, r0, #1",
        "sub r1, r5, r2", "cmp r1, #5", "addne r0, r0, #1",
        "sub r1, r6, r2", "cmp r1, #6", "addne r0, r0, #1",
        "sub r1, r7, r2", "cmp r1, #7", "addne r0, r0, #1",
        "sub r1, r8, r2", "cmp r1, #8", "addne r0, r0, #1",
        "sub r1, r9, r2", "cmp r1, #9", "addne r0, r0, #1",
        "sub r1, r10, r2", "cmp r1, #10", "addne r0, r0, #1",
        "sub r1, r11, r2", "cmp r1, #11", "addne r0, r0, #1",
        // Against the registers that have just been found good.
        "vmov r1, r3, d8", "cmp r1, r4", "cmpeq r3, r5", "addne r0, r0, #1",
        "vmov r1, r3, d9", "cmp r1, r5", "cmpeq r3, r6", "addne r0, r0, #1",
        "vmov r1, r3, d10", "cmp r1, r6", "cmpeq r3, r7", "addne r0, r0, #1",
        "vmov r1, r3, d11", "cmp r1, r7", "cmpeq r3, r8", "addne r0, r0, #1",
        "vmov r1, r3, d12", "cmp r1, r8", "cmpeq r3, r9", "addne r0, r0, #1",
        "vmov r1, r3, d13", "cmp r1, r9", "cmpeq r3, r10", "addne r0, r0, #1",
        "vmov r1, r3, d14", "cmp r1, r10", "cmpeq r3, r11", "addne r0, r0, #1",
        "vmov r1, r3, d15", "cmp r1, r11", "cmpeq r3, r4", "addne r0, r0, #1",
        "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        "mvn r4, #0", "mvn r5, #0", "mvn r6, #0", "mvn r7, #0", "mvn r8, #0", "mvn r9, #0", "mvn r10, #0",
        "mvn r11, #0",
        "vmov d8, r4, r4", "vmov d9, r4, r4", "vmov d10, r4, r4", "vmov d11, r4, r4", "vmov d12, r4, r4",
        "vmov d13, r4, r4", "vmov d14, r4, r4", "vmov d15, r4, r4",
        "sub sp, sp, #48", // frames that are dropped
        "mov r1, #77",
        "b {recover}",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "mov r12, sp",
        "push {{r12}}", // and the stack is aligned for the call
        "mov r4, #104", "mov r5, #105", "mov r6, #106", "mov r7, #107", "mov r8, #108", "mov r9, #109",
        "mov r10, #110", "mov r11, #111",
        "vmov d8, r4, r5", "vmov d9, r5, r6", "vmov d10, r6, r7", "vmov d11, r7, r8", "vmov d12, r8, r9",
        "vmov d13, r9, r10", "vmov d14, r10, r11", "vmov d15, r11, r4",
        "mov r2, r0",
        "ldr r1, 5f",
        "4: add r1, pc, r1", // spoil_and_recover
        "bl {protect}",
        "cmp r4, #104", "addne r0, r0, #1", "cmp r5, #105", "addne r0, r0, #1", "cmp r6, #106", "addne r0, r0, #1",
        "cmp r7, #107", "addne r0, r0, #1", "cmp r8, #108", "addne r0, r0, #1", "cmp r9, #109", "addne r0, r0, #1",
        "cmp r10, #110", "addne r0, r0, #1", "cmp r11, #111", "addne r0, r0, #1",
        "vmov r1, r3, d8", "cmp r1, r4", "cmpeq r3, r5", "addne r0, r0, #1",
        "vmov r1, r3, d9", "cmp r1, r5", "cmpeq r3, r6", "addne r0, r0, #1",
        "vmov r1, r3, d10", "cmp r1, r6", "cmpeq r3, r7", "addne r0, r0, #1",
        "vmov r1, r3, d11", "cmp r1, r7", "cmpeq r3, r8", "addne r0, r0, #1",
        "vmov r1, r3, d12", "cmp r1, r8", "cmpeq r3, r9", "addne r0, r0, #1",
        "vmov r1, r3, d13", "cmp r1, r9", "cmpeq r3, r10", "addne r0, r0, #1",
        "vmov r1, r3, d14", "cmp r1, r10", "cmpeq r3, r11", "addne r0, r0, #1",
        "vmov r1, r3, d15", "cmp r1, r11", "cmpeq r3, r4", "addne r0, r0, #1",
        "pop {{r1}}", // 77 and nothing more
        "sub r1, r1, sp", // the stack pointer came back, too
        "add r0, r0, r1",
        "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        "5: .word {spoil} - 4b - 8",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}

/// `udf #0`.
pub const TRAP: &[u8] = &0xe7f0_00f0_u32.to_le_bytes();

/// All A32 instructions have four bytes.
pub fn length_at(_address: usize) -> usize {
    4
}

/// Makes a changed instruction be seen.
pub fn flush(address: usize) {
    const CACHEFLUSH: i32 = 0xf_0002;
    // SAFETY: changes nothing but what is cached; the call's number is in r7, which LLVM may use itself.
    unsafe {
        asm!("mov {r7}, r7", "mov r7, {call}", "svc #0", "mov r7, {r7}", r7 = out(reg) _, call = in(reg) CACHEFLUSH,
             inout("r0") address => _, in("r1") address + 4, in("r2") 0, options(nostack));
    }
}

/// Stack pointer of what a signal has interrupted.
///
/// # Safety
///
/// `context` is what a signal handler got.
pub unsafe fn sp_of(context: *mut libc::c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.arm_sp as usize }
}

/// The signal handler will return to `pc`.
///
/// # Safety
///
/// `context` is what a signal handler got, and `pc` is where it may go on.
pub unsafe fn resume_at(context: *mut libc::c_void, pc: usize) {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.arm_pc = pc as libc::c_ulong };
}
