//! AArch64 (Arm 64-bit), AAPCS64, Linux.
//!
//! # The trampoline
//!
//! A `ret` has jumped to the stub, so at the first instruction
//!
//! ```text
//!   sp        the caller's frame, as after any return: the CFA of the function that returned
//!   x30       the stub's address, no longer of use to anybody
//!   x16, x17  the linker's veneers may change them at any branch, so nobody keeps anything there
//!   all other registers: results, callee-saved, and what `gcc -fipa-ra` keeps elsewhere
//! ```
//!
//! These three are all that it uses; the stack is not written to (there is no red zone), and `sp` does not move. The
//! slot of the function that returned lies somewhere below `sp`, beside the saved frame pointer.
//!
//! It ends in `ret` to x30, which then holds the original return address, as after any return: no landing pad
//! is asked for there (BTI), and the predictor pairs it with the stub's `bl`.
//!
//! # Return addresses with an authentication code
//!
//! Code compiled with `pac-ret` keeps its return address signed with the CFA. A record keeps the word as it was found; a
//! stub's address is signed alike ([`crate::patch::install_signed`]), so the function's own check passes, and the trampoline
//! strips the code from what it jumps to. That is weaker than the check it replaces: the record is not protected.
//!
//! # What unwinders see
//!
//! A frame whose CFA is `sp` and whose return address is computed from the record: in the stubs by a constant
//! distance from the top, a row for each; in the searching stubs and in the tails by the same search as the machine code's.
//! Each row starts one byte before its stub, since unwinders look return addresses up at `pc - 1`. The
//! stubs have a personality: an exception that crosses a barrier hits it (`personality.rs`).
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → x29 x30  x19 … x28  d8 … d15        + 160 = sp after the switch
//! ```
//!
//! FPCR is not switched.

use core::arch::{asm, naked_asm};
use core::sync::atomic::AtomicUsize;

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
use crate::stkbar::StkbarSlice;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 8;
pub(crate) type Slot = usize;
pub(crate) type AtomicSlot = AtomicUsize;
/// A function keeps its return address in its own frame.
pub(super) const LINKAGE_BYTES: usize = 0;
/// How far the slot lies below the CFA only the function knows.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot < sp
}
/// The slot is below the stack pointer when the trampoline runs.
pub(crate) const HEALS: bool = false;

