//! 64-bit PowerPC of either byte order, Linux: ELFv1 (big endian, function descriptors) and ELFv2.
//!
//! # The trampoline
//!
//! A `blr` has jumped to the stub, so at the first instruction
//!
//! ```text
//!   r1 + 16      the return slot: a function keeps its return address in its *caller's* frame. Dead after the return
//!   r1           the caller's frame: the CFA of the function that returned
//!   lr           the stub's address, no longer of use to anybody
//!   r0 r11 r12 ctr   linkage code between functions (stubs of the linker) may change them at any call
//!   all other registers: results, callee-saved, the condition register, and r2, the caller's table of contents
//! ```
//!
//! These five are all that it uses. The searching stubs keep cr0 in the word below the stack pointer, which belonged to the frame
//! that just returned and which signal handlers leave alone (288 bytes). The slot is healed: it lies *above* the stack
//! pointer, where walks may look.
//!
//! It ends in `blr` to the original return address, in lr as after any return; the link stack of the predictor pairs it
//! with the stub's `bl`.
//!
//! # Table of contents
//!
//! A trampoline is returned to: r2 is whatever the function that returned has left, its own or its caller's, and r12 is not the
//! address of the code. Whatever calls from here (the landing pad, and what stops the process) makes its own r2
//! first. To the landing pad, r2 is that of the function that was left; its caller's is what the caller's next
//! instruction would load, if that is the reload that linkers put after a call to elsewhere.
//!
//! On ELFv1 a function pointer is the address of a descriptor. Naked functions have none: [`switch`], [`protect`] and
//! [`recover`] can be called by name there, not through a pointer.
//!
//! # What unwinders see
//!
//! A frame whose CFA is `r1` and whose return address lies in the record: in the stubs at a constant distance
//! from the top, a row for each; in the searching stubs and in the tails by a search. Once the slot is healed it is the
//! plain rule. Each row starts one instruction before its stub, since unwinders look return addresses up at
//! `pc - 1`. The stubs have a personality: an exception that crosses a barrier hits it (`personality.rs`).
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → back chain, cr, lr, r2, r14 … r31, f14 … f31, v20 … v31      + 512 = r1 after the switch
//! ```
//!
//! FPSCR and VSCR are not switched. ELFv1 does not ask for a vector unit; there v20 … v31 are switched in builds with the target feature
//! `altivec`.
//!
//! Sources: *64-bit PowerPC ELF ABI Supplement* 1.9, §3.2; *64-bit ELF V2 ABI Specification, Power Architecture* 1.5, §2.2–2.3.

use core::arch::{asm, naked_asm};
use core::sync::atomic::AtomicUsize;

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline, landing_pad};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
use crate::stkbar::StkbarSlice;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 8;
pub(crate) type Slot = usize;
pub(crate) type AtomicSlot = AtomicUsize;
/// From the caller's stack pointer to the return address.
const RETURN_ADDRESS: usize = 16;
/// A function keeps its return address in its caller's frame: back chain, condition register, return address.
pub(super) const LINKAGE_BYTES: usize = RETURN_ADDRESS + SLOT_BYTES;
/// Every call from one frame uses the same slot.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot == sp.wrapping_add(RETURN_ADDRESS)
}
/// The slot lies in the caller's frame.
pub(crate) const HEALS: bool = true;

pub(super) const TAIL_BYTES: usize = 96;
pub(super) const SEARCHING_TAIL_BYTES: usize = 128;
pub(super) const PAD_BYTES: usize = 128;
/// Landing pads get exception and selector in r3 and r4.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 3;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 4;

