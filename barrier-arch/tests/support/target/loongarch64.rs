//! LoongArch, 64-bit.

use std::arch::{asm, naked_asm};

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = false;

/// Four floats. No vector registers where Rust is stable: they come back in memory or in integer registers.
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
    /// r0 … r31
    general: [u64; 32],
    floats: [u64; 32],
}

const LINK: usize = 1;
const SP: usize = 3;
/// Zero, thread pointer, and one that the ABI reserves.
const NOBODYS: [usize; 3] = [0, 2, 21];

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

/// Every callee-saved register in a frame of 512 bytes; its first word is free.
macro_rules! save {
    () => {
        concat!(
            "addi.d $sp, $sp, -512\n",
            ".irp r, 1,22,23,24,25,26,27,28,29,30,31\n st.d $r\\r, $sp, 8 * \\r\n .endr\n",
            ".irp r, 24,25,26,27,28,29,30,31\n fst.d $f\\r, $sp, 256 + 8 * \\r\n .endr"
        )
    };
}

macro_rules! restore_and_return {
    () => {
        concat!(
            ".irp r, 24,25,26,27,28,29,30,31\n fld.d $f\\r, $sp, 256 + 8 * \\r\n .endr\n",
            ".irp r, 1,22,23,24,25,26,27,28,29,30,31\n ld.d $r\\r, $sp, 8 * \\r\n .endr\n",
            "addi.d $sp, $sp, 512\n ret"
        )
    };
}

/// Loads every register from `*registers`, then returns to their ra; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        save!(),
        "la.pcrel $t0, {own}", "st.d $sp, $t0, 0",
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fld.d $f\\r, $a0, 256 + 8 * \\r",
        ".endr",
        ".irp r, 1,3,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,22,23,24,25,26,27,28,29,30,31",
        "ld.d $r\\r, $a0, 8 * \\r",
        ".endr",
        "ld.d $a0, $a0, 32",
        "ret",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "la.pcrel $r21, {seen}",
        ".irp r, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,22,23,24,25,26,27,28,29,30,31",
        "st.d $r\\r, $r21, 8 * \\r",
        ".endr",
        ".irp r, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "fst.d $f\\r, $r21, 256 + 8 * \\r",
        ".endr",
        "la.pcrel $t0, {own}", "ld.d $sp, $t0, 0",
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
        save!(),
        "st.d $a2, $sp, 0", // the pattern
        ".irp r, 22,23,24,25,26,27,28,29,30,31", "addi.d $r\\r, $a2, \\r", ".endr",
        ".irp r, 24,25,26,27,28,29,30,31", "movgr2fr.d $f\\r, $r\\r", ".endr",
        "bl {switch}",
        "ld.d $a2, $sp, 0",
        "li.d $a0, 0",
        ".irp r, 22,23,24,25,26,27,28,29,30,31",
        "addi.d $t0, $a2, \\r", "xor $t1, $t0, $r\\r", "sltu $t1, $zero, $t1", "add.d $a0, $a0, $t1",
        ".endr",
        ".irp r, 24,25,26,27,28,29,30,31",
        "movfr2gr.d $t1, $f\\r",
        "addi.d $t0, $a2, \\r", "xor $t1, $t0, $t1", "sltu $t1, $zero, $t1", "add.d $a0, $a0, $t1",
        ".endr",
        restore_and_return!(),
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        ".irp r, 22,23,24,25,26,27,28,29,30,31", "li.d $r\\r, -1", ".endr",
        ".irp r, 24,25,26,27,28,29,30,31", "movgr2fr.d $f\\r, $r\\r", ".endr",
        "addi.d $sp, $sp, -48", // frames that are dropped
        "li.d $a1, 77",
        "b {recover}",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        save!(),
        "st.d $sp, $sp, 0",
        ".irp r, 22,23,24,25,26,27,28,29,30,31", "li.d $r\\r, \\r", ".endr",
        ".irp r, 24,25,26,27,28,29,30,31", "movgr2fr.d $f\\r, $r\\r", ".endr",
        "move $a2, $a0",
        "la.pcrel $a1, {spoil}",
        "bl {protect}",
        "li.d $t1, 0",
        ".irp r, 22,23,24,25,26,27,28,29,30,31", "addi.d $t0, $r\\r, -\\r", "or $t1, $t1, $t0", ".endr",
        ".irp r, 24,25,26,27,28,29,30,31", "movfr2gr.d $t0, $f\\r", "addi.d $t0, $t0, -\\r", "or $t1, $t1, $t0", ".endr",
        "ld.d $t0, $sp, 0", "sub.d $t0, $t0, $sp", "or $t1, $t1, $t0", // the stack pointer came back, too
        "add.d $a0, $a0, $t1", // 77 and nothing more
        restore_and_return!(),
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}

/// An instruction that there is not.
pub const TRAP: &[u8] = &[0; 4];

/// Bytes of the instruction at `address`.
pub fn length_at(_address: usize) -> usize {
    4
}

/// Makes a changed instruction known to the processor.
pub fn flush(_address: usize) {
    // SAFETY: waits until what was stored is fetched.
    unsafe { asm!("ibar 0", options(nostack)) };
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
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.__pc = pc as u64 };
}
