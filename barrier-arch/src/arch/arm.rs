//! Arm, 32 bits, AAPCS32 with hard floating point, Linux.
//!
//! # The trampoline
//!
//! A32 code. A return, `pop {pc}` or `bx lr` from A32 or T32 code, has jumped to the stub, so at the first instruction
//!
//! ```text
//!   sp        the caller's frame, as after any return: the CFA of the function that returned
//!   r12       the linker's veneers may change it at any call, so nobody keeps anything there
//!   lr        the stub's `bl` has overwritten it: a call's own return address, of no use to anybody after the return
//!   all other registers: results, callee-saved, and what `gcc -fipa-ra` keeps elsewhere
//! ```
//!
//! There is no red zone. The tails of the indexed stubs get by with these two registers; those of the searching stubs
//! push four more. The slot of the function that returned lies somewhere below `sp`, beside the saved frame pointer.
//!
//! It ends in `bx lr`: bit 0 of the original return address says whether the caller is T32 code, and stays in the
//! record.
//!
//! # What unwinders see
//!
//! Two kinds of tables. Exceptions and backtraces use the EHABI's: an index entry whose personality routine unwinds the
//! trampoline's frame itself, at each of its instructions (`personality/ehabi.rs`); it covers a word before the first stub, since
//! return addresses are looked up at `pc - 2`. Debuggers use `.debug_frame`: a frame whose CFA is the `sp` after the return, and whose
//! return address is computed from the record, in the stubs by a constant distance from the top, a row for each, in the
//! searching stubs and in the tails by a search.
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → d8 … d15  (unused)  r4 … r11  lr        + 104 = sp after the switch
//! ```
//!
//! FPSCR is not switched.

use core::arch::{asm, naked_asm};
use core::sync::atomic::AtomicUsize;

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline, stub_table};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
#[cfg(feature = "unwind")]
use crate::size_class::SizeClass;
use crate::stkbar::StkbarSlice;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 4;
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
pub(super) const SEARCHING_TAIL_BYTES: usize = 124;
/// Exceptions need no landing pad here; a missing record does.
pub(super) const PAD_BYTES: usize = 64;