/// Are function pointers addresses of descriptors?
const DESCRIPTORS: bool = cfg!(target_abi = "elfv1");
/// From the stack pointer to where calls to elsewhere keep r2.
const TOC_SAVE: usize = if DESCRIPTORS { 40 } else { 24 };
/// Are the vector registers v20 … v31 preserved?
const VECTORS: bool = !DESCRIPTORS || cfg!(target_feature = "altivec");
/// Of the landing pad's frame.
const PAD_FRAME: usize = 128;
/// The operands of DWARF's branches are in target byte order: 15, 5 and -23 bytes on.
const PAST_END: [u8; 2] = 15_u16.to_ne_bytes();
const PAST_LOOP: [u8; 2] = 5_u16.to_ne_bytes();
const LOOP: [u8; 2] = (-23_i16).to_ne_bytes();

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records; `t` is the top of the stack. Record i's
/// `saved_lr_ptr` is at `t - 48 - 16·i`, its `saved_lr_val` at `t - 40 - 16·i`, the position at `t - 24`, the length at
/// `t - 20`. The condition register stays as it is: where a comparison must branch, the counter does it.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        // ---- what an unwinder evaluates --------------------------------------------------------------------
        ".macro stkbar_top k",                  // t, from the stack pointer
        ".cfi_escape 0x71, 0, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg1 0; >> k; + 1; << k
        ".endm",
        ".macro stkbar_record k, i",            // lr is at record i's saved_lr_val
        ".cfi_escape 0x10, 65, 14",             // expression, 14 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x10, ((40 + 16 * \\i) & 0x7f) | 0x80, (40 + 16 * \\i) >> 7, 0x1c", // constu; minus
        ".endm",
        ".macro stkbar_search k",               // lr is at that of the last record, from the position on, that is popped
        ".cfi_escape 0x10, 65, 58",             // expression, 58 bytes
        "stkbar_top \\k",                       // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 48, 0x1c", // over; swap; minus; const1u 48; minus         t end
        ".cfi_escape 0x16, 0x12, 0x08, 24, 0x1c, 0x94, 4", // swap; dup; const1u 24; minus; deref_size 4  end t position
        ".cfi_escape 0x1c, 0x08, 48, 0x1c",     // minus; const1u 48; minus                             end &record
        ".cfi_escape 0x14, 0x14, 0x40, 0x1c, 0x2a", // L: over; over; lit16; minus; ge                  past the last?
        ".cfi_escape 0x28, {past_end0}, {past_end1}", // bra E
        ".cfi_escape 0x12, 0x40, 0x1c, 0x06, 0x71, 24, 0x2a", // dup; lit16; minus; deref; breg1 24; ge  alive?
        ".cfi_escape 0x28, {past_loop0}, {past_loop1}", // bra E
        ".cfi_escape 0x40, 0x1c, 0x2f, {loop0}, {loop1}", // lit16; minus; skip L                       the next one
        ".cfi_escape 0x23, 8",                  // E: plus_uconst 8
        ".endm",
        // ---- a table of contents of our own: r2, by way of r11 and lr -------------------------------------------
        ".macro stkbar_toc",
        "bcl 20, 31, 76f",                      // a call that the link stack of the predictor does not count
        "76:",
        "mflr %r11",
        ".if {descriptors}",
        "addis %r11, %r11, ({personality} - 76b)@ha", // the descriptor of any function of ours has it
        "addi %r11, %r11, ({personality} - 76b)@l",
        "ld %r2, 8(%r11)",
        ".else",
        "addis %r2, %r11, .TOC.-76b@ha",
        "addi %r2, %r2, .TOC.-76b@l",
        ".endif",
        ".endm",
        ".balign 512",
        ".skip 508",
        // ---- indexed stubs ---------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 1, 0",                    // CFA = r1
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // where pc - 1 of the stub falls
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        "bl 77b + {tails} + {tail} * (\\k - 11)", // lr = stub i + 4, however the stub was reached
        "nop",
        "nop",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode ----------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 1, 0",
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
        ".cfi_def_cfa 1, 0",
        "stkbar_search \\k",
        "mflr %r0",
        "rlwinm %r0, %r0, 0, 23, 27",           // & 0x1f0: the stub is 16·i above its class's block
        "srdi %r12, %r1, \\k",
        "addi %r12, %r12, 1",
        "sldi %r12, %r12, \\k",                 // t
        "subf %r12, %r0, %r12",                 // t - 16·i
        "ld %r11, -48(%r12)",                   // record i's slot
        "subf %r11, %r1, %r11",                 // is it the one above r1?
        "addi %r11, %r11, -15",                 // then this is 1,
        "mtctr %r11",
        "bdnz 79f",                             // and the counter goes to 0. No: do not jump anywhere
        "ld %r11, -40(%r12)",                   // the original return address
        "std %r11, 16(%r1)",                    // heal the slot
        ".cfi_offset 65, 16",
        "mtlr %r11",
        "add %r12, %r12, %r0",                  // t
        "mr %r11, %r0",
        "addi %r11, %r11, 16",                  // the new position is i + 1, absolute: whatever was skipped,
        "stw %r11, -24(%r12)",                  // by longjmp say, cannot put it out of step
        "blr",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs --------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11)",
        ".cfi_startproc",
        ".cfi_def_cfa 1, 0",
        "stkbar_search \\k",
        "mfocrf %r0, 0x80",                     // cr0, kept in the red zone
        "std %r0, -8(%r1)",
        "srdi %r12, %r1, \\k",
        "addi %r12, %r12, 1",
        "sldi %r12, %r12, \\k",                 // t
        "lwz %r11, -24(%r12)",                  // start at the position: the next barrier to be hit
        "lwz %r0, -20(%r12)",
        "subf %r0, %r11, %r0",
        "srdi %r0, %r0, 4",                     // so many records from there
        "cmpdi %r0, 0",
        "beq 79f",                              // none: broken
        "mtctr %r0",
        "subf %r11, %r11, %r12",                // t - 16·i
        "2:",
        "ld %r0, -48(%r11)",                    // the record's slot
        "subf %r0, %r1, %r0",
        "cmpldi %r0, 16",                       // is it the one above r1?
        "beq 3f",
        "addi %r11, %r11, -16",                 // no: its frame was skipped, look at the next
        "bdnz 2b",
        "b 79f",                                // past the last record: broken
        "3:",
        "ld %r0, -40(%r11)",                    // the original return address
        "std %r0, 16(%r1)",                     // heal the slot, before the position moves:
        ".cfi_offset 65, 16",                   // the expression above starts from the position
        "mtlr %r0",
        "subf %r11, %r11, %r12",                // 16·i
        "addi %r11, %r11, 16",
        "stw %r11, -24(%r12)",                  // the new position
        "ld %r0, -8(%r1)",
        "mtocrf 0x80, %r0",
        "blr",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier ---------------------------------------------------
        ".org 77b + {pad}",
        ".cfi_startproc",
        ".cfi_def_cfa 1, 0",
        ".cfi_register 65, 4",                  // return address is in r4, where the personality put it
        "std %r4, 16(%r1)",                     // heal the slot: from here on a frame as any other
        ".cfi_offset 65, 16",
        "stdu %r1, -{pad_frame}(%r1)",
        ".cfi_def_cfa_offset {pad_frame}",
        "lwz %r11, 0(%r4)",                     // would the caller go on with
        "lis %r12, -0x17bf",
        "ori %r12, %r12, {toc_save}",           // ld r2, TOC_SAVE(r1)?
        "cmplw %r11, %r12",
        "bne 3f",
        "ld %r2, {pad_frame} + {toc_save}(%r1)", // then that is its table of contents; else it is ours to keep
        "3:",
        "std %r2, {pad_frame} - 16(%r1)",
        ".cfi_offset 2, -16",
        "stkbar_toc",
        "bl {resume}",                          // r3 is the exception
        "nop",                                  // the linker's to fill in
        ".long 0",
        ".cfi_endproc",
        // ---- a record is missing -----------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_undefined 65",
        "79:",
        "mr %r3, %r1",
        "mflr %r4",
        "addi %r4, %r4, -4",                    // the stub
        "stdu %r1, -512(%r1)",                  // keep the evidence
        "stkbar_toc",
        "bl {lost}",
        "nop",
        ".long 0",
        ".cfi_endproc",
        ".org 77b + {end}",
        ".purgem stkbar_top",
        ".purgem stkbar_record",
        ".purgem stkbar_search",
        ".purgem stkbar_toc",
        tails = const TAILS,
        tail = const TAIL_BYTES,
        searching_tails = const SEARCHING_TAILS,
        searching_tail = const SEARCHING_TAIL_BYTES,
        pad = const PAD,
        pad_frame = const PAD_FRAME,
        end = const END,
        toc_save = const TOC_SAVE,
        descriptors = const DESCRIPTORS as u32,
        past_end0 = const PAST_END[0],
        past_end1 = const PAST_END[1],
        past_loop0 = const PAST_LOOP[0],
        past_loop1 = const PAST_LOOP[1],
        loop0 = const LOOP[0],
        loop1 = const LOOP[1],
        personality = sym personality::personality,
        resume = sym personality::resume,
        lost = sym crate::fatal::lost,
    )
}

