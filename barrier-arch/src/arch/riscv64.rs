//! RISC-V, 64-bit, LP64D calling convention, Linux.
//!
//! # The trampoline
//!
//! A `ret` has jumped to the stub, so at the first instruction
//!
//! ```text
//!   sp        the caller's frame, as after any return: the CFA of the function that returned
//!   ra        the stub's address, no longer of use to anybody
//!   all other registers: results, callee-saved, and what `gcc -fipa-ra` keeps in the temporaries
//! ```
//!
//! No register but `ra` is dead, and there is no red zone: signal handlers write right below `sp`. So the tails move `sp` down by
//! 32 bytes, into what was the frame of the function that returned and the one below it, and keep two temporaries
//! there; the word right below the caller's frame, where that function kept its return address, they leave alone. The CFI follows
//! each step.
//!
//! They leave by `ret`, which the return-address predictor pairs with the stub's `jal ra`. Instructions of the
//! trampoline are neither compressed nor relaxed by the linker: offsets between them are part of the arithmetic.
//!
//! # What unwinders see
//!
//! A frame whose CFA is `sp` and whose return address lies in the record: in the stubs at a constant
//! distance from the top, a row for each; in the searching stubs and in the tails by the same search as the machine code's.
//! Each row starts one instruction before its stub, since unwinders look return addresses up at `pc - 1`. The
//! stubs have a personality: an exception that crosses a barrier hits it (`personality.rs`).
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → –  fs11 … fs0  s11 … s1  s0 ra        + 208 = sp after the switch
//! ```
//!
//! `s0` and `ra` lie where the frame of a function with a frame pointer has them. FCSR is not switched.
//!
//! Source: *RISC-V ABIs Specification* 1.0, chapters 1 (registers), 2.1 (stack alignment, frame pointer) and 13 (DWARF).

use core::arch::{asm, naked_asm};
use core::sync::atomic::AtomicUsize;

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline, stub_table};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
use crate::stkbar::StkbarSlice;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 8;
pub(crate) type Slot = usize;
pub(crate) type AtomicSlot = AtomicUsize;
/// A function keeps its return address in its own frame.
pub(super) const LINKAGE_BYTES: usize = 0;
/// How far the slot lies below the CFA the function knows: without a frame pointer, it alone.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot < sp
}
/// The slot is below the stack pointer when the trampoline runs.
pub(crate) const HEALS: bool = false;