pub(super) const TAIL_BYTES: usize = 64;
pub(super) const SEARCHING_TAIL_BYTES: usize = 128;
pub(super) const PAD_BYTES: usize = 64;
/// Landing pads get exception and selector in x0 and x1.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 0;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 1;

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records; offsets are relative to `t - 1`,
/// where `t` is the top of the stack, because that is what `sp | (2^k - 1)` gives: record i's `saved_lr_ptr` is at
/// `t-1 - 47 - 16·i`, its `saved_lr_val` at `t-1 - 39 - 16·i`, the position at `t-1 - 23`, the length at `t-1 - 19`.
/// The expressions count from `t` itself.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        // ---- what an unwinder evaluates --------------------------------------------------------------------
        ".macro stkbar_top k",                  // t, from the stack pointer
        ".cfi_escape 0x8f, 0, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg31 0; >> k; + 1; << k
        ".endm",
        ".macro stkbar_strip",                  // without the authentication code
        ".cfi_escape 0x40, 0x24, 0x40, 0x25",   // lit16; shl; lit16; shr
        ".endm",
        ".macro stkbar_record k, i",            // x30 = record i's saved_lr_val
        ".cfi_escape 0x16, 30, 19",             // val_expression, 19 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x10, ((40 + 16 * \\i) & 0x7f) | 0x80, (40 + 16 * \\i) >> 7, 0x1c, 0x06", // constu; minus; deref
        "stkbar_strip",
        ".endm",
        ".macro stkbar_search k",               // x30 = that of the last record, from the position on, that is popped
        ".cfi_escape 0x16, 30, 63",             // val_expression, 63 bytes
        "stkbar_top \\k",                       // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 48, 0x1c", // over; swap; minus; const1u 48; minus         t end
        ".cfi_escape 0x16, 0x12, 0x08, 24, 0x1c, 0x94, 4", // swap; dup; const1u 24; minus; deref_size 4  end t position
        ".cfi_escape 0x1c, 0x08, 48, 0x1c",     // minus; const1u 48; minus                             end &record
        ".cfi_escape 0x14, 0x14, 0x40, 0x1c, 0x2a, 0x28, 15, 0", // L: over; over; lit16; minus; ge; bra E    past the last
        ".cfi_escape 0x12, 0x40, 0x1c, 0x06, 0x8f, 0, 0x2a, 0x28, 5, 0", // dup; lit16; minus; deref; breg31 0; ge; bra E
        ".cfi_escape 0x40, 0x1c, 0x2f, 0xe9, 0xff", // lit16; minus; skip L                             the next one
        ".cfi_escape 0x23, 8, 0x06",            // E: plus_uconst 8; deref
        "stkbar_strip",
        ".endm",
        ".balign 512",
        ".skip 508",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 31, 0",                   // CFA = sp
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "bl 77b + {tails} + {tail} * (\\k - 11)", // x30 = stub i + 4
        "nop",
        "nop",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 31, 0",
        "stkbar_search \\k",
        "nop",
        "bl 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        "nop",
        "nop",
        ".cfi_endproc",
        ".endr",
        "nop",
        // ---- tails of the indexed stubs ----------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {tails} + {tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 31, 0",
        "stkbar_search \\k",
        "and x17, x30, #0x1f0",                 // the stub is 16·i above its class's block
        "mov x16, sp",
        "orr x16, x16, #((1 << \\k) - 1)",      // t - 1
        "sub x16, x16, x17",                    // t-1 - 16·i
        "ldur x30, [x16, #-47]",                // record i's slot
        "cmp sp, x30",                          // has this return popped it?
        "b.ls 78f",                             // no: the invariants are broken, do not jump anywhere
        "ldur x30, [x16, #-39]",                // the original return address,
        "and x30, x30, #0xffffffffffff",        // without an authentication code
        ".cfi_same_value 30",
        "add x16, x16, x17",                    // t - 1
        "add w17, w17, #16",                    // the new position is i + 1, absolute: whatever was skipped,
        "stur w17, [x16, #-23]",                // by longjmp say, cannot put it out of step
        "ret",
        "78: adr x1, 77b + 512 * (\\k - 11)",   // any stub of this class
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 31, 0",
        "stkbar_search \\k",
        "mov x16, sp",
        "orr x16, x16, #((1 << \\k) - 1)",      // t - 1
        "ldur w17, [x16, #-23]",                // start at the position: the next barrier to be hit
        "sub x17, x16, x17",
        "sub x17, x17, #47",                    // &record[position]
        "2:",
        "ldur w30, [x16, #-19]",                // the length
        "sub x30, x16, x30",
        "sub x30, x30, #47",                    // &record[length]
        "cmp x17, x30",
        "b.ls 3f",                              // past the last record
        "ldr x30, [x17]",                       // the record's slot
        "cmp sp, x30",
        "b.ls 3f",                              // not popped: it is the one before
        "sub x17, x17, #16",                    // popped: perhaps its frame was skipped, look at the next
        "b 2b",
        "3:",
        "ldur w30, [x16, #-23]",
        "sub x30, x16, x30",
        "sub x30, x30, #47",                    // &record[position] again
        "cmp x17, x30",
        "b.hs 78f",                             // none was popped: broken
        "ldr x30, [x17, #24]",                  // the original return address of the one before,
        "and x30, x30, #0xffffffffffff",        // without an authentication code
        ".cfi_same_value 30",
        "sub x17, x16, x17",
        "sub x17, x17, #47",                    // the distance of that record's successor: the new position
        "stur w17, [x16, #-23]",
        "ret",
        "78: adr x1, 77b + 512 * (\\k - 11)",
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier ---------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        ".cfi_def_cfa 31, 0",
        ".cfi_register 30, 1",                  // return address is in x1, where the personality put it
        "hint #36",                             // bti j: unwinders come here by `br`
        "mov x30, x1",
        ".cfi_same_value 30",
        "b {resume}",                           // x0 is the exception; as if the original caller had called it
        ".cfi_endproc",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_undefined 30",
        "79:",
        "mov x0, sp",
        "sub sp, sp, #256",                     // keep the evidence
        "bl {lost}",
        "udf #0",
        ".cfi_endproc",
        ".org 77b + {end}",
        ".purgem stkbar_top",
        ".purgem stkbar_strip",
        ".purgem stkbar_record",
        ".purgem stkbar_search",
        tails = const TAILS,
        tail = const TAIL_BYTES,
        searching_tails = const SEARCHING_TAILS,
        searching_tail = const SEARCHING_TAIL_BYTES,
        pad = const PAD,
        end = const END,
        personality = sym personality::personality,
        resume = sym personality::resume,
        lost = sym crate::fatal::lost,
    )
}

/// Address of [`stack_barrier`].
pub(super) fn trampoline() -> usize {
    stack_barrier as *const () as usize
}

/// Where the trampoline will go on, and with which stack pointer, if it was interrupted at `pc` with `sp`.
///
/// `bars` is that stack's array; what `read` reads is not needed here: the last record that is popped says it. `None` if `pc` is not
/// in the trampoline or the record is missing. Completes the step on paper, as Go's `gentraceback` does; nothing is changed.
pub fn interrupted_return(
    pc: usize,
    sp: usize,
    bars: Option<&StkbarSlice>,
    _read: impl Fn(usize) -> Option<usize>,
) -> Option<(usize, usize)> {
    let bars = bars.filter(|_| is_trampoline(pc))?;
    let record = bars.get(bars.last_popped(sp)?)?;
    Some((record.return_pc(), sp))
}