/// Address of [`stack_barrier`]: of its code, with descriptors, too.
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
    if !is_trampoline(pc) {
        return None;
    }
    // Past its second instruction the landing pad has a frame, and the slot is healed.
    if pc >= landing_pad() + 8 {
        let sp = sp.checked_add(PAD_FRAME)?;
        return Some((read(sp.checked_add(RETURN_ADDRESS)?)?, sp));
    }
    let slot = sp.checked_add(RETURN_ADDRESS)?;
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
    unsafe { asm!("mr {}, %r1", "mr {}, %r31", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack.
pub(super) const SAVED_BYTES: usize = 512;
/// r31: what frames of no fixed size are counted from by their unwind tables. Walks by the back chain do not need it.
pub(super) const SAVED_FP: usize = 168;
pub(super) const SAVED_PC: usize = 16;

/// Leaves this stack, described by `*save`, and goes on where `*load` was left.
///
/// Returns when somebody switches back. With function descriptors (ELFv1) to be called by name only.
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
        "mflr %r0",
        "std %r0, 16(%r1)", // in the caller's frame, for walks of a stack that was interrupted here
        "stdu %r1, -512(%r1)",
        ".cfi_def_cfa_offset 512",
        ".cfi_offset 65, 16",
        "mfcr %r12", // all that the ABI wants preserved: cr2, cr3, cr4,
        "std %r12, 8(%r1)",
        "std %r0, 16(%r1)", // and the return address again, where it is on a new stack, too
        ".cfi_offset 65, -496",
        "std %r2, 24(%r1)", // the table of contents of who called
        ".cfi_offset 2, -488",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 32 + 8 * (\\n - 14)(%r1)", // r14 …
        ".cfi_offset \\n, 8 * (\\n - 14) - 480",
        "stfd \\n, 176 + 8 * (\\n - 14)(%r1)", // f14 …
        ".cfi_offset 32 + \\n, 8 * (\\n - 14) - 336",
        ".endr",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r12, 320 + 16 * (\\n - 20)",
        "stvx \\n, %r1, %r12", // v20 …
        ".cfi_offset 77 + \\n, 16 * (\\n - 20) - 192",
        ".endr",
        ".endif",
        "std %r1, 0(%r3)", // this stack is left
        "ld %r1, 0(%r4)",  // the other one lies the same way, so the rules above hold on
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r12, 320 + 16 * (\\n - 20)",
        "lvx \\n, %r1, %r12",
        ".endr",
        ".endif",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "lfd \\n, 176 + 8 * (\\n - 14)(%r1)",
        "ld \\n, 32 + 8 * (\\n - 14)(%r1)",
        ".endr",
        "ld %r2, 24(%r1)",
        "ld %r0, 16(%r1)",
        "mtlr %r0",
        "ld %r12, 8(%r1)",
        "mtcrf 0x38, %r12",
        "addi %r1, %r1, 512",
        ".cfi_def_cfa_offset 0",
        ".cfi_same_value 65",
        "blr", // a call of ours was left there: `blr` keeps the predictor aligned
        ".cfi_endproc",
        vectors = const VECTORS as u32,
    )
}

