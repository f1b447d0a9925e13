//! z/Architecture, 64 bits, on a machine with the vector facility.

use std::arch::naked_asm;

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
    /// r0 … r15
    general: [u64; 16],
    /// f0 … f15 are the left halves of the first 16.
    vectors: [[u64; 2]; 32],
}

const LINK: usize = 14;
const SP: usize = 15;

impl Registers {
    const NONE: Registers = Registers { general: [0; 16], vectors: [[0; 2]; 32] };

    fn recognisable(link: usize, sp: usize) -> Registers {
        let mut registers = Registers::NONE;
        registers.general.iter_mut().enumerate().for_each(|(i, r)| *r = 0x1111_2222_3333_0000 + i as u64);
        registers.vectors.iter_mut().enumerate().for_each(|(i, r)| *r = [0xaaaa_0000, 0xbbbb_0000 + i as u64]);
        (registers.general[LINK], registers.general[SP]) = (link as u64, sp as u64);
        registers
    }
}

static mut SEEN: Registers = Registers::NONE;
static mut OWN_STACK: u64 = 0;

/// Loads every register from `*registers`, then returns to their r14; comes back through [`landed`].
#[unsafe(naked)]
unsafe extern "C" fn return_with(registers: *const Registers) {
    naked_asm!(
        ".machine z13",
        "stmg %r6, %r14, 48(%r15)", "aghi %r15, -224",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "larl %r1, {own}", "stg %r15, 0(%r1)",
        "vlm %v0, %v15, 128(%r2)", "vlm %v16, %v31, 384(%r2)",
        "lmg %r0, %r15, 0(%r2)",
        "br %r14",
        own = sym OWN_STACK,
    )
}

/// The "original return address": writes every register to `SEEN` and returns from `return_with`.
#[unsafe(naked)]
pub unsafe extern "C" fn landed() {
    naked_asm!(
        ".machine z13",
        "stg %r1, 24(%r15)", // in the dead area
        "larl %r1, {seen}",
        "stmg %r0, %r15, 0(%r1)",
        "lg %r2, 24(%r15)", "stg %r2, 8(%r1)",
        "vstm %v0, %v15, 128(%r1)", "vstm %v16, %v31, 384(%r1)",
        "larl %r1, {own}", "lg %r15, 0(%r1)",
        ".irp n, 8,9,10,11,12,13,14,15",
        "ld %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "aghi %r15, 224", "lmg %r6, %r14, 48(%r15)",
        "br %r14",
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
    assert_eq!(slot, sp + 112, "where a return to this stack pointer finds its address");
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
        "stmg %r6, %r14, 48(%r15)", "lgr %r1, %r15", "aghi %r15, -240", "stg %r1, 0(%r15)",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        "la %r1, \\n(%r4)", "ldgr %f\\n, %r1",
        ".endr",
        "stg %r4, 224(%r15)", // the pattern
        ".irp n, 6,7,8,9,10,11,12,13",
        "la %r\\n, \\n(%r4)",
        ".endr",
        "brasl %r14, {switch}@PLT",
        "lg %r4, 224(%r15)",
        "lghi %r2, 0",
        ".irp n, 6,7,8,9,10,11,12,13",
        "sgr %r\\n, %r4", "cghi %r\\n, \\n", "je 1f", "aghi %r2, 1", "1:",
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        "lgdr %r1, %f\\n", "sgr %r1, %r4", "cghi %r1, \\n", "je 1f", "aghi %r2, 1", "1:",
        "ld %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "aghi %r15, 240", "lmg %r6, %r14, 48(%r15)",
        "br %r14",
        switch = sym arch::switch,
    )
}

/// Spoils every callee-saved register, then recovers to the point it is given with 77.
#[unsafe(naked)]
extern "C" fn spoil_and_recover(point: usize) -> usize {
    naked_asm!(
        ".irp n, 6,7,8,9,10,11,12,13,14",
        "lghi %r\\n, -1",
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        "ldgr %f\\n, %r6",
        ".endr",
        "aghi %r15, -320", // frames that are dropped
        "lghi %r3, 77",
        "jg {recover}@PLT",
        recover = sym arch::recover,
    )
}

/// [`arch::protect`] around [`spoil_and_recover`] with known callee-saved registers; 77 if all is well.
#[unsafe(naked)]
pub unsafe extern "C" fn protect_watched(point: *mut RecoverPoint) -> usize {
    naked_asm!(
        "stmg %r6, %r14, 48(%r15)", "lgr %r1, %r15", "aghi %r15, -240", "stg %r1, 0(%r15)", "stg %r15, 224(%r15)",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        "lghi %r1, \\n", "ldgr %f\\n, %r1",
        ".endr",
        ".irp n, 6,7,8,9,10,11,12,13",
        "lghi %r\\n, \\n",
        ".endr",
        "larl %r3, {spoil}",
        "lgr %r4, %r2",
        "brasl %r14, {protect}@PLT",
        ".irp n, 6,7,8,9,10,11,12,13",
        "cghi %r\\n, \\n", "je 1f", "aghi %r2, 1", "1:", // 77 and nothing more
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        "lgdr %r1, %f\\n", "cghi %r1, \\n", "je 1f", "aghi %r2, 1", "1:",
        "ld %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "lg %r1, 224(%r15)", "sgr %r1, %r15", "agr %r2, %r1", // the stack pointer came back, too
        "aghi %r15, 240", "lmg %r6, %r14, 48(%r15)",
        "br %r14",
        spoil = sym spoil_and_recover,
        protect = sym arch::protect,
    )
}

/// Not an instruction. Of longer ones it replaces the first two bytes.
pub const TRAP: &[u8] = &[0; 2];

/// Bytes of the instruction at `address`: its first two bits say it.
pub fn length_at(address: usize) -> usize {
    // SAFETY: code of this process.
    match unsafe { *(address as *const u8) } >> 6 {
        0 => 2,
        3 => 6,
        _ => 4,
    }
}

/// Changed instructions are seen at once here.
pub fn flush(_address: usize) {}

/// Stack pointer of what a signal has interrupted.
///
/// # Safety
///
/// `context` is what a signal handler got.
pub unsafe fn sp_of(context: *mut libc::c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[SP] as usize }
}

/// The signal handler will return to `pc`.
///
/// # Safety
///
/// `context` is what a signal handler got, and `pc` is where it may go on.
pub unsafe fn resume_at(context: *mut libc::c_void, pc: usize) {
    // SAFETY: the caller's promise.
    unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.psw.addr = pc as u64 };
}
