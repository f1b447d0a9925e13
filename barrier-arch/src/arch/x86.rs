//! x86, 32 bits (Intel 386 and later), System V ABI, Linux.
//!
//! # The trampoline
//!
//! A `ret` has jumped to the stub, so at the first instruction
//!
//! ```text
//!   esp - 4 and below   dead: the return slot, and above it what a `ret n` has popped, too
//!   esp                 the caller's frame, as after any return
//!   all registers: results, callee-saved, and what `gcc -fipa-ra` keeps elsewhere
//! ```
//!
//! There is no red zone, so the stub *calls* its tail: the word that the call pushes tells the index, and room is made
//! below it by pushing. The tail writes the original return address over that word and returns by it: every register is
//! as it was (I13), and the predictor pairs the `ret` with the call.
//!
//! A function that returns a struct by reference ends in `ret 4`, and other conventions pop all their arguments: of the
//! slot it is only known that it lies below `esp`. Only the arithmetic flags change.
//!
//! # What unwinders see
//!
//! A frame whose CFA is the `esp` after the return and whose return address lies in the record: in the stubs at a
//! constant distance from the top, a row for each; in the tails at the distance that the pushed word tells; with searching
//! stubs by the same search as the machine code's. Each row of a stub starts one byte before it, since unwinders look
//! return addresses up at `pc - 1`. The stubs have a personality: an exception that crosses a barrier hits it (`personality.rs`).
//!
//! # Position-independent code
//!
//! No register points to the global offset table here, so nothing is called that may lie in another object: the landing
//! pad goes to a function of this crate, which calls `_Unwind_Resume`.
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → edi esi ebx ebp pc        + 20 = esp after the switch
//! ```
//!
//! MXCSR and the x87 control word are not switched.

use core::arch::{asm, naked_asm};
use core::sync::atomic::AtomicUsize;

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline, stub_table};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
use crate::stkbar::StkbarSlice;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 4;
pub(crate) type Slot = usize;
pub(crate) type AtomicSlot = AtomicUsize;
/// The slot of a function that has returned lies below the stack pointer.
pub(super) const LINKAGE_BYTES: usize = 0;
/// `ret n` pops `n` bytes more.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot < sp
}
/// The trampoline leaves by way of the word right below the stack pointer: the slot, unless the return popped more.
pub(crate) const HEALS: bool = true;

pub(super) const TAIL_BYTES: usize = 56;
pub(super) const SEARCHING_TAIL_BYTES: usize = 80;
pub(super) const PAD_BYTES: usize = 64;
/// Landing pads get exception and selector in eax and edx.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 0;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 2;

/// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
///
/// In the text below `\k` runs over the size classes and `\i` over the records; offsets are relative to `t - 1`,
/// where `t` is the top of the stack, because that is what `esp | (2^k - 1)` gives: record i's `saved_lr_ptr` is at
/// `t-1 - 39 - 8·i`, its `saved_lr_val` at `t-1 - 35 - 8·i`, the position at `t-1 - 23`, the length at `t-1 - 19`.
/// The expressions count from `t` itself. S is the stack pointer after the return.
#[unsafe(naked)]
unsafe extern "C" fn stack_barrier() {
    naked_asm!(
        // ---- what an unwinder evaluates ------------------------------------------------------------------
        ".macro stkbar_top k",                  // t, from the stack pointer
        ".cfi_escape 0x74, 0, 0x08, \\k, 0x25, 0x23, 1, 0x08, \\k, 0x24", // breg4 0; >> k; + 1; << k
        ".endm",
        ".macro stkbar_record k, i",            // eip is at &record[i].saved_lr_val
        ".cfi_escape 0x10, 8, 14",              // expression, 14 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x10, ((36 + 8 * \\i) & 0x7f) | 0x80, (36 + 8 * \\i) >> 7, 0x1c", // constu; minus
        ".endm",
        ".macro stkbar_pushed k, pushed",       // the same, the index from the word at S - 4: eip of stub i, and 5
        ".cfi_def_cfa_offset 4 + \\pushed",
        ".cfi_escape 0x10, 8, 20",              // expression, 20 bytes
        "stkbar_top \\k",
        ".cfi_escape 0x74, \\pushed, 0x06, 0x08, 0xf8, 0x1a, 0x1c", // breg4 pushed; deref; const1u 0xf8; and; minus
        ".cfi_escape 0x08, 36, 0x1c",           // const1u 36; minus
        ".endm",
        ".macro stkbar_search k, below",        // eip is in the last record, from the position on, that is popped
        ".cfi_def_cfa_offset \\below",          // S - esp
        ".cfi_escape 0x10, 8, 58",              // expression, 58 bytes
        "stkbar_top \\k",                       // t
        ".cfi_escape 0x12, 0x08, 20, 0x1c, 0x94, 4",   // dup; const1u 20; minus; deref_size 4          t length
        ".cfi_escape 0x14, 0x16, 0x1c, 0x08, 40, 0x1c", // over; swap; minus; const1u 40; minus         t end
        ".cfi_escape 0x16, 0x12, 0x08, 24, 0x1c, 0x94, 4", // swap; dup; const1u 24; minus; deref_size 4  end t position
        ".cfi_escape 0x1c, 0x08, 40, 0x1c",     // minus; const1u 40; minus                             end &record
        ".cfi_escape 0x14, 0x14, 0x38, 0x1c, 0x2a, 0x28, 15, 0", // L: over; over; lit8; minus; ge; bra E     past the last
        ".cfi_escape 0x12, 0x38, 0x1c, 0x06, 0x74, \\below, 0x2a, 0x28, 5, 0", // dup; lit8; minus; deref; breg4 S; ge; bra E
        ".cfi_escape 0x38, 0x1c, 0x2f, 0xe9, 0xff", // lit8; minus; skip L                              the next one
        ".cfi_escape 0x23, 4",                  // E: plus_uconst 4
        ".endm",
        ".balign 512, 0x90",
        ".skip 511, 0x90",
        // ---- indexed stubs -------------------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 4, 0",                    // CFA = esp
        ".irp i, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31",
        "stkbar_record \\k, \\i",
        "nop",                                  // the byte that pc - 1 of the stub falls on
        ".if (\\k == 11) && (\\i == 0)",
        "77:",                                  // the first stub
        ".endif",
        ".byte 0xe8",                           // call rel32: pushes stub i + 5
        ".long 77b + {tails} + {tail} * (\\k - 11) - (. + 4)",
        "nop",
        "nop",
        ".endr",
        ".cfi_endproc",
        ".endr",
        // ---- searching stubs, for every-frame mode -------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".cfi_startproc",
        ".cfi_personality 0x1b, {personality}",
        ".cfi_def_cfa 4, 0",
        "stkbar_search \\k, 0",
        "nop",
        ".byte 0xe8",
        ".long 77b + {searching_tails} + {searching_tail} * (\\k - 11) - (. + 4)",
        "nop",
        "nop",
        ".cfi_endproc",
        ".endr",
        "nop",
        // ---- tails of the indexed stubs ------------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".org 77b + {tails} + {tail} * (\\k - 11), 0x90",
        ".cfi_startproc",
        "stkbar_pushed \\k, 0",
        "push eax",                             // three scratch registers, kept below the stub's word
        "stkbar_pushed \\k, 4",
        "push ecx",
        "stkbar_pushed \\k, 8",
        "push edx",
        "stkbar_pushed \\k, 12",
        "movzx eax, byte ptr [esp + 12]",       // the stub is 8·i above its class's block, and the call is 5 bytes long
        "mov ecx, esp",
        "or ecx, (1 << \\k) - 1",               // t - 1
        "sub eax, 5",                           // 8·i
        "sub ecx, eax",                         // t-1 - 8·i
        "lea edx, [esp + 12]",                  // S - 4
        "cmp edx, dword ptr [ecx - 39]",        // has this return popped record i's slot?
        "jb 79f",                               // no: the invariants are broken, do not jump anywhere
        "mov edx, dword ptr [ecx - 35]",        // the original return address
        // After the next instruction the plain rule holds; the row starts inside it, so that a look-up at
        // pc - 1 agrees.
        ".byte 0x89",                           // mov dword ptr [esp + 12], edx: what the `ret` below goes to
        ".cfi_offset 8, -4",
        ".byte 0x54, 0x24, 0x0c",
        "add ecx, eax",                         // t - 1
        "add eax, 8",                           // the new position is i + 1, absolute: whatever was skipped,
        "mov dword ptr [ecx - 23], eax",        // by longjmp say, cannot put it out of step
        ".org 77b + {tails} + {tail} * (\\k - 10) - 4, 0x90", // where `interrupted_return` expects the last four
        "pop edx",
        ".cfi_def_cfa_offset 12",
        "pop ecx",
        ".cfi_def_cfa_offset 8",
        "pop eax",
        ".cfi_def_cfa_offset 4",
        "ret",
        ".cfi_endproc",
        ".endr",
        // ---- tails of the searching stubs ----------------------------------------------------------------
        ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 11), 0x90",
        ".cfi_startproc",
        "stkbar_search \\k, 4",
        "push eax",                             // three scratch registers
        "stkbar_search \\k, 8",
        "push ecx",
        "stkbar_search \\k, 12",
        "push edx",
        "stkbar_search \\k, 16",
        "mov ecx, esp",
        "or ecx, (1 << \\k) - 1",               // t - 1
        "mov edx, ecx",
        "sub edx, dword ptr [ecx - 23]",        // start at the position: &record[position] + 39
        "sub ecx, dword ptr [ecx - 19]",        // &record[length] + 39
        "2:",
        "cmp edx, ecx",
        "jbe 3f",                               // past the last record
        "mov eax, dword ptr [edx - 39]",        // the record's slot …
        "sub eax, esp",
        "cmp eax, 16",                          // … against S: it may be a long way below
        "jge 3f",                               // not popped: it is the one before
        "sub edx, 8",                           // popped: perhaps its frame was skipped, look at the next
        "jmp 2b",
        "3:",
        "mov ecx, esp",
        "or ecx, (1 << \\k) - 1",               // t - 1
        "mov eax, ecx",
        "sub eax, dword ptr [ecx - 23]",        // where the search began
        "cmp edx, eax",
        "je 79f",                               // none was popped: broken
        "mov eax, dword ptr [edx - 27]",        // the original return address of the one before
        ".byte 0x89",                           // mov dword ptr [esp + 12], eax: before the position moves,
        ".cfi_offset 8, -4",                    // from which the expression above starts
        ".byte 0x44, 0x24, 0x0c",
        "mov eax, ecx",
        "sub eax, edx",                         // the distance of that record's successor: the new position
        "mov dword ptr [ecx - 23], eax",
        ".org 77b + {searching_tails} + {searching_tail} * (\\k - 10) - 4, 0x90",
        "pop edx",
        ".cfi_def_cfa_offset 12",
        "pop ecx",
        ".cfi_def_cfa_offset 8",
        "pop eax",
        ".cfi_def_cfa_offset 4",
        "ret",
        ".cfi_endproc",
        ".endr",
        // ---- landing pad: an exception crosses the barrier -----------------------------------------------
        ".org 77b + {pad}, 0x90",
        ".cfi_startproc",
        ".cfi_def_cfa 4, 0",
        ".cfi_register 8, 2",                   // return address is in edx, where the personality put it
        "push edx",                             // as if the original caller had called
        ".cfi_def_cfa_offset 4",
        ".cfi_offset 8, -4",
        "mov ecx, eax",                         // the exception, in a register: nothing may lie above that word
        "jmp {resume}",
        ".cfi_endproc",
        // ---- a record is missing -------------------------------------------------------------------------
        ".cfi_startproc",
        ".cfi_undefined 8",
        "79:",
        "mov eax, dword ptr [esp + 12]",
        "sub eax, 5",                           // the stub
        "lea ecx, [esp + 16]",                  // S
        "sub esp, 256",                         // keep the evidence
        "and esp, -16",
        "sub esp, 8",
        "push eax",
        "push ecx",
        "call {lost}",
        "ud2",
        ".cfi_endproc",
        ".org 77b + {end}, 0x90",
        ".purgem stkbar_top",
        ".purgem stkbar_record",
        ".purgem stkbar_pushed",
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
/// `bars` is that stack's array if it is known: the last record that is popped says it. Without, the word that the tail leaves by
/// does, once it is written; `read` reads a word of the stack. `None` if `pc` is not in the trampoline or neither tells. Completes the step on paper, as Go's `gentraceback` does;
/// nothing is changed.
pub fn interrupted_return(
    pc: usize,
    sp: usize,
    bars: Option<&StkbarSlice>,
    read: impl Fn(usize) -> Option<usize>,
) -> Option<(usize, usize)> {
    if !is_trampoline(pc) {
        return None;
    }
    let sp = sp.wrapping_add(SLOT_BYTES * words_pushed(pc - stub_table()));
    let record = bars.and_then(|bars| bars.get(bars.last_popped(sp)?));
    let healed = || read(sp.checked_sub(SLOT_BYTES)?).filter(|&word| !is_trampoline(word));
    record.map(|record| record.return_pc()).or_else(healed).map(|pc| (pc, sp))
}

/// Words between the stack pointer and where it was after the return, at this distance from the first stub.
const fn words_pushed(offset: usize) -> usize {
    if offset < TAILS {
        0
    } else if offset < SEARCHING_TAILS {
        pushed_in_tail((offset - TAILS) % TAIL_BYTES, TAIL_BYTES)
    } else if offset < PAD {
        pushed_in_tail((offset - SEARCHING_TAILS) % SEARCHING_TAIL_BYTES, SEARCHING_TAIL_BYTES)
    } else {
        // The pad's push is its first instruction.
        (offset > PAD) as usize
    }
}

/// A tail starts with three pushes and ends in three pops and `ret`, a byte each.
const fn pushed_in_tail(offset: usize, bytes: usize) -> usize {
    let (from_start, to_end) = (offset + 1, bytes - offset);
    let least = if from_start < to_end { from_start } else { to_end };
    if least < 4 { least } else { 4 }
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
    unsafe { asm!("mov {}, esp", "mov {}, ebp", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack: four registers and the pc.
pub(super) const SAVED_BYTES: usize = 20;
pub(super) const SAVED_FP: usize = 12;
pub(super) const SAVED_PC: usize = 16;

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
        "mov eax, [esp + 4]", // save
        "mov ecx, [esp + 8]", // load
        "push ebp",           // all that the ABI wants preserved
        ".cfi_def_cfa_offset 8",
        ".cfi_offset 5, -8",
        "push ebx",
        ".cfi_def_cfa_offset 12",
        ".cfi_offset 3, -12",
        "push esi",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset 6, -16",
        "push edi",
        ".cfi_def_cfa_offset 20",
        ".cfi_offset 7, -20",
        "mov [eax], esp", // this stack is left
        "mov esp, [ecx]", // the other one lies the same way, so the rules above hold on
        "pop edi",
        ".cfi_def_cfa_offset 16",
        ".cfi_restore 7",
        "pop esi",
        ".cfi_def_cfa_offset 12",
        ".cfi_restore 6",
        "pop ebx",
        ".cfi_def_cfa_offset 8",
        ".cfi_restore 3",
        "pop ebp",
        ".cfi_def_cfa_offset 4",
        ".cfi_restore 5",
        "ret", // a call of ours was left there: `ret` keeps the predictor aligned
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: the argument of `entry`, a word that is unused, the parent, and another such word.
pub(super) const OUTERMOST_BYTES: usize = 16;

/// What the first [`switch`] to a new stack takes up: ebp is 0, where the chain of frame pointers ends.
///
/// ```text
///   outermost_sp         room for the argument of `entry`
///   outermost_sp - 4     the call of `entry` pushes its return address here; before that: stack_base
///   outermost_sp - 20    edi = 0, esi = argument, ebx = entry, ebp = 0
/// ```
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    _outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    [0, argument, entry as usize, 0, stack_base as *const () as usize]
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
        ".cfi_escape 0x0f, 6, 0x74, 8, 0x06, 0x06, 0x23, 20", // CFA = **(esp + 8) + 20: breg4 8; deref; deref; +20
        ".cfi_offset 8, -4",
        ".cfi_offset 5, -8",
        ".cfi_offset 3, -12",
        ".cfi_offset 6, -16",
        ".cfi_offset 7, -20",
        "nop",            // pc - 1 of the first instruction
        "mov [esp], esi", // the argument that `first_words` laid down
        "call ebx",       // entry; ebp is 0: the frame-pointer chain ends here
        "ud2",            // it does not return
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
        "push ebp", // a frame record, for walks by frame pointer
        ".cfi_def_cfa_offset 8",
        ".cfi_offset 5, -8",
        "mov ebp, esp",
        ".cfi_def_cfa_register 5",
        "push ebx",
        ".cfi_offset 3, -12",
        "push esi",
        ".cfi_offset 6, -16",
        "push edi",
        ".cfi_offset 7, -20",
        "sub esp, 8",         // aligned for the call
        "push [ebp + 16]",    // the argument
        "mov eax, [ebp + 8]", // point
        "mov [eax], esp",
        "call 3f", // ecx = the address of the next instruction
        "4:",
        ".byte 0x83, 0xc1, 2f - 4b", // add ecx, the distance
        "mov [eax + 4], ecx",
        "call [ebp + 12]", // f
        "2:",              // `recover` comes here, too, with the result in eax
        "mov edi, [ebp - 12]",
        "mov esi, [ebp - 8]",
        "mov ebx, [ebp - 4]",
        "leave",
        ".cfi_def_cfa 4, 4",
        "ret",
        ".cfi_endproc",
        ".cfi_startproc",
        "3:",
        "mov ecx, [esp]",
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
        "mov ecx, [esp + 4]",
        "mov eax, [esp + 8]",
        "mov esp, [ecx]",
        ".cfi_def_cfa 4, 32", // the frame is protect's from here on
        ".cfi_offset 5, -8",
        ".cfi_offset 3, -12",
        ".cfi_offset 6, -16",
        ".cfi_offset 7, -20",
        "lea ebp, [esp + 24]", // three registers, the padding and the argument below protect's frame record
        "jmp [ecx + 4]",
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an undefined instruction; control does not come back.
    unsafe { asm!("ud2", options(noreturn, nostack)) }
}