/// A return address without its authentication code: addresses of user space have 48 bits.
#[inline(always)]
pub const fn strip(word: usize) -> usize {
    word & 0xffff_ffff_ffff
}

/// The return address `pc` as a function with canonical frame address `cfa` would sign it. `None` where this machine
/// does not authenticate.
pub fn sign(pc: usize, cfa: usize, key: SigningKey) -> Option<usize> {
    let signed = match key {
        SigningKey::A => pacia,
        SigningKey::B => pacib,
    };
    // The code has seven bits at least and may be zero by chance: eight times is not chance.
    let authenticates = (0..8).any(|modifier| signed(pc, 16 * modifier) != pc);
    authenticates.then(|| signed(pc, cfa))
}

fn pacia(pc: usize, modifier: usize) -> usize {
    let signed;
    // SAFETY: PACIA1716: changes x17 alone, and nothing at all where there is no authentication.
    unsafe {
        asm!("hint #8", inout("x17") pc => signed, in("x16") modifier, options(nomem, nostack, preserves_flags));
    }
    signed
}

fn pacib(pc: usize, modifier: usize) -> usize {
    let signed;
    // SAFETY: PACIB1716: as above.
    unsafe {
        asm!("hint #10", inout("x17") pc => signed, in("x16") modifier, options(nomem, nostack, preserves_flags));
    }
    signed
}