/// Bytes of the outermost frame: the header and the area for parameters that the larger of the two ABIs asks for, the
/// parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 128;

/// What the first [`switch`] to a new stack takes up: lr = `stack_base`, r14 = argument, r15 = entry.
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    let mut words = [0; SAVED_BYTES / SLOT_BYTES];
    let base = stack_base as *const () as usize;
    words[..6].copy_from_slice(&[outermost_sp, 0, base, 0, argument, entry as usize]);
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
        ".cfi_escape 0x0f, 8, 0x71, 0xf0, 0, 0x06, 0x06, 0x23, 0x80, 0x04", // CFA = **(r1 + 112) + 512
        ".cfi_offset 65, -496",
        ".cfi_offset 2, -488",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        ".cfi_offset \\n, 8 * (\\n - 14) - 480",
        ".cfi_offset 32 + \\n, 8 * (\\n - 14) - 336",
        ".endr",
        "nop",           // pc - 1 of the first instruction
        "mr %r3, %r14",  // the argument that `first_words` laid down
        ".if {descriptors}",
        "ld %r12, 0(%r15)", // entry's code,
        "ld %r2, 8(%r15)",  // and its table of contents
        ".else",
        "mr %r12, %r15", // a function called by its address finds that in r12
        ".endif",
        "mtctr %r12",
        "bctrl",
        ".long 0", // it does not return
        ".cfi_endproc",
        descriptors = const DESCRIPTORS as u32,
    )
}