/// The return trampoline: stubs and tails. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records. `t` is the top of the stack, which is
/// `((sp >> k) + 1) << k`: record i's `saved_lr_ptr` is at `t - 40 - 8·i`, its `saved_lr_val` at `t - 36 - 8·i`, the
/// position at `t - 24`, the length at `t - 20`. S is the stack pointer after the return.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        ".cfi_sections .debug_frame",
        // ---- what a debugger evaluates ---------------------------------------------------------------------
        ".macro stkbar_top k",                  // t, from the stack pointer
        ".cfi_escape 0x7d, 0, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg13 0; >> k; + 1; << k
        ".endm",
        ".macro stkbar_record k, i",            // lr = record i's saved_lr_val
        ".cfi_escape 0x16, 14, 15",             // val_expression, 15 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x10, ((36 + 8 * \\i) & 0x7f) | 0x80, (36 + 8 * \\i) >> 7, 0x1c, 0x06", // constu; minus; deref
        ".endm",
        ".macro stkbar_search k, below",        // lr = that of the last record that is popped: S is sp + below
        ".cfi_def_cfa_offset \\below",
        ".cfi_escape 0x16, 14, 52",             // val_expression, 52 bytes
        "stkbar_top \\k",                       // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 40, 0x1c", // over; swap; minus; const1u 40; minus         t end
        ".cfi_escape 0x16, 0x08, 40, 0x1c",     // swap; const1u 40; minus                              end &record[0]
        ".cfi_escape 0x14, 0x14, 0x38, 0x1c, 0x2a, 0x28, 15, 0", // L: over; over; lit8; minus; ge; bra E     past the last
        ".cfi_escape 0x12, 0x38, 0x1c, 0x06, 0x7d, \\below, 0x2a, 0x28, 5, 0", // dup; lit8; minus; deref; breg13 S; ge; bra E
        ".cfi_escape 0x38, 0x1c, 0x2f, 0xe9, 0xff", // lit8; minus; skip L                              the next one
        ".cfi_escape 0x23, 4, 0x06",            // E: plus_uconst 4; deref
        ".endm",
        ".balign 512",
        ".skip 508",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".fnstart",
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".cfi_startproc",
        ".cfi_def_cfa 13, 0",                   // CFA = sp
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "bl 77b + {tails} + {tail} * (\\k - 11)", // lr = stub i + 4
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".cfi_startproc",
        ".cfi_def_cfa 13, 0",
        "stkbar_search \\k, 0",
        "nop",
        "bl 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_endproc",
        ".endr",
        "nop",
        // ---- tails of the indexed stubs ----------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".org 77b + {tails} + {tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 13, 0",
        "stkbar_search \\k, 0",
        "mov r12, sp",
        "lsr r12, r12, #\\k",
        "add r12, r12, #1",
        "lsl r12, r12, #\\k",                   // t
        "and lr, lr, #0xf8",                    // the stub is 8·i above its class's block
        "add lr, lr, #8",                       // the new position is i + 1, absolute: whatever was skipped,
        "str lr, [r12, #-24]",                  // by longjmp say, cannot put it out of step
        "sub r12, r12, lr",                     // t - 8·(i+1)
        "ldr lr, [r12, #-32]",                  // record i's slot
        "cmp lr, sp",                           // has this return popped it?
        "bhs 78f",                              // no: the invariants are broken, do not jump anywhere
        "ldr lr, [r12, #-28]",                  // the original return address
        ".cfi_same_value 14",
        "bx lr",
        "78: mov r0, sp",
        "mov r1, #\\k",
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 13, 0",
        "stkbar_search \\k, 0",
        "push {{r0, r1, r2, r3}}",              // four more scratch registers
        "stkbar_search \\k, 16",
        "mov r12, sp",
        "add r2, sp, #16",                      // S
        "lsr r12, r12, #\\k",
        "add r12, r12, #1",
        "lsl r12, r12, #\\k",                   // t
        "ldr r0, [r12, #-20]",                  // the length
        "sub r0, r12, r0",
        "sub r0, r0, #40",                      // &record[length]
        "ldr r1, [r12, #-24]",                  // start at the position: the next barrier to be hit
        "sub r1, r12, r1",
        "sub r1, r1, #40",                      // &record[position]
        "mov lr, r1",
        "2:",
        "cmp lr, r0",
        "bls 3f",                               // past the last record
        "ldr r3, [lr]",                         // the record's slot
        "cmp r3, r2",
        "bhs 3f",                               // not popped: it is the one before
        "sub lr, lr, #8",                       // popped: perhaps its frame was skipped, look at the next
        "b 2b",
        "3:",
        "cmp lr, r1",
        "bhs 78f",                              // none was popped: broken
        "sub r3, r12, lr",
        "sub r3, r3, #40",                      // the distance of that record: the new position
        "ldr lr, [lr, #12]",                    // the original return address of the one before
        ".cfi_same_value 14",
        "str r3, [r12, #-24]",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11) + {pop}",
        "pop {{r0, r1, r2, r3}}",
        ".cfi_def_cfa_offset 0",
        "bx lr",
        "78: mov r0, r2",
        "mov r1, #\\k",
        "b 79f",
        ".cfi_endproc",
        ".endr",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        ".cfi_undefined 14",
        "79:",                                  // r0 is S
        "sub sp, sp, #256",                     // keep the evidence
        "bic sp, sp, #7",
        "sub r1, r1, #11",
        "ldr r2, 80f",
        "81: add r2, pc, r2",                   // the first stub
        "add r1, r2, r1, lsl #8",               // any stub of this class
        "bl {lost}",
        "udf #0",
        "80: .word 77b - 81b - 8",
        ".cfi_endproc",
        ".org 77b + {end}",
        ".personality {personality}",
        ".handlerdata",
        ".fnend",
        ".purgem stkbar_top",
        ".purgem stkbar_record",
        ".purgem stkbar_search",
        tails = const TAILS,
        tail = const TAIL_BYTES,
        searching_tails = const SEARCHING_TAILS,
        searching_tail = const SEARCHING_TAIL_BYTES,
        pop = const POP,
        pad = const PAD,
        end = const END,
        personality = sym personality::personality,
        lost = sym crate::fatal::lost,
    )
}

