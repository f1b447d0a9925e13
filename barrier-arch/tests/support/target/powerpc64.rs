//! 64-bit PowerPC, both byte orders, on a machine with a vector unit.

use std::arch::{asm, naked_asm};

use barrier_arch::arch::{self, Context, RecoverPoint};

/// The trampoline tells exactly whether a record is that of the slot just popped.
pub const EXACT: bool = true;

/// Four floats. Rust has no stable vector types here: `against_reference` watches the vector registers themselves.
pub type Vector = [f32; 4];

pub fn vector(floats: [f32; 4]) -> Vector {
    floats
}

pub fn floats(vector: Vector) -> [f32; 4] {
    vector
}

/// All that a return could carry or must keep.
#[repr(C, align(16))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Registers {
    /// r0 … r31
    general: [u64; 32],
    floating: [u64; 32],
    vectors: [[u64; 2]; 32],
    condition: u64,
    link: u64,
}

const SP: usize = 1;
/// Stubs of the linker may change the first three at any call; r13 is the thread's.
const NOBODYS: [usize; 4] = [0, 11, 12, 13];
const DESCRIPTORS: u32 = cfg!(target_abi = "elfv1") as u32;
/// Switches keep v20 … v31 where the ABI or the build says that there are such.
const VECTORS: u32 = cfg!(any(not(target_abi = "elfv1"), target_feature = "altivec")) as u32;

impl Registers {
    const NONE: Registers =
        Registers { general: [0; 32], floating: [0; 32], vectors: [[0; 2]; 32], condition: 0, link: 0 };

    fn recognisable(link: usize, sp: usize) -> Registers {
        let mut registers = Registers::NONE;
        registers.general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1111_2222_3333_0000 + i as u64);
        registers.floating.iter_mut().enumerate().for_each(|(i, r)| *r = 0x4444_5555_6666_0000 + i as u64);
        registers.vectors.iter_mut().enumerate().for_each(|(i, r)| *r = [0xaaaa_0000, 0xbbbb_0000 + i as u64]);
        registers.condition = 0x9753_1864;
        (registers.link, registers.general[SP]) = (link as u64, sp as u64);
        NOBODYS.iter().for_each(|&r| registers.general[r] = 0);
        registers
    }
}

static mut SEEN: Registers = Registers::NONE;
static mut OWN_STACK: u64 = 0;