/// Bytes of [`protect`]'s frame: the larger ABI's header, r14 …, f14 …, v20 ….
const PROTECT_FRAME: usize = 592;

/// Calls `f(argument)` and returns its result, or the one given to [`recover`].
///
/// With function descriptors (ELFv1) to be called by name only.
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
        "mflr %r0",
        "std %r0, 16(%r1)",
        ".cfi_offset 65, 16",
        "mfcr %r12",
        "stw %r12, 8(%r1)",
        "stdu %r1, -{frame}(%r1)",
        ".cfi_def_cfa_offset {frame}",
        "std %r2, {toc_save}(%r1)",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "std \\n, 112 + 8 * (\\n - 14)(%r1)",
        ".cfi_offset \\n, 112 + 8 * (\\n - 14) - {frame}",
        "stfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        ".cfi_offset 32 + \\n, 256 + 8 * (\\n - 14) - {frame}",
        ".endr",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r12, 400 + 16 * (\\n - 20)",
        "stvx \\n, %r1, %r12",
        ".cfi_offset 77 + \\n, 400 + 16 * (\\n - 20) - {frame}",
        ".endr",
        ".endif",
        "bcl 20, 31, 3f",
        "3:",
        "mflr %r6",
        "addi %r6, %r6, 2f - 3b",
        "std %r1, 0(%r3)",
        "std %r6, 8(%r3)",
        ".if {descriptors}",
        "ld %r12, 0(%r4)", // f's code,
        "ld %r2, 8(%r4)",  // and its table of contents
        ".else",
        "mr %r12, %r4", // a function called by its address finds that in r12
        ".endif",
        "mtctr %r12",
        "mr %r3, %r5",
        "bctrl",
        "2:", // `recover` comes here, too, with the result in r3
        "ld %r2, {toc_save}(%r1)",
        ".if {vectors}",
        ".irp n, 20,21,22,23,24,25,26,27,28,29,30,31",
        "li %r12, 400 + 16 * (\\n - 20)",
        "lvx \\n, %r1, %r12",
        ".endr",
        ".endif",
        ".irp n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "lfd \\n, 256 + 8 * (\\n - 14)(%r1)",
        "ld \\n, 112 + 8 * (\\n - 14)(%r1)",
        ".endr",
        "addi %r1, %r1, {frame}",
        ".cfi_def_cfa_offset 0",
        "ld %r0, 16(%r1)",
        "mtlr %r0",
        "lwz %r12, 8(%r1)",
        "mtcrf 0x38, %r12",
        "blr",
        ".cfi_endproc",
        frame = const PROTECT_FRAME,
        toc_save = const TOC_SAVE,
        vectors = const VECTORS as u32,
        descriptors = const DESCRIPTORS as u32,
    )
}

/// Drops every frame below `point` and makes that call of [`protect`] return `value`.
///
/// With function descriptors (ELFv1) to be called by name only.
///
/// # Safety
///
/// The call of `protect` that filled in `point` is live on this very stack; see there.
#[unsafe(naked)]
pub unsafe extern "C" fn recover(point: *const RecoverPoint, value: usize) -> ! {
    naked_asm!(
        ".cfi_startproc",
        "ld %r5, 0(%r3)",
        "ld %r6, 8(%r3)",
        "mtctr %r6",
        "mr %r3, %r4",
        "mr %r1, %r5",
        ".cfi_def_cfa_offset {frame}", // the frame is protect's from here on
        ".cfi_offset 65, 16",
        "bctr",
        ".cfi_endproc",
        frame = const PROTECT_FRAME,
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: not an instruction; control does not come back.
    unsafe { asm!(".long 0", options(noreturn, nostack)) }
}