pub(super) const TAIL_BYTES: usize = 128;
pub(super) const SEARCHING_TAIL_BYTES: usize = 128;
pub(super) const PAD_BYTES: usize = 64;
/// How far the tails move the stack pointer.
const MOVED_BYTES: usize = 32;
/// From the start of a tail to the instruction that moves the stack pointer back.
const TAIL_LEAVES: usize = 68;
const SEARCHING_TAIL_LEAVES: usize = 96;
/// Landing pads get exception and selector in a0 and a1.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 10;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 11;

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records. With `t`, the top of the stack, record i's
/// `saved_lr_ptr` is at `t - 48 - 16·i`, its `saved_lr_val` at `t - 40 - 16·i`, the position at `t - 24`, the length
/// at `t - 20`.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        ".option push",
        ".option norvc",
        ".option norelax",
        // ---- what an unwinder evaluates --------------------------------------------------------------------
        ".macro stkbar_top k, by",              // t, from the stack pointer, which was moved by so much
        ".cfi_escape 0x72, \\by, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg2 by; >> k; + 1; << k
        ".endm",
        ".macro stkbar_record k, i",            // ra is in record i
        ".cfi_escape 0x10, 1, 14",              // expression, 14 bytes
        "stkbar_top \\k, 0",
        ".cfi_escape 0x10, ((40 + 16 * \\i) & 0x7f) | 0x80, (40 + 16 * \\i) >> 7, 0x1c", // constu; minus
        ".endm",
        ".macro stkbar_search k, by",           // ra is in the last record, from the position on, that is popped
        ".cfi_escape 0x10, 1, 58",              // expression, 58 bytes
        "stkbar_top \\k, \\by",                 // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 48, 0x1c", // over; swap; minus; const1u 48; minus         t end
        ".cfi_escape 0x16, 0x12, 0x08, 24, 0x1c, 0x94, 4", // swap; dup; const1u 24; minus; deref_size 4  end t position
        ".cfi_escape 0x1c, 0x08, 48, 0x1c",     // minus; const1u 48; minus                             end &record
        ".cfi_escape 0x14, 0x14, 0x40, 0x1c, 0x2a, 0x28, 15, 0", // L: over; over; lit16; minus; ge; bra E    past the last
        ".cfi_escape 0x12, 0x40, 0x1c, 0x06, 0x72, \\by, 0x2a, 0x28, 5, 0", // dup; lit16; minus; deref; breg2 by; ge; bra E
        ".cfi_escape 0x40, 0x1c, 0x2f, 0xe9, 0xff", // lit16; minus; skip L                             the next one
        ".cfi_escape 0x23, 8",                  // E: plus_uconst 8
        ".endm",
        ".macro stkbar_spill k",                // two temporaries; sp moves by 32
        "addi sp, sp, -32",
        ".cfi_def_cfa_offset 32",
        "stkbar_search \\k, 32",
        "sd t0, 0(sp)",
        ".cfi_offset 5, -32",
        "sd t1, 8(sp)",
        ".cfi_offset 6, -24",
        ".endm",
        ".balign 512",
        ".skip 508",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 2, 0",                    // CFA = sp
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "jal ra, 77b + {tails} + {tail} * (\\k - 11)", // ra = stub i + 4
        "nop",
        "nop",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 2, 0",
        "stkbar_search \\k, 0",
        "nop",
        "jal ra, 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        "nop",
        "nop",
        ".cfi_endproc",
        ".endr",
        "nop",
        // ---- tails of the indexed stubs ----------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {tails} + {tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 2, 0",
        "stkbar_search \\k, 0",
        "stkbar_spill \\k",
        "srli t0, sp, \\k",
        "addi t0, t0, 1",
        "slli t0, t0, \\k",                     // t
        "andi t1, ra, 0x1f0",                   // the stub is 16·i above its class's block
        "sub t0, t0, t1",                       // t - 16·i
        "ld ra, -48(t0)",                       // record i's slot
        "addi ra, ra, -32",                     // as far down as sp is now
        "bgeu ra, sp, 78f",                     // not popped by this return: the invariants are broken, do not jump anywhere
        "ld ra, -40(t0)",                       // the original return address
        ".cfi_same_value 1",
        "add t0, t0, t1",                       // t
        "addi t1, t1, 16",                      // the new position is i + 1, absolute: whatever was skipped,
        "sw t1, -24(t0)",                       // by longjmp say, cannot put it out of step
        "ld t1, 8(sp)",
        ".cfi_restore 6",
        "ld t0, 0(sp)",
        ".cfi_restore 5",
        ".org 77b + {tails} + {tail} * (\\k - 11) + {tail_leaves}",
        "addi sp, sp, 32",
        ".cfi_def_cfa_offset 0",
        "ret",
        "78:",
        ".cfi_def_cfa_offset 32",
        ".cfi_undefined 1",
        "lla a1, 77b + 512 * (\\k - 11)",       // any stub of this class
        "j 79f",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 2, 0",
        "stkbar_search \\k, 0",
        "stkbar_spill \\k",
        "srli t0, sp, \\k",
        "addi t0, t0, 1",
        "slli t0, t0, \\k",                     // t
        "lwu t1, -24(t0)",                      // start at the position: the next barrier to be hit
        "sub t1, t0, t1",                       // t - 16·position; 48 bytes below, its record
        "2:",
        "lwu ra, -20(t0)",                      // the length
        "sub ra, t0, ra",
        "bgeu ra, t1, 3f",                      // past the last record
        "ld ra, -48(t1)",                       // the record's slot
        "addi ra, ra, -32",
        "bgeu ra, sp, 3f",                      // not popped: it is the one before
        "addi t1, t1, -16",                     // popped: perhaps its frame was skipped, look at the next
        "j 2b",
        "3:",
        "lwu ra, -24(t0)",
        "sub ra, t0, ra",                       // t - 16·position again
        "bgeu t1, ra, 78f",                     // none was popped: broken
        "ld ra, -24(t1)",                       // the original return address of the one before
        ".cfi_same_value 1",
        "sub t1, t0, t1",                       // the distance of that record's successor: the new position
        "sw t1, -24(t0)",
        "ld t1, 8(sp)",
        ".cfi_restore 6",
        "ld t0, 0(sp)",
        ".cfi_restore 5",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11) + {searching_tail_leaves}",
        "addi sp, sp, 32",
        ".cfi_def_cfa_offset 0",
        "ret",
        "78:",
        ".cfi_def_cfa_offset 32",
        ".cfi_undefined 1",
        "lla a1, 77b + 512 * (\\k - 11)",
        "j 79f",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier ---------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        ".cfi_def_cfa 2, 0",
        ".cfi_register 1, 11",                  // return address is in a1, where the personality put it
        "mv ra, a1",
        ".cfi_same_value 1",
        "tail {resume}",                        // a0 is the exception; as if the original caller had called it
        ".cfi_endproc",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_def_cfa 2, 32",
        ".cfi_undefined 1",
        "79:",
        "addi a0, sp, 32",                      // the stack pointer after the return
        "addi sp, sp, -256",                    // keep the evidence
        ".cfi_def_cfa_offset 288",
        "call {lost}",
        "unimp",
        ".cfi_endproc",
        ".org 77b + {end}",
        ".purgem stkbar_top",
        ".purgem stkbar_record",
        ".purgem stkbar_search",
        ".purgem stkbar_spill",
        ".option pop",
        tails = const TAILS,
        tail = const TAIL_BYTES,
        tail_leaves = const TAIL_LEAVES,
        searching_tails = const SEARCHING_TAILS,
        searching_tail = const SEARCHING_TAIL_BYTES,
        searching_tail_leaves = const SEARCHING_TAIL_LEAVES,
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
    let sp = sp.checked_add(if has_moved_sp(pc - stub_table()) { MOVED_BYTES } else { 0 })?;
    let record = bars.get(bars.last_popped(sp)?)?;
    Some((record.return_pc(), sp))
}

