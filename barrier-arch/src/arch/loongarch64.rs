//! LoongArch, 64-bit, LP64D ABI, Linux.
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
//! They leave by `jirl` to `ra`, which the return-address predictor pairs with the stub's `bl`. Offsets between instructions of the
//! trampoline are part of the arithmetic, so there are none among them that a linker relaxes (`la.pcrel` would be one).
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
//!   Context.sp → –  fs7 … fs0  s8 … s0  fp ra        + 160 = sp after the switch
//! ```
//!
//! `fp` and `ra` lie where the frame of a function with a frame pointer has them. FCSR is not switched.
//!
//! Source: *Application Binary Interface for the LoongArch Architecture*: LAPCS (registers, the stack), LADWARF.

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
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 4;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 5;

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records. With `t`, the top of the stack, record i's
/// `saved_lr_ptr` is at `t - 48 - 16·i`, its `saved_lr_val` at `t - 40 - 16·i`, the position at `t - 24`, the length
/// at `t - 20`.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        // ---- what an unwinder evaluates --------------------------------------------------------------------
        ".macro stkbar_top k, by",              // t, from the stack pointer, which was moved by so much
        ".cfi_escape 0x73, \\by, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg3 by; >> k; + 1; << k
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
        ".cfi_escape 0x12, 0x40, 0x1c, 0x06, 0x73, \\by, 0x2a, 0x28, 5, 0", // dup; lit16; minus; deref; breg3 by; ge; bra E
        ".cfi_escape 0x40, 0x1c, 0x2f, 0xe9, 0xff", // lit16; minus; skip L                             the next one
        ".cfi_escape 0x23, 8",                  // E: plus_uconst 8
        ".endm",
        ".macro stkbar_spill k",                // two temporaries; sp moves by 32
        "addi.d $sp, $sp, -32",
        ".cfi_def_cfa_offset 32",
        "stkbar_search \\k, 32",
        "st.d $t0, $sp, 0",
        ".cfi_offset 12, -32",
        "st.d $t1, $sp, 8",
        ".cfi_offset 13, -24",
        ".endm",
        ".balign 512",
        ".skip 508",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 3, 0",                    // CFA = sp
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "bl %b26(77b + {tails} + {tail} * (\\k - 11))", // ra = stub i + 4
        "nop",
        "nop",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 3, 0",
        "stkbar_search \\k, 0",
        "nop",
        "bl %b26(77b + {searching_tails} + {searching_tail} * (\\k - 11))",
        "nop",
        "nop",
        ".cfi_endproc",
        ".endr",
        "nop",
        // ---- tails of the indexed stubs ----------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {tails} + {tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 3, 0",
        "stkbar_search \\k, 0",
        "stkbar_spill \\k",
        "srli.d $t0, $sp, \\k",
        "addi.d $t0, $t0, 1",
        "slli.d $t0, $t0, \\k",                 // t
        "andi $t1, $ra, 0x1f0",                 // the stub is 16·i above its class's block
        "sub.d $t0, $t0, $t1",                  // t - 16·i
        "ld.d $ra, $t0, -48",                   // record i's slot
        "addi.d $ra, $ra, -32",                 // as far down as sp is now
        "bgeu $ra, $sp, 78f",                   // not popped by this return: the invariants are broken, do not jump anywhere
        "ld.d $ra, $t0, -40",                   // the original return address
        ".cfi_same_value 1",
        "add.d $t0, $t0, $t1",                  // t
        "addi.d $t1, $t1, 16",                  // the new position is i + 1, absolute: whatever was skipped,
        "st.w $t1, $t0, -24",                   // by longjmp say, cannot put it out of step
        "ld.d $t1, $sp, 8",
        ".cfi_restore 13",
        "ld.d $t0, $sp, 0",
        ".cfi_restore 12",
        ".org 77b + {tails} + {tail} * (\\k - 11) + {tail_leaves}",
        "addi.d $sp, $sp, 32",
        ".cfi_def_cfa_offset 0",
        "ret",
        "78:",
        ".cfi_def_cfa_offset 32",
        ".cfi_undefined 1",
        "pcaddi $a1, %pcrel_20(77b + 512 * (\\k - 11))", // any stub of this class
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 3, 0",
        "stkbar_search \\k, 0",
        "stkbar_spill \\k",
        "srli.d $t0, $sp, \\k",
        "addi.d $t0, $t0, 1",
        "slli.d $t0, $t0, \\k",                 // t
        "ld.wu $t1, $t0, -24",                  // start at the position: the next barrier to be hit
        "sub.d $t1, $t0, $t1",                  // t - 16·position; 48 bytes below, its record
        "2:",
        "ld.wu $ra, $t0, -20",                  // the length
        "sub.d $ra, $t0, $ra",
        "bgeu $ra, $t1, 3f",                    // past the last record
        "ld.d $ra, $t1, -48",                   // the record's slot
        "addi.d $ra, $ra, -32",
        "bgeu $ra, $sp, 3f",                    // not popped: it is the one before
        "addi.d $t1, $t1, -16",                 // popped: perhaps its frame was skipped, look at the next
        "b 2b",
        "3:",
        "ld.wu $ra, $t0, -24",
        "sub.d $ra, $t0, $ra",                  // t - 16·position again
        "bgeu $t1, $ra, 78f",                   // none was popped: broken
        "ld.d $ra, $t1, -24",                   // the original return address of the one before
        ".cfi_same_value 1",
        "sub.d $t1, $t0, $t1",                  // the distance of that record's successor: the new position
        "st.w $t1, $t0, -24",
        "ld.d $t1, $sp, 8",
        ".cfi_restore 13",
        "ld.d $t0, $sp, 0",
        ".cfi_restore 12",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11) + {searching_tail_leaves}",
        "addi.d $sp, $sp, 32",
        ".cfi_def_cfa_offset 0",
        "ret",
        "78:",
        ".cfi_def_cfa_offset 32",
        ".cfi_undefined 1",
        "pcaddi $a1, %pcrel_20(77b + 512 * (\\k - 11))",
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier ---------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        ".cfi_def_cfa 3, 0",
        ".cfi_register 1, 5",                   // return address is in a1, where the personality put it
        "move $ra, $a1",
        ".cfi_same_value 1",
        "b {resume}",                           // a0 is the exception; as if the original caller had called it
        ".cfi_endproc",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_def_cfa 3, 32",
        ".cfi_undefined 1",
        "79:",
        "addi.d $a0, $sp, 32",                  // the stack pointer after the return
        "addi.d $sp, $sp, -256",                // keep the evidence
        ".cfi_def_cfa_offset 288",
        "bl {lost}",
        ".word 0",
        ".cfi_endproc",
        ".org 77b + {end}",
        ".purgem stkbar_top",
        ".purgem stkbar_record",
        ".purgem stkbar_search",
        ".purgem stkbar_spill",
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
    unsafe { asm!("move {}, $sp", "move {}, $fp", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(super) const SAVED_BYTES: usize = 160;
pub(super) const SAVED_FP: usize = 144;
pub(super) const SAVED_PC: usize = 152;

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
        ".cfi_remember_state",
        "addi.d $sp, $sp, -160",
        ".cfi_def_cfa_offset 160",
        "st.d $ra, $sp, 152", // all that the ABI wants preserved
        ".cfi_offset 1, -8",
        "st.d $fp, $sp, 144",
        ".cfi_offset 22, -16",
        "st.d $s0, $sp, 136",
        ".cfi_offset 23, -24",
        "st.d $s1, $sp, 128",
        ".cfi_offset 24, -32",
        "st.d $s2, $sp, 120",
        ".cfi_offset 25, -40",
        "st.d $s3, $sp, 112",
        ".cfi_offset 26, -48",
        "st.d $s4, $sp, 104",
        ".cfi_offset 27, -56",
        "st.d $s5, $sp, 96",
        ".cfi_offset 28, -64",
        "st.d $s6, $sp, 88",
        ".cfi_offset 29, -72",
        "st.d $s7, $sp, 80",
        ".cfi_offset 30, -80",
        "st.d $s8, $sp, 72",
        ".cfi_offset 31, -88",
        "fst.d $fs0, $sp, 64",
        ".cfi_offset 56, -96",
        "fst.d $fs1, $sp, 56",
        ".cfi_offset 57, -104",
        "fst.d $fs2, $sp, 48",
        ".cfi_offset 58, -112",
        "fst.d $fs3, $sp, 40",
        ".cfi_offset 59, -120",
        "fst.d $fs4, $sp, 32",
        ".cfi_offset 60, -128",
        "fst.d $fs5, $sp, 24",
        ".cfi_offset 61, -136",
        "fst.d $fs6, $sp, 16",
        ".cfi_offset 62, -144",
        "fst.d $fs7, $sp, 8",
        ".cfi_offset 63, -152",
        "st.d $sp, $a0, 0", // this stack is left
        "ld.d $sp, $a1, 0", // the other one lies the same way, so the rules above hold on
        "fld.d $fs7, $sp, 8",
        "fld.d $fs6, $sp, 16",
        "fld.d $fs5, $sp, 24",
        "fld.d $fs4, $sp, 32",
        "fld.d $fs3, $sp, 40",
        "fld.d $fs2, $sp, 48",
        "fld.d $fs1, $sp, 56",
        "fld.d $fs0, $sp, 64",
        "ld.d $s8, $sp, 72",
        "ld.d $s7, $sp, 80",
        "ld.d $s6, $sp, 88",
        "ld.d $s5, $sp, 96",
        "ld.d $s4, $sp, 104",
        "ld.d $s3, $sp, 112",
        "ld.d $s2, $sp, 120",
        "ld.d $s1, $sp, 128",
        "ld.d $s0, $sp, 136",
        "ld.d $fp, $sp, 144",
        "ld.d $ra, $sp, 152",
        "addi.d $sp, $sp, 160",
        ".cfi_restore_state",
        "ret", // a call of ours was left there: `ret` keeps the predictor aligned
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 16;

/// Where [`stack_base`] starts: past the instruction that a look-up at `pc - 1` finds.
const ENTERED_AT: usize = 4;

/// What the first [`switch`] to a new stack takes up: fp is 0, where the chain of frame pointers ends; ra = `stack_base`,
/// s0 = argument, s1 = entry.
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
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_escape 0x0f, 7, 0x73, 0, 0x06, 0x06, 0x23, 0xa0, 0x01", // CFA = **sp + 160: breg3 0; deref; deref; +160
        ".cfi_offset 1, -8",
        ".cfi_offset 22, -16",
        ".cfi_offset 23, -24",
        ".cfi_offset 24, -32",
        ".cfi_offset 25, -40",
        ".cfi_offset 26, -48",
        ".cfi_offset 27, -56",
        ".cfi_offset 28, -64",
        ".cfi_offset 29, -72",
        ".cfi_offset 30, -80",
        ".cfi_offset 31, -88",
        ".cfi_offset 56, -96",
        ".cfi_offset 57, -104",
        ".cfi_offset 58, -112",
        ".cfi_offset 59, -120",
        ".cfi_offset 60, -128",
        ".cfi_offset 61, -136",
        ".cfi_offset 62, -144",
        ".cfi_offset 63, -152",
        "nop",              // pc - 1 of where it is entered
        "move $a0, $s0",    // the argument that `first_words` laid down
        "jirl $ra, $s1, 0", // entry; fp is 0: the frame-pointer chain ends here
        ".word 0",          // it does not return
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
        ".cfi_remember_state",
        "addi.d $sp, $sp, -160",
        ".cfi_def_cfa_offset 160",
        "st.d $ra, $sp, 152", // all that the ABI wants preserved
        ".cfi_offset 1, -8",
        "st.d $fp, $sp, 144",
        ".cfi_offset 22, -16",
        "st.d $s0, $sp, 136",
        ".cfi_offset 23, -24",
        "st.d $s1, $sp, 128",
        ".cfi_offset 24, -32",
        "st.d $s2, $sp, 120",
        ".cfi_offset 25, -40",
        "st.d $s3, $sp, 112",
        ".cfi_offset 26, -48",
        "st.d $s4, $sp, 104",
        ".cfi_offset 27, -56",
        "st.d $s5, $sp, 96",
        ".cfi_offset 28, -64",
        "st.d $s6, $sp, 88",
        ".cfi_offset 29, -72",
        "st.d $s7, $sp, 80",
        ".cfi_offset 30, -80",
        "st.d $s8, $sp, 72",
        ".cfi_offset 31, -88",
        "fst.d $fs0, $sp, 64",
        ".cfi_offset 56, -96",
        "fst.d $fs1, $sp, 56",
        ".cfi_offset 57, -104",
        "fst.d $fs2, $sp, 48",
        ".cfi_offset 58, -112",
        "fst.d $fs3, $sp, 40",
        ".cfi_offset 59, -120",
        "fst.d $fs4, $sp, 32",
        ".cfi_offset 60, -128",
        "fst.d $fs5, $sp, 24",
        ".cfi_offset 61, -136",
        "fst.d $fs6, $sp, 16",
        ".cfi_offset 62, -144",
        "fst.d $fs7, $sp, 8",
        ".cfi_offset 63, -152",
        "addi.d $fp, $sp, 160", // a frame record, for walks by frame pointer
        "st.d $sp, $a0, 0",
        "la.pcrel $a3, 2f",
        "st.d $a3, $a0, 8",
        "move $a3, $a1",
        "move $a0, $a2",
        "jirl $ra, $a3, 0",
        "2:", // `recover` comes here, too, with the result in a0
        "fld.d $fs7, $sp, 8",
        "fld.d $fs6, $sp, 16",
        "fld.d $fs5, $sp, 24",
        "fld.d $fs4, $sp, 32",
        "fld.d $fs3, $sp, 40",
        "fld.d $fs2, $sp, 48",
        "fld.d $fs1, $sp, 56",
        "fld.d $fs0, $sp, 64",
        "ld.d $s8, $sp, 72",
        "ld.d $s7, $sp, 80",
        "ld.d $s6, $sp, 88",
        "ld.d $s5, $sp, 96",
        "ld.d $s4, $sp, 104",
        "ld.d $s3, $sp, 112",
        "ld.d $s2, $sp, 120",
        "ld.d $s1, $sp, 128",
        "ld.d $s0, $sp, 136",
        "ld.d $fp, $sp, 144",
        "ld.d $ra, $sp, 152",
        "addi.d $sp, $sp, 160",
        ".cfi_restore_state",
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
        "ld.d $a2, $a0, 8",
        "ld.d $sp, $a0, 0",
        ".cfi_def_cfa_offset 160", // the frame is protect's from here on
        ".cfi_offset 1, -8",
        ".cfi_offset 22, -16",
        ".cfi_offset 23, -24",
        ".cfi_offset 24, -32",
        ".cfi_offset 25, -40",
        ".cfi_offset 26, -48",
        ".cfi_offset 27, -56",
        ".cfi_offset 28, -64",
        ".cfi_offset 29, -72",
        ".cfi_offset 30, -80",
        ".cfi_offset 31, -88",
        ".cfi_offset 56, -96",
        ".cfi_offset 57, -104",
        ".cfi_offset 58, -112",
        ".cfi_offset 59, -120",
        ".cfi_offset 60, -128",
        ".cfi_offset 61, -136",
        ".cfi_offset 62, -144",
        ".cfi_offset 63, -152",
        "addi.d $fp, $sp, 160",
        "move $a0, $a1",
        "jr $a2", // not by ra: no return for the predictor
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an illegal instruction; control does not come back.
    unsafe { asm!(".word 0", options(noreturn, nostack)) }
}
