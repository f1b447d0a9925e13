//! z/Architecture in 64-bit mode (s390x), Linux.
//!
//! # The trampoline
//!
//! A `br %r14` has jumped to the stub, so at the first instruction
//!
//! ```text
//!   r15 + 112          the return slot: a function keeps what it must preserve in its *caller's* frame
//!   r15 + 16 … + 160   the rest of that area for registers: the callee's, so dead after the return
//!   r15                the caller's frame, as after any return
//!   r14                the stub's address, no longer of use to anybody
//!   all other registers: results, callee-saved, and what `gcc -fipa-ra` keeps elsewhere
//! ```
//!
//! Every register but r14 is preserved (I13); r15 never moves. Scratch space is the dead area, which lies above the stack
//! pointer: signal handlers leave it alone. Only the condition code changes: no calling convention returns in it. The slot
//! is healed, since walks may look there.
//!
//! It ends in `br` to r14, which then holds the original return address, as after any return.
//!
//! # The CFA is not the stack pointer
//!
//! By convention unwinders take the stack pointer plus 160, where the area for registers ends, for the canonical frame
//! address. Then the rule "the caller's stack pointer is the CFA" does not hold: each row here says `r15 = CFA - 160`. The
//! other crates mean the caller's stack pointer when they say CFA.
//!
//! # Walks follow the back chain
//!
//! The word at the stack pointer holds the caller's stack pointer, in code that was compiled so: `-C
//! target-feature=+backchain`, `-mbackchain`. Packed stacks (`-mpacked-stack`) have another layout and get no barriers.
//!
//! # What unwinders see
//!
//! A frame whose return address lies in the record: in the stubs at a constant distance from the top, a row for each;
//! in the searching stubs and in the tails by a search. Once the slot is healed it is the plain rule. Each row starts one
//! instruction before its stub, since unwinders look return addresses up at `pc - 1`. The stubs have a
//! personality: an exception that crosses a barrier hits it (`personality.rs`). It comes to the landing pad in r6 and
//! r7, which a function would have to preserve: who catches it finds other values of its own there anyhow.
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → back chain, -, r6 … r14, f8 … f15, -      + 160 = r15 after the switch
//! ```
//!
//! The floating-point control register is not switched.
//!
//! Source: *ELF Application Binary Interface, s390x Supplement* 1.6, §1.2 (registers, the stack frame), §1.2.2.2 (back chain).

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
/// From the caller's stack pointer to the return address.
const RETURN_ADDRESS: usize = 112;
/// A function keeps its return address in its caller's frame: back chain, r2 … r14.
pub(super) const LINKAGE_BYTES: usize = RETURN_ADDRESS + SLOT_BYTES;
/// Every call from one frame uses the same slot.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot == sp.wrapping_add(RETURN_ADDRESS)
}
/// The slot lies in the caller's frame.
pub(crate) const HEALS: bool = true;

