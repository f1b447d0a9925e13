//! RISC-V, 64-bit.

use std::arch::{asm, naked_asm};

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = false;

/// Four floats. There are no vector registers in the base: they come back in memory or in integer registers.
pub type Vector = [f32; 4];

pub fn vector(floats: [f32; 4]) -> Vector {
    floats
}

pub fn floats(vector: Vector) -> [f32; 4] {
    vector
}

/// All that a return could carry or must keep.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Registers {
    /// x0 … x31
    general: [u64; 32],
    floats: [u64; 32],
}

const LINK: usize = 1;
const SP: usize = 2;
/// Zero, global pointer, thread pointer.
const NOBODYS: [usize; 3] = [0, 3, 4];

impl Registers {
    fn recognisable(link: usize, sp: usize) -> Registers {
        let mut general = [0; 32];
        general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1111_2222_3333_0000 + i as u64);
        (general[LINK], general[SP]) = (link as u64, sp as u64);
        NOBODYS.iter().for_each(|&r| general[r] = 0);
        let mut floats = [0; 32];
        floats.iter_mut().enumerate().for_each(|(i, r)| *r = 0xaaaa_bbbb_0000_0000 + i as u64);
        Registers { general, floats }
    }
}

static mut SEEN: Registers = Registers { general: [0; 32], floats: [0; 32] };
static mut OWN_STACK: u64 = 0;

/// A naked function does not know the target's extensions; its numbered offsets must stand.
macro_rules! options {
    () => {
        ".option push\n .option arch, +d\n .option norelax"
    };
}

/// Every callee-saved register, and the global pointer, in a frame of 512 bytes; its first word is free.
macro_rules! save {
    () => {
        concat!(
            "addi sp, sp, -512\n",
            ".irp r, 1,3,8,9,18,19,20,21,22,23,24,25,26,27\n sd x\\r, 8 * \\r(sp)\n .endr\n",
            ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27\n fsd f\\r, 256 + 8 * \\r(sp)\n .endr"
        )
    };
}

macro_rules! restore_and_return {
    () => {
        concat!(
            ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27\n fld f\\r, 256 + 8 * \\r(sp)\n .endr\n",
            ".irp r, 1,3,8,9,18,19,20,21,22,23,24,25,26,27\n ld x\\r, 8 * \\r(sp)\n .endr\n",
            "addi sp, sp, 512\n ret\n .option pop"
        )
    };
}

/// Loads every register from `*registers`, then returns to their ra; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        options!(),
        save!(),
        "lla t0, {own}", "sd sp, 0(t0)",
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fld f\\r, 256 + 8 * \\r(a0)",
        ".endr",
        ".irp r, 1,2,5,6,7,8,9,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ld x\\r, 8 * \\r(a0)",
        ".endr",
        "ld a0, 80(a0)",
        "ret",
        ".option pop",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        options!(),
        "lla gp, {seen}", // nobody needs it before it is restored
        ".irp r, 1,2,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "sd x\\r, 8 * \\r(gp)",
        ".endr",
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fsd f\\r, 256 + 8 * \\r(gp)",
        ".endr",
        "lla t0, {own}", "ld sp, 0(t0)",
        restore_and_return!(),
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
        options!(),
        save!(),
        "sd a2, 0(sp)", // the pattern
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "addi x\\r, a2, \\r",
        "fmv.d.x f\\r, x\\r",
        ".endr",
        "call {switch}",
        "ld a2, 0(sp)",
        "li a0, 0",
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "addi t0, a2, \\r",
        "xor t1, t0, x\\r", "snez t1, t1", "add a0, a0, t1",
        "fmv.x.d t1, f\\r", "xor t1, t0, t1", "snez t1, t1", "add a0, a0, t1",
        ".endr",
        restore_and_return!(),
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        options!(),
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "li x\\r, -1",
        "fmv.d.x f\\r, x\\r",
        ".endr",
        "addi sp, sp, -48", // frames that are dropped
        "li a1, 77",
        "tail {recover}",
        ".option pop",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        options!(),
        save!(),
        "sd sp, 0(sp)",
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "li x\\r, \\r",
        "fmv.d.x f\\r, x\\r",
        ".endr",
        "mv a2, a0",
        "lla a1, {spoil}",
        "call {protect}",
        "li t1, 0",
        ".irp r, 8,9,18,19,20,21,22,23,24,25,26,27",
        "addi t0, x\\r, -\\r", "or t1, t1, t0",
        "fmv.x.d t0, f\\r", "addi t0, t0, -\\r", "or t1, t1, t0",
        ".endr",
        "ld t0, 0(sp)", "sub t0, t0, sp", "or t1, t1, t0", // the stack pointer came back, too
        "add a0, a0, t1", // 77 and nothing more
        restore_and_return!(),
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}

/// An instruction that there is not: `unimp`, compressed, twice.
pub const TRAP: &[u8] = &[0; 4];

/// Bytes of the instruction at `address`.
pub fn length_at(_address: usize) -> usize {
    4
}

/// Makes a changed instruction known to the processor.
pub fn flush(_address: usize) {
    // SAFETY: waits until what was stored is fetched.
    unsafe { asm!("fence.i", options(nostack)) };
}

/// Stack pointer of what a signal has interrupted.
///
/// # Safety
///
/// `context` is what a signal handler got.
pub unsafe fn sp_of(context: *mut libc::c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.__gregs[SP] as usize }
}

/// The signal handler will return to `pc`.
///
/// # Safety
///
/// `context` is what a signal handler got, and `pc` is where it may go on.
pub unsafe fn resume_at(context: *mut libc::c_void, pc: usize) {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.__gregs[0] = pc as u64 };
}