/// Address of [`stack_barrier`].
pub(super) fn trampoline() -> usize {
    stack_barrier as *const () as usize
}

/// Where a searching tail pops what its first instruction has pushed.
const POP: usize = SEARCHING_TAIL_BYTES - 20;

/// Where the trampoline will go on, and with which stack pointer, if it was interrupted at `pc` with `sp`.
///
/// `bars` is that stack's array if it is known; what `read` reads is not needed here: the last record that is popped says it. `None`
/// if `pc` is not in the trampoline or the record is missing. Completes the step on paper, as Go's `gentraceback` does;
/// nothing is changed. Bit 0 of the address tells T32 code.
pub fn interrupted_return(
    pc: usize,
    sp: usize,
    bars: Option<&StkbarSlice>,
    _read: impl Fn(usize) -> Option<usize>,
) -> Option<(usize, usize)> {
    let bars = bars.filter(|_| is_trampoline(pc))?;
    let sp = sp.wrapping_add(bytes_pushed(pc - stub_table()));
    let record = bars.get(bars.last_popped(sp)?)?;
    Some((record.return_pc(), sp))
}

/// The size class whose tail `pc` is in.
#[cfg(feature = "unwind")]
pub(crate) fn class_of_tail(pc: usize) -> Option<SizeClass> {
    let offset = pc.checked_sub(stub_table() + TAILS)?;
    let searching = SEARCHING_TAILS - TAILS;
    let index =
        if offset < searching { offset / TAIL_BYTES } else { (offset - searching) / SEARCHING_TAIL_BYTES };
    SizeClass::from_index(index)
}

/// Bytes between the stack pointer and where it was after the return, at this distance from the first stub.
const fn bytes_pushed(offset: usize) -> usize {
    if offset < SEARCHING_TAILS || offset >= PAD {
        return 0;
    }
    match (offset - SEARCHING_TAILS) % SEARCHING_TAIL_BYTES {
        1..=POP => 4 * SLOT_BYTES,
        _ => 0,
    }
}