/// Is `sp` moved when the instruction `offset` bytes into the trampoline is about to run?
const fn has_moved_sp(offset: usize) -> bool {
    let (at, leaves) = match offset {
        ..TAILS => return false,
        ..SEARCHING_TAILS => ((offset - TAILS) % TAIL_BYTES, TAIL_LEAVES),
        ..PAD => ((offset - SEARCHING_TAILS) % SEARCHING_TAIL_BYTES, SEARCHING_TAIL_LEAVES),
        _ => return false,
    };
    0 < at && at <= leaves
}

/// Return addresses carry no authentication code.
#[inline(always)]
pub const fn strip(word: usize) -> usize {
    word
}

/// There is no authentication: `None`.
#[inline(always)]
pub fn sign(_pc: usize, _cfa: usize, _key: SigningKey) -> Option<usize> {
    None
}

/// Stack pointer and frame pointer of the function that this is inlined into: where a walk of one's own stack starts.
#[inline(always)]
pub fn own_frame() -> (usize, usize) {
    let (sp, fp);
    // SAFETY: reads two registers.
    unsafe { asm!("mv {}, sp", "mv {}, s0", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(super) const SAVED_BYTES: usize = 208;
pub(super) const SAVED_FP: usize = 192;
pub(super) const SAVED_PC: usize = 200;

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
        ".option push",
        ".option arch, +d", // a naked function does not know the target's extensions
        ".cfi_startproc",
        ".cfi_remember_state",
        "addi sp, sp, -208",
        ".cfi_def_cfa_offset 208",
        "sd ra, 200(sp)", // all that the ABI wants preserved
        ".cfi_offset 1, -8",
        "sd s0, 192(sp)",
        ".cfi_offset 8, -16",
        "sd s1, 184(sp)",
        ".cfi_offset 9, -24",
        "sd s2, 176(sp)",
        ".cfi_offset 18, -32",
        "sd s3, 168(sp)",
        ".cfi_offset 19, -40",
        "sd s4, 160(sp)",
        ".cfi_offset 20, -48",
        "sd s5, 152(sp)",
        ".cfi_offset 21, -56",
        "sd s6, 144(sp)",
        ".cfi_offset 22, -64",
        "sd s7, 136(sp)",
        ".cfi_offset 23, -72",
        "sd s8, 128(sp)",
        ".cfi_offset 24, -80",
        "sd s9, 120(sp)",
        ".cfi_offset 25, -88",
        "sd s10, 112(sp)",
        ".cfi_offset 26, -96",
        "sd s11, 104(sp)",
        ".cfi_offset 27, -104",
        "fsd fs0, 96(sp)",
        ".cfi_offset 40, -112",
        "fsd fs1, 88(sp)",
        ".cfi_offset 41, -120",
        "fsd fs2, 80(sp)",
        ".cfi_offset 50, -128",
        "fsd fs3, 72(sp)",
        ".cfi_offset 51, -136",
        "fsd fs4, 64(sp)",
        ".cfi_offset 52, -144",
        "fsd fs5, 56(sp)",
        ".cfi_offset 53, -152",
        "fsd fs6, 48(sp)",
        ".cfi_offset 54, -160",
        "fsd fs7, 40(sp)",
        ".cfi_offset 55, -168",
        "fsd fs8, 32(sp)",
        ".cfi_offset 56, -176",
        "fsd fs9, 24(sp)",
        ".cfi_offset 57, -184",
        "fsd fs10, 16(sp)",
        ".cfi_offset 58, -192",
        "fsd fs11, 8(sp)",
        ".cfi_offset 59, -200",
        "sd sp, 0(a0)", // this stack is left
        "ld sp, 0(a1)", // the other one lies the same way, so the rules above hold on
        "fld fs11, 8(sp)",
        "fld fs10, 16(sp)",
        "fld fs9, 24(sp)",
        "fld fs8, 32(sp)",
        "fld fs7, 40(sp)",
        "fld fs6, 48(sp)",
        "fld fs5, 56(sp)",
        "fld fs4, 64(sp)",
        "fld fs3, 72(sp)",
        "fld fs2, 80(sp)",
        "fld fs1, 88(sp)",
        "fld fs0, 96(sp)",
        "ld s11, 104(sp)",
        "ld s10, 112(sp)",
        "ld s9, 120(sp)",
        "ld s8, 128(sp)",
        "ld s7, 136(sp)",
        "ld s6, 144(sp)",
        "ld s5, 152(sp)",
        "ld s4, 160(sp)",
        "ld s3, 168(sp)",
        "ld s2, 176(sp)",
        "ld s1, 184(sp)",
        "ld s0, 192(sp)",
        "ld ra, 200(sp)",
        "addi sp, sp, 208",
        ".cfi_restore_state",
        "ret", // a call of ours was left there: `ret` keeps the predictor aligned
        ".cfi_endproc",
        ".option pop",
    )
}

/// Bytes of the outermost frame: the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 16;

/// Where [`stack_base`] starts: past the instruction that a look-up at `pc - 1` finds.
const ENTERED_AT: usize = 4;

/// What the first [`switch`] to a new stack takes up: s0 is 0, where the chain of frame pointers ends; ra = `stack_base`,
/// s1 = argument, s2 = entry.
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    _outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    let mut words = [0; SAVED_BYTES / SLOT_BYTES];
    let stack_base = stack_base as *const () as usize + ENTERED_AT;
    words[SAVED_FP / SLOT_BYTES - 2..].copy_from_slice(&[entry as usize, argument, 0, stack_base]);
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
        ".option push",
        ".option norvc",
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_escape 0x0f, 7, 0x72, 0, 0x06, 0x06, 0x23, 0xd0, 0x01", // CFA = **sp + 208: breg2 0; deref; deref; +208
        ".cfi_offset 1, -8",
        ".cfi_offset 8, -16",
        ".cfi_offset 9, -24",
        ".cfi_offset 18, -32",
        ".cfi_offset 19, -40",
        ".cfi_offset 20, -48",
        ".cfi_offset 21, -56",
        ".cfi_offset 22, -64",
        ".cfi_offset 23, -72",
        ".cfi_offset 24, -80",
        ".cfi_offset 25, -88",
        ".cfi_offset 26, -96",
        ".cfi_offset 27, -104",
        ".cfi_offset 40, -112",
        ".cfi_offset 41, -120",
        ".cfi_offset 50, -128",
        ".cfi_offset 51, -136",
        ".cfi_offset 52, -144",
        ".cfi_offset 53, -152",
        ".cfi_offset 54, -160",
        ".cfi_offset 55, -168",
        ".cfi_offset 56, -176",
        ".cfi_offset 57, -184",
        ".cfi_offset 58, -192",
        ".cfi_offset 59, -200",
        "nop",       // pc - 1 of where it is entered
        "mv a0, s1", // the argument that `first_words` laid down
        "jalr s2",   // entry; s0 is 0: the frame-pointer chain ends here
        "unimp",     // it does not return
        ".cfi_endproc",
        ".option pop",
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
        ".option push",
        ".option arch, +d", // a naked function does not know the target's extensions
        ".cfi_startproc",
        ".cfi_remember_state",
        "addi sp, sp, -208",
        ".cfi_def_cfa_offset 208",
        "sd ra, 200(sp)", // all that the ABI wants preserved
        ".cfi_offset 1, -8",
        "sd s0, 192(sp)",
        ".cfi_offset 8, -16",
        "sd s1, 184(sp)",
        ".cfi_offset 9, -24",
        "sd s2, 176(sp)",
        ".cfi_offset 18, -32",
        "sd s3, 168(sp)",
        ".cfi_offset 19, -40",
        "sd s4, 160(sp)",
        ".cfi_offset 20, -48",
        "sd s5, 152(sp)",
        ".cfi_offset 21, -56",
        "sd s6, 144(sp)",
        ".cfi_offset 22, -64",
        "sd s7, 136(sp)",
        ".cfi_offset 23, -72",
        "sd s8, 128(sp)",
        ".cfi_offset 24, -80",
        "sd s9, 120(sp)",
        ".cfi_offset 25, -88",
        "sd s10, 112(sp)",
        ".cfi_offset 26, -96",
        "sd s11, 104(sp)",
        ".cfi_offset 27, -104",
        "fsd fs0, 96(sp)",
        ".cfi_offset 40, -112",
        "fsd fs1, 88(sp)",
        ".cfi_offset 41, -120",
        "fsd fs2, 80(sp)",
        ".cfi_offset 50, -128",
        "fsd fs3, 72(sp)",
        ".cfi_offset 51, -136",
        "fsd fs4, 64(sp)",
        ".cfi_offset 52, -144",
        "fsd fs5, 56(sp)",
        ".cfi_offset 53, -152",
        "fsd fs6, 48(sp)",
        ".cfi_offset 54, -160",
        "fsd fs7, 40(sp)",
        ".cfi_offset 55, -168",
        "fsd fs8, 32(sp)",
        ".cfi_offset 56, -176",
        "fsd fs9, 24(sp)",
        ".cfi_offset 57, -184",
        "fsd fs10, 16(sp)",
        ".cfi_offset 58, -192",
        "fsd fs11, 8(sp)",
        ".cfi_offset 59, -200",
        "addi s0, sp, 208", // a frame record, for walks by frame pointer
        "sd sp, 0(a0)",
        "lla a3, 2f",
        "sd a3, 8(a0)",
        "mv a3, a1",
        "mv a0, a2",
        "jalr a3",
        "2:", // `recover` comes here, too, with the result in a0
        "fld fs11, 8(sp)",
        "fld fs10, 16(sp)",
        "fld fs9, 24(sp)",
        "fld fs8, 32(sp)",
        "fld fs7, 40(sp)",
        "fld fs6, 48(sp)",
        "fld fs5, 56(sp)",
        "fld fs4, 64(sp)",
        "fld fs3, 72(sp)",
        "fld fs2, 80(sp)",
        "fld fs1, 88(sp)",
        "fld fs0, 96(sp)",
        "ld s11, 104(sp)",
        "ld s10, 112(sp)",
        "ld s9, 120(sp)",
        "ld s8, 128(sp)",
        "ld s7, 136(sp)",
        "ld s6, 144(sp)",
        "ld s5, 152(sp)",
        "ld s4, 160(sp)",
        "ld s3, 168(sp)",
        "ld s2, 176(sp)",
        "ld s1, 184(sp)",
        "ld s0, 192(sp)",
        "ld ra, 200(sp)",
        "addi sp, sp, 208",
        ".cfi_restore_state",
        "ret",
        ".cfi_endproc",
        ".option pop",
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
        "ld a2, 8(a0)",
        "ld sp, 0(a0)",
        ".cfi_def_cfa_offset 208", // the frame is protect's from here on
        ".cfi_offset 1, -8",
        ".cfi_offset 8, -16",
        ".cfi_offset 9, -24",
        ".cfi_offset 18, -32",
        ".cfi_offset 19, -40",
        ".cfi_offset 20, -48",
        ".cfi_offset 21, -56",
        ".cfi_offset 22, -64",
        ".cfi_offset 23, -72",
        ".cfi_offset 24, -80",
        ".cfi_offset 25, -88",
        ".cfi_offset 26, -96",
        ".cfi_offset 27, -104",
        ".cfi_offset 40, -112",
        ".cfi_offset 41, -120",
        ".cfi_offset 50, -128",
        ".cfi_offset 51, -136",
        ".cfi_offset 52, -144",
        ".cfi_offset 53, -152",
        ".cfi_offset 54, -160",
        ".cfi_offset 55, -168",
        ".cfi_offset 56, -176",
        ".cfi_offset 57, -184",
        ".cfi_offset 58, -192",
        ".cfi_offset 59, -200",
        "addi s0, sp, 208",
        "mv a0, a1",
        "jr a2", // not by ra or t0: no return for the predictor
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an illegal instruction; control does not come back.
    unsafe { asm!("unimp", options(noreturn, nostack)) }
}