pub(super) const TAIL_BYTES: usize = 128;
pub(super) const SEARCHING_TAIL_BYTES: usize = 128;
pub(super) const PAD_BYTES: usize = 64;
/// Landing pads get exception and selector in r6 and r7.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 6;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 7;

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records; `t` is the top of the stack. Record i's
/// `saved_lr_ptr` is at `t - 48 - 16·i`, its `saved_lr_val` at `t - 40 - 16·i`, the position at `t - 24`, the length at
/// `t - 20`. The operands of DWARF's branches are in target byte order.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        // ---- what an unwinder evaluates --------------------------------------------------------------------
        ".macro stkbar_frame",                  // CFA = r15 + 160
        ".cfi_def_cfa 15, 160",
        ".cfi_val_offset 15, -160",
        ".endm",
        ".macro stkbar_top k",                  // t, from the stack pointer
        ".cfi_escape 0x7f, 0, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg15 0; >> k; + 1; << k
        ".endm",
        ".macro stkbar_record k, i",            // r14 is at record i's saved_lr_val
        ".cfi_escape 0x10, 14, 14",             // expression, 14 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x10, ((40 + 16 * \\i) & 0x7f) | 0x80, (40 + 16 * \\i) >> 7, 0x1c", // constu; minus
        ".endm",
        ".macro stkbar_search k",               // r14 is at that of the last record, from the position on, that is popped
        ".cfi_escape 0x10, 14, 59",             // expression, 59 bytes
        "stkbar_top \\k",                       // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 48, 0x1c", // over; swap; minus; const1u 48; minus         t end
        ".cfi_escape 0x16, 0x12, 0x08, 24, 0x1c, 0x94, 4", // swap; dup; const1u 24; minus; deref_size 4  end t position
        ".cfi_escape 0x1c, 0x08, 48, 0x1c",     // minus; const1u 48; minus                             end &record
        ".cfi_escape 0x14, 0x14, 0x40, 0x1c, 0x2a, 0x28, 0, 16", // L: over; over; lit16; minus; ge; bra E    past the last
        ".cfi_escape 0x12, 0x40, 0x1c, 0x06, 0x7f, 0xf8, 0, 0x2a", // dup; lit16; minus; deref; breg15 120; ge
        ".cfi_escape 0x28, 0, 5",               // bra E                                                alive
        ".cfi_escape 0x40, 0x1c, 0x2f, 0xff, 0xe8", // lit16; minus; skip L                             the next one
        ".cfi_escape 0x23, 8",                  // E: plus_uconst 8
        ".endm",
        ".balign 512",
        ".skip 510",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        "stkbar_frame",
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nopr %r0",                             // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "brasl %r14, 77b + {tails} + {tail} * (\\k - 11)", // r14 = stub i + 6, however the stub was reached
        ".skip 8",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        "stkbar_frame",
        "stkbar_search \\k",
        "nopr %r0",
        "brasl %r14, 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".skip 8",
        ".cfi_endproc",
        ".endr",
        "nopr %r0",
        // ---- tails of the indexed stubs ----------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {tails} + {tail} * (\\k - 11)",
        ".cfi_startproc",
        "stkbar_frame",
        "stkbar_search \\k",
        "stmg %r0, %r1, 16(%r15)",              // two scratch registers, kept in the dead area
        "lghi %r0, 0x1f0",
        "ngr %r0, %r14",                        // the stub is 16·i above its class's block
        "srlg %r1, %r15, \\k",
        "la %r1, 1(%r1)",
        "sllg %r1, %r1, \\k",                   // t
        "sgr %r1, %r0",                         // t - 16·i
        "lg %r14, -48(%r1)",                    // record i's slot
        "sgr %r14, %r15",
        "cghi %r14, 112",                       // is it the one above r15?
        "jgne 78f",                             // no: the invariants are broken, do not jump anywhere
        "lg %r14, -40(%r1)",                    // the original return address
        "stg %r14, 112(%r15)",                  // heal the slot
        ".cfi_offset 14, -48",
        "agr %r1, %r0",                         // t
        "aghi %r0, 16",                         // the new position is i + 1, absolute: whatever was skipped,
        "sty %r0, -24(%r1)",                    // by longjmp say, cannot put it out of step
        "lmg %r0, %r1, 16(%r15)",
        "br %r14",
        "78: larl %r3, 77b + 512 * (\\k - 11)", // any stub of this class
        "jg 79f",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        "stkbar_frame",
        "stkbar_search \\k",
        "stmg %r0, %r2, 16(%r15)",              // three scratch registers
        "srlg %r1, %r15, \\k",
        "la %r1, 1(%r1)",
        "sllg %r1, %r1, \\k",                   // t
        "la %r0, 112(%r15)",                    // the slot that the return has popped
        "llgf %r14, -24(%r1)",                  // start at the position: the next barrier to be hit
        "lgr %r2, %r1",
        "sgr %r2, %r14",                        // t - 16·i
        "2:",
        "clgf %r14, -20(%r1)",                  // past the last record?
        "jghe 78f",                             // then this slot has none: broken
        "clg %r0, -48(%r2)",                    // is the record's slot the one?
        "jge 3f",
        "aghi %r14, 16",                        // no: its frame was skipped, look at the next
        "aghi %r2, -16",
        "j 2b",
        "3:",
        "lg %r0, -40(%r2)",                     // the original return address
        "stg %r0, 112(%r15)",                   // heal the slot, before the position moves:
        ".cfi_offset 14, -48",                  // the expression above starts from the position
        "aghi %r14, 16",
        "sty %r14, -24(%r1)",                   // the new position
        "lgr %r14, %r0",
        "lmg %r0, %r2, 16(%r15)",
        "br %r14",
        "78: larl %r3, 77b + 512 * (\\k - 11)",
        "jg 79f",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier ---------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        "stkbar_frame",
        ".cfi_register 14, 7",                  // return address is in r7, where the personality put it
        "lgr %r14, %r7",
        ".cfi_same_value 14",
        "lgr %r2, %r6",                         // the exception
        "jg {resume}@PLT",                      // as if the original caller had called it
        ".cfi_endproc",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_undefined 14",
        "79:",
        "lgr %r2, %r15",
        "aghi %r15, -512",                      // keep the evidence
        "stg %r2, 0(%r15)",
        "brasl %r14, {lost}@PLT",
        ".2byte 0",                             // not an instruction
        ".cfi_endproc",
        ".org 77b + {end}",
        ".purgem stkbar_frame",
        ".purgem stkbar_top",
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
/// `read` reads a word of the stack, `bars` is that stack's array if it is known. `None` if `pc` is not in the trampoline
/// or the record is missing. Completes the step on paper, as Go's `gentraceback` does; nothing is changed.
pub fn interrupted_return(
    pc: usize,
    sp: usize,
    bars: Option<&StkbarSlice>,
    read: impl Fn(usize) -> Option<usize>,
) -> Option<(usize, usize)> {
    let slot = sp.checked_add(RETURN_ADDRESS).filter(|_| is_trampoline(pc))?;
    let recorded = bars.and_then(|bars| bars.find(slot)).map(|(_, record)| record.return_pc());
    // Without a record only a healed slot can say it.
    let return_pc = recorded.or_else(|| read(slot).filter(|&word| !is_trampoline(word)))?;
    Some((return_pc, sp))
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
    unsafe { asm!("lgr {}, %r15", "lgr {}, %r11", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(super) const SAVED_BYTES: usize = 160;
/// r11: what frames of no fixed size are counted from by their unwind tables. Walks by the back chain do not need it.
pub(super) const SAVED_FP: usize = 56;
pub(super) const SAVED_PC: usize = 80;

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
        ".cfi_val_offset 15, -160",
        "stg %r14, 112(%r15)", // in the caller's frame, for walks of a stack that was interrupted here
        "lgr %r0, %r15",
        "aghi %r15, -160",
        ".cfi_def_cfa_offset 320",
        "stg %r0, 0(%r15)",         // back chain
        "stmg %r6, %r14, 16(%r15)", // all that the ABI wants preserved, and the return address
        ".irp n, 6,7,8,9,10,11,12,13,14",
        ".cfi_offset \\n, 8 * (\\n - 6) - 304",
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 88 + 8 * (\\n - 8)(%r15)",
        ".cfi_offset %f\\n, 8 * (\\n - 8) - 232",
        ".endr",
        "stg %r15, 0(%r2)", // this stack is left
        "lg %r15, 0(%r3)",  // the other one lies the same way, so the rules above hold on
        ".irp n, 8,9,10,11,12,13,14,15",
        "ld %f\\n, 88 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "lmg %r6, %r14, 16(%r15)",
        "aghi %r15, 160",
        ".cfi_def_cfa_offset 160",
        ".cfi_same_value 14",
        "br %r14", // a call of ours was left there
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: what every frame has for its callees, the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 176;

/// What the first [`switch`] to a new stack takes up: r14 = `stack_base`, r6 = argument, r7 = entry.
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    let mut words = [0; SAVED_BYTES / SLOT_BYTES];
    words[..4].copy_from_slice(&[outermost_sp, 0, argument, entry as usize]);
    words[SAVED_PC / SLOT_BYTES] = stack_base as *const () as usize;
    words
}

/// The outermost frame of every stack. Its back chain is 0.
///
/// Its CFI says that it was called from where the parent's context was saved, so that a debugger shows
/// where a running task was resumed from. Marked a signal frame: gdb then accepts that the caller's stack
/// lies elsewhere.
#[unsafe(naked)]
unsafe extern "C" fn stack_base() -> ! {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_signal_frame",
        ".cfi_escape 0x0f, 8, 0x7f, 0xa0, 0x01, 0x06, 0x06, 0x23, 0xc0, 0x02", // CFA = **(r15 + 160) + 320
        ".cfi_val_offset 15, -160",
        ".irp n, 6,7,8,9,10,11,12,13,14",
        ".cfi_offset \\n, 8 * (\\n - 6) - 304",
        ".endr",
        ".irp n, 8,9,10,11,12,13,14,15",
        ".cfi_offset %f\\n, 8 * (\\n - 8) - 232",
        ".endr",
        "nopr %r0",       // pc - 1 of the first instruction
        "lgr %r2, %r6",   // the argument that `first_words` laid down
        "basr %r14, %r7", // entry
        ".2byte 0",       // it does not return
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
        ".cfi_val_offset 15, -160",
        "stmg %r6, %r14, 48(%r15)", // where the ABI has a place for them
        ".irp n, 6,7,8,9,10,11,12,13,14",
        ".cfi_offset \\n, 8 * (\\n - 6) - 112",
        ".endr",
        "lgr %r1, %r15",
        "aghi %r15, -224", // what every frame has for its callees, and f8 … f15
        ".cfi_def_cfa_offset 384",
        "stg %r1, 0(%r15)",
        ".irp n, 8,9,10,11,12,13,14,15",
        "std %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".cfi_offset %f\\n, 8 * (\\n - 8) - 224",
        ".endr",
        "larl %r1, 2f",
        "stg %r15, 0(%r2)",
        "stg %r1, 8(%r2)",
        "lgr %r2, %r4",
        "basr %r14, %r3",
        "2:", // `recover` comes here, too, with the result in r2
        ".irp n, 8,9,10,11,12,13,14,15",
        "ld %f\\n, 160 + 8 * (\\n - 8)(%r15)",
        ".endr",
        "aghi %r15, 224",
        ".cfi_def_cfa_offset 160",
        "lmg %r6, %r14, 48(%r15)",
        "br %r14",
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
        ".cfi_val_offset 15, -160",
        "lg %r4, 0(%r2)",
        "lg %r1, 8(%r2)",
        "lgr %r2, %r3",
        "lgr %r15, %r4",
        ".cfi_def_cfa_offset 384", // the frame is protect's from here on
        ".cfi_offset 14, -48",
        "br %r1",
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: not an instruction; control does not come back.
    unsafe { asm!(".2byte 0", options(noreturn, nostack)) }
}