/// Return addresses carry no authentication code. Bit 0, which tells T32 code, belongs to them.
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
    unsafe { asm!("mov {}, sp", "mov {}, r11", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(crate) const SAVED_BYTES: usize = 104;
/// r4, and so on to r11.
pub(crate) const SAVED_R4: usize = 68;
pub(super) const SAVED_FP: usize = 96;
pub(crate) const SAVED_PC: usize = 100;

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
        ".cfi_sections .debug_frame",
        ".cfi_startproc",
        ".fnstart",
        ".cantunwind",
        "push {{r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}}", // all that the ABI wants preserved, and a filler
        ".cfi_def_cfa_offset 40",
        ".cfi_offset 4, -36",
        ".cfi_offset 5, -32",
        ".cfi_offset 6, -28",
        ".cfi_offset 7, -24",
        ".cfi_offset 8, -20",
        ".cfi_offset 9, -16",
        ".cfi_offset 10, -12",
        ".cfi_offset 11, -8",
        ".cfi_offset 14, -4",
        "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        ".cfi_def_cfa_offset 104",
        ".cfi_offset 264, -104",
        ".cfi_offset 265, -96",
        ".cfi_offset 266, -88",
        ".cfi_offset 267, -80",
        ".cfi_offset 268, -72",
        ".cfi_offset 269, -64",
        ".cfi_offset 270, -56",
        ".cfi_offset 271, -48",
        "str sp, [r0]", // this stack is left
        "ldr sp, [r1]", // the other one lies the same way, so the rules above hold on
        "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        ".cfi_def_cfa_offset 40",
        "pop {{r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}}", // a call of ours was left there
        ".fnend",
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: a frame record of zeros, the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 16;
/// Where the parent is, above the stack pointer of that frame.
#[cfg(feature = "unwind")]
pub(crate) const PARENT: usize = OUTERMOST_BYTES - 2 * SLOT_BYTES;

/// What the first [`switch`] to a new stack takes up: r11 = the record of zeros, where the chain of frame records ends;
/// lr = `stack_base`, r4 = argument, r5 = entry.
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    const R4: usize = SAVED_R4 / SLOT_BYTES;
    let mut words = [0; SAVED_BYTES / SLOT_BYTES];
    words[R4] = argument;
    words[R4 + 1] = entry as usize;
    words[SAVED_FP / SLOT_BYTES] = outermost_sp;
    words[SAVED_PC / SLOT_BYTES] = stack_base as *const () as usize;
    words
}

/// The outermost frame of every stack.
///
/// Its CFI says that it was called from where the parent's context was saved, so that a debugger shows
/// where a running task was resumed from. Marked a signal frame: gdb then accepts that the caller's stack
/// lies elsewhere. Its personality tells backtraces the same; exceptions end here.
#[unsafe(naked)]
unsafe extern "C" fn stack_base() -> ! {
    naked_asm!(
        ".cfi_sections .debug_frame",
        ".cfi_startproc",
        ".fnstart",
        ".cfi_signal_frame",
        ".cfi_escape 0x0f, 6, 0x7d, 8, 0x06, 0x06, 0x23, 104", // CFA = **(sp + 8) + 104
        ".cfi_offset 4, -36",
        ".cfi_offset 5, -32",
        ".cfi_offset 6, -28",
        ".cfi_offset 7, -24",
        ".cfi_offset 8, -20",
        ".cfi_offset 9, -16",
        ".cfi_offset 10, -12",
        ".cfi_offset 11, -8",
        ".cfi_offset 14, -4",
        "nop",        // pc - 1 of the first instruction
        "mov r0, r4", // the argument that `first_words` laid down
        "blx r5",     // entry
        "udf #0",     // it does not return
        ".personality {personality}",
        ".handlerdata",
        ".fnend",
        ".cfi_endproc",
        personality = sym personality::base_personality,
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
        ".cfi_sections .debug_frame",
        ".cfi_startproc",
        ".fnstart",
        ".save {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        ".cfi_def_cfa_offset 36",
        ".cfi_offset 4, -36",
        ".cfi_offset 5, -32",
        ".cfi_offset 6, -28",
        ".cfi_offset 7, -24",
        ".cfi_offset 8, -20",
        ".cfi_offset 9, -16",
        ".cfi_offset 10, -12",
        ".cfi_offset 11, -8",
        ".cfi_offset 14, -4",
        "add r11, sp, #28", // a frame record, for walks by frame pointer
        ".vsave {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        "vpush {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        ".cfi_def_cfa_offset 100",
        ".cfi_offset 264, -100",
        ".cfi_offset 265, -92",
        ".cfi_offset 266, -84",
        ".cfi_offset 267, -76",
        ".cfi_offset 268, -68",
        ".cfi_offset 269, -60",
        ".cfi_offset 270, -52",
        ".cfi_offset 271, -44",
        ".pad #4",
        "sub sp, sp, #4", // aligned for the call
        ".cfi_def_cfa_offset 104",
        "str sp, [r0]",
        "adr r3, 2f",
        "str r3, [r0, #4]",
        "mov r3, r1",
        "mov r0, r2",
        "blx r3",
        "2:", // `recover` comes here, too, with the result in r0
        "add sp, sp, #4",
        ".cfi_def_cfa_offset 100",
        "vpop {{d8, d9, d10, d11, d12, d13, d14, d15}}",
        ".cfi_def_cfa_offset 36",
        "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
        ".fnend",
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
        ".cfi_sections .debug_frame",
        ".cfi_startproc",
        ".fnstart",
        ".cantunwind",
        "ldr r2, [r0]",
        "ldr r3, [r0, #4]",
        "mov r0, r1",
        "mov sp, r2",
        ".cfi_def_cfa_offset 104", // the frame is protect's from here on
        ".cfi_offset 11, -8",
        ".cfi_offset 14, -4",
        "add r11, sp, #96",
        "bx r3",
        ".fnend",
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an undefined instruction; control does not come back.
    unsafe { asm!("udf #0", options(noreturn, nostack)) }
}