/// Loads every register from `*registers`, then returns through the slot above their r1; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        "mflr %r0", "std %r0, 16(%r1)", "mfcr %r0", "stw %r0, 8(%r1)", "stdu %r1, -608(%r1)", "std %r2, 592(%r1)",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 112 + 8 * (\\n - 14)(%r1)", "stfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        ".endr",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r11, 400 + 16 * (\\n - 20)", "stvx \\n, %r1, %r11",
        ".endr",
        "bcl 20, 31, 1f", "1:", "mflr %r11",
        "addis %r11, %r11, ({own} - 1b)@ha", "addi %r11, %r11, ({own} - 1b)@l", "std %r1, 0(%r11)",
        "mr %r12, %r3",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "lfd \\n, 256 + 8 * \\n(%r12)", "li %r11, 512 + 16 * \\n", "lvx \\n, %r12, %r11",
        ".endr",
        "ld %r0, 1024(%r12)", "mtcrf 0xff, %r0",
        ".irp n, 1,2,3,4,5,6,7,8,9,10,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ld \\n, 8 * \\n(%r12)",
        ".endr",
        "ld %r0, 16(%r1)", "mtlr %r0",
        "blr",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        "mflr %r12",
        "bcl 20, 31, 1f", "1:", "mflr %r11",
        "addis %r11, %r11, ({seen} - 1b)@ha", "addi %r11, %r11, ({seen} - 1b)@l",
        ".irp n, 1,2,3,4,5,6,7,8,9,10,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 8 * \\n(%r11)",
        ".endr",
        "mfcr %r0", "std %r0, 1024(%r11)", "std %r12, 1032(%r11)",
        ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stfd \\n, 256 + 8 * \\n(%r11)", "li %r12, 512 + 16 * \\n", "stvx \\n, %r11, %r12",
        ".endr",
        "bcl 20, 31, 1f", "1:", "mflr %r11",
        "addis %r11, %r11, ({own} - 1b)@ha", "addi %r11, %r11, ({own} - 1b)@l", "ld %r1, 0(%r11)",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r11, 400 + 16 * (\\n - 20)", "lvx \\n, %r1, %r11",
        ".endr",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ld \\n, 112 + 8 * (\\n - 14)(%r1)", "lfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        ".endr",
        "ld %r2, 592(%r1)", "addi %r1, %r1, 608", "lwz %r0, 8(%r1)", "mtcrf 0xff, %r0",
        "ld %r0, 16(%r1)", "mtlr %r0",
        "blr",
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
    assert_eq!(slot, sp + 16, "where a return to this stack pointer finds its address");
    // SAFETY: the caller's promise; `landed` comes back here.
    let after = unsafe {
        return_with(&Registers::recognisable(0, sp));
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
        "mflr %r0", "std %r0, 16(%r1)", "mfcr %r0", "stw %r0, 8(%r1)", "stdu %r1, -624(%r1)",
        "std %r2, 592(%r1)", "std %r5, 600(%r1)", // the pattern
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 112 + 8 * (\\n - 14)(%r1)", "stfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        "addi \\n, %r5, \\n", "std \\n, 608(%r1)", "lfd \\n, 608(%r1)",
        ".endr",
        "std %r5, 616(%r1)", "li %r12, 608",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r11, 400 + 16 * (\\n - 20)", "stvx \\n, %r1, %r11",
        "std \\n, 608(%r1)", "lvx \\n, %r1, %r12",
        ".endr",
        ".endif",
        "mtcrf 0x38, %r5",
        "bl {switch}", "nop",
        "ld %r5, 600(%r1)", "li %r3, 0",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "subf %r6, %r5, \\n", "cmpdi %r6, \\n", "beq 1f", "addi %r3, %r3, 1", "1:",
        "stfd \\n, 608(%r1)", "ld %r6, 608(%r1)", "subf %r6, %r5, %r6", "cmpdi %r6, \\n", "beq 1f",
        "addi %r3, %r3, 1", "1:",
        ".endr",
        "li %r12, 608",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "stvx \\n, %r1, %r12",
        "ld %r6, 608(%r1)", "subf %r6, %r5, %r6", "cmpdi %r6, \\n", "beq 1f", "addi %r3, %r3, 1", "1:",
        "ld %r6, 616(%r1)", "cmpd %r6, %r5", "beq 1f", "addi %r3, %r3, 1", "1:",
        "li %r11, 400 + 16 * (\\n - 20)", "lvx \\n, %r1, %r11",
        ".endr",
        ".endif",
        "mfcr %r6", "xor %r6, %r6, %r5", "rlwinm. %r6, %r6, 0, 8, 19", // cr2, cr3, cr4
        "beq 1f", "addi %r3, %r3, 1", "1:",
        "ld %r6, 592(%r1)", "cmpd %r6, %r2", "beq 1f", "addi %r3, %r3, 1", "1:",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ld \\n, 112 + 8 * (\\n - 14)(%r1)", "lfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        ".endr",
        "addi %r1, %r1, 624", "lwz %r0, 8(%r1)", "mtcrf 0x38, %r0", "ld %r0, 16(%r1)", "mtlr %r0",
        "blr",
        vectors = const VECTORS,
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "li \\n, -1", "std \\n, -8(%r1)", "lfd \\n, -8(%r1)",
        ".endr",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "vspltisw \\n, -1",
        ".endr",
        ".endif",
        "mtcrf 0xff, %r14",
        "li %r2, 0",              // as if another library had been at work
        "stdu %r1, -112(%r1)",    // frames that are dropped
        "stdu %r1, -112(%r1)",
        "li %r4, 77",
        "b {recover}",
        vectors = const VECTORS,
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "mflr %r0", "std %r0, 16(%r1)", "mfcr %r0", "stw %r0, 8(%r1)", "stdu %r1, -640(%r1)",
        "std %r2, 592(%r1)", "std %r1, 600(%r1)",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 112 + 8 * (\\n - 14)(%r1)", "stfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        "li \\n, \\n", "std \\n, 608(%r1)", "lfd \\n, 608(%r1)",
        ".endr",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r11, 400 + 16 * (\\n - 20)", "stvx \\n, %r1, %r11", "vspltisw \\n, \\n - 26",
        ".endr",
        ".endif",
        "li %r0, 0x5a5a", "mtcrf 0x38, %r0",
        "bcl 20, 31, 1f", "1:", "mflr %r4",
        "addis %r4, %r4, ({spoil} - 1b)@ha", "addi %r4, %r4, ({spoil} - 1b)@l",
        ".if {descriptors}", // naked functions have none: made by hand
        "std %r4, 608(%r1)", "std %r2, 616(%r1)", "addi %r4, %r1, 608",
        ".endif",
        "mr %r5, %r3",
        "bl {protect}", "nop",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "cmpdi \\n, \\n", "beq 1f", "addi %r3, %r3, 1", "1:", // 77 and nothing more
        "stfd \\n, 608(%r1)", "ld %r6, 608(%r1)", "cmpdi %r6, \\n", "beq 1f", "addi %r3, %r3, 1", "1:",
        ".endr",
        "li %r12, 608",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "stvx \\n, %r1, %r12", "lwz %r6, 616(%r1)", "cmpwi %r6, \\n - 26", "beq 1f", "addi %r3, %r3, 1", "1:",
        "li %r11, 400 + 16 * (\\n - 20)", "lvx \\n, %r1, %r11",
        ".endr",
        ".endif",
        "mfcr %r6", "rlwinm %r6, %r6, 0, 8, 19", "li %r7, 0x5a5a", "rlwinm %r7, %r7, 0, 8, 19",
        "cmpw %r6, %r7", "beq 1f", "addi %r3, %r3, 1", "1:", // cr2, cr3, cr4
        "ld %r6, 592(%r1)", "cmpd %r6, %r2", "beq 1f", "addi %r3, %r3, 1", "1:",
        "ld %r6, 600(%r1)", "subf %r6, %r1, %r6", "add %r3, %r3, %r6", // the stack pointer came back, too
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "ld \\n, 112 + 8 * (\\n - 14)(%r1)", "lfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        ".endr",
        "addi %r1, %r1, 640", "lwz %r0, 8(%r1)", "mtcrf 0x38, %r0", "ld %r0, 16(%r1)", "mtlr %r0",
        "blr",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
        descriptors = const DESCRIPTORS,
        vectors = const VECTORS,
    )
}

/// An instruction that there is not.
pub const TRAP: &[u8] = &[0; 4];

/// Bytes of the instruction at `address`.
pub fn length_at(_address: usize) -> usize {
    4
}

/// Makes a changed instruction known to the processor.
pub fn flush(address: usize) {
    // SAFETY: cache instructions on memory that is there.
    unsafe { asm!("dcbst 0, {0}", "sync", "icbi 0, {0}", "isync", in(reg) address, options(nostack)) };
}

/// Stack pointer of what a signal has interrupted.
///
/// # Safety
///
/// `context` is what a signal handler got.
pub unsafe fn sp_of(context: *mut libc::c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gp_regs[SP] as usize }
}

/// The signal handler will return to `pc`.
///
/// # Safety
///
/// `context` is what a signal handler got, and `pc` is where it may go on.
pub unsafe fn resume_at(context: *mut libc::c_void, pc: usize) {
    const NIP: usize = 32;
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gp_regs[NIP] = pc as libc::c_ulong };
}