/// Stack pointer and frame pointer of the function that this is inlined into: where a walk of one's own stack starts.
#[inline(always)]
pub fn own_frame() -> (usize, usize) {
    let (sp, fp);
    // SAFETY: reads two registers.
    unsafe { asm!("mov {}, sp", "mov {}, x29", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(super) const SAVED_BYTES: usize = 160;
pub(super) const SAVED_FP: usize = 0;
pub(super) const SAVED_PC: usize = 8;

/// Leaves this stack, described by `*save`, and goes on where `*load` was left.
///
/// Returns when somebody switches back.
///
/// # Safety
///
/// `*load` describes a stack that nobody else will enter; `save` is written before the other stack runs, so
/// nobody may take it up before that. The thread may be another one after the return: thread-locals must
/// not be kept across.
#[unsafe(naked)]
pub unsafe extern "C" fn switch(save: *mut Context, load: *const Context) {
    naked_asm!(
        ".cfi_startproc",
        "hint #34", // bti c
        "sub sp, sp, #160",
        ".cfi_def_cfa_offset 160",
        "stp x29, x30, [sp]", // all that the ABI wants preserved
        ".cfi_offset 29, -160",
        ".cfi_offset 30, -152",
        "stp x19, x20, [sp, #16]",
        ".cfi_offset 19, -144",
        ".cfi_offset 20, -136",
        "stp x21, x22, [sp, #32]",
        ".cfi_offset 21, -128",
        ".cfi_offset 22, -120",
        "stp x23, x24, [sp, #48]",
        ".cfi_offset 23, -112",
        ".cfi_offset 24, -104",
        "stp x25, x26, [sp, #64]",
        ".cfi_offset 25, -96",
        ".cfi_offset 26, -88",
        "stp x27, x28, [sp, #80]",
        ".cfi_offset 27, -80",
        ".cfi_offset 28, -72",
        "stp d8, d9, [sp, #96]", // of the vector registers, the lower halves
        ".cfi_offset 72, -64",
        ".cfi_offset 73, -56",
        "stp d10, d11, [sp, #112]",
        ".cfi_offset 74, -48",
        ".cfi_offset 75, -40",
        "stp d12, d13, [sp, #128]",
        ".cfi_offset 76, -32",
        ".cfi_offset 77, -24",
        "stp d14, d15, [sp, #144]",
        ".cfi_offset 78, -16",
        ".cfi_offset 79, -8",
        "mov x9, sp",
        "str x9, [x0]", // this stack is left
        "ldr x9, [x1]", // the other one lies the same way, so the rules above hold on
        "mov sp, x9",
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp]",
        "add sp, sp, #160",
        ".cfi_def_cfa_offset 0",
        "ret", // a call of ours was left there: `ret` keeps the predictor aligned
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: a frame record of zeros, the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 32;

/// What the first [`switch`] to a new stack takes up: x29 = the record of zeros, where the chain of frame records ends;
/// x30 = `stack_base`, x19 = argument, x20 = entry.
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    let mut words = [0; SAVED_BYTES / SLOT_BYTES];
    words[..4].copy_from_slice(&[outermost_sp, stack_base as *const () as usize, argument, entry as usize]);
    words
}

/// The outermost frame of every stack.
///
/// Its CFI says that it was called from where the parent's context was saved, so that a debugger shows
/// where a running task was resumed from. Marked a signal frame: gdb then accepts that the caller's stack
/// lies elsewhere.
#[unsafe(naked)]
unsafe extern "C" fn stack_base() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_escape 0x0f, 7, 0x8f, 16, 0x06, 0x06, 0x23, 0xa0, 0x01", // CFA = **(sp + 16) + 160
        ".cfi_offset 29, -160",
        ".cfi_offset 30, -152",
        ".cfi_offset 19, -144",
        ".cfi_offset 20, -136",
        ".cfi_offset 21, -128",
        ".cfi_offset 22, -120",
        ".cfi_offset 23, -112",
        ".cfi_offset 24, -104",
        ".cfi_offset 25, -96",
        ".cfi_offset 26, -88",
        ".cfi_offset 27, -80",
        ".cfi_offset 28, -72",
        "nop",         // pc - 1 of the first instruction
        "mov x0, x19", // the argument that `first_words` laid down
        "blr x20",     // entry
        "udf #0",      // it does not return
        ".cfi_endproc",
    )
}

/// Calls `f(argument)` and returns its result, or the one given to [`recover`].
///
/// # Safety
///
/// `point` is writable. If somebody recovers to it, no frame between may hold what must be dropped, and the
/// barriers of those frames must have been skipped ([`crate::patch::skip`]).
#[unsafe(naked)]
pub unsafe extern "C" fn protect(
    point: *mut RecoverPoint,
    f: extern "C" fn(usize) -> usize,
    argument: usize,
) -> usize {
    naked_asm!(
        ".cfi_startproc",
        "hint #34",                   // bti c
        "stp x29, x30, [sp, #-160]!", // a frame record, for walks by frame pointer
        ".cfi_def_cfa_offset 160",
        ".cfi_offset 29, -160",
        ".cfi_offset 30, -152",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        ".cfi_offset 19, -144",
        ".cfi_offset 20, -136",
        "stp x21, x22, [sp, #32]",
        ".cfi_offset 21, -128",
        ".cfi_offset 22, -120",
        "stp x23, x24, [sp, #48]",
        ".cfi_offset 23, -112",
        ".cfi_offset 24, -104",
        "stp x25, x26, [sp, #64]",
        ".cfi_offset 25, -96",
        ".cfi_offset 26, -88",
        "stp x27, x28, [sp, #80]",
        ".cfi_offset 27, -80",
        ".cfi_offset 28, -72",
        "stp d8, d9, [sp, #96]",
        ".cfi_offset 72, -64",
        ".cfi_offset 73, -56",
        "stp d10, d11, [sp, #112]",
        ".cfi_offset 74, -48",
        ".cfi_offset 75, -40",
        "stp d12, d13, [sp, #128]",
        ".cfi_offset 76, -32",
        ".cfi_offset 77, -24",
        "stp d14, d15, [sp, #144]",
        ".cfi_offset 78, -16",
        ".cfi_offset 79, -8",
        "mov x9, sp",
        "adr x10, 2f",
        "stp x9, x10, [x0]",
        "mov x9, x1",
        "mov x0, x2",
        "blr x9",
        "2:", // `recover` comes here, too, with the result in x0
        "ldp d14, d15, [sp, #144]",
        "ldp d12, d13, [sp, #128]",
        "ldp d10, d11, [sp, #112]",
        "ldp d8, d9, [sp, #96]",
        "ldp x27, x28, [sp, #80]",
        "ldp x25, x26, [sp, #64]",
        "ldp x23, x24, [sp, #48]",
        "ldp x21, x22, [sp, #32]",
        "ldp x19, x20, [sp, #16]",
        "ldp x29, x30, [sp], #160",
        ".cfi_def_cfa_offset 0",
        "ret",
        ".cfi_endproc",
    )
}

/// Drops every frame below `point` and makes that call of [`protect`] return `value`.
///
/// # Safety
///
/// The call of `protect` that filled in `point` is live on this very stack; see there.
#[unsafe(naked)]
pub unsafe extern "C" fn recover(point: *const RecoverPoint, value: usize) -> ! {
    naked_asm!(
        ".cfi_startproc",
        "hint #34", // bti c
        "ldp x9, x10, [x0]",
        "mov x0, x1",
        "mov sp, x9",
        ".cfi_def_cfa_offset 160", // the frame is protect's from here on
        ".cfi_offset 29, -160",
        ".cfi_offset 30, -152",
        "mov x29, x9",
        "ret x10", // not `br`: there is no landing pad in `protect`
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an undefined instruction; control does not come back.
    unsafe { asm!("udf #0", options(noreturn, nostack)) }
}
