//! x86-64, System V ABI, Linux; with pointers of 64 bits, or of 32 (x32, Go's amd64p32).
//!
//! # The trampoline
//!
//! A `ret` has popped the stub's address and jumped to it, so at the first instruction
//!
//! ```text
//!   rsp - 8    the return slot: still holds the stub's address
//!   rsp        the caller's frame, as after any return
//!   all other registers: results, callee-saved, and what `gcc -fipa-ra` keeps in r10 and r11
//! ```
//!
//! Every register is preserved (I13), `rsp` never moves; scratch space is the red zone below it, which
//! belonged to the frame that just returned and which signal handlers leave alone. Only the arithmetic
//! flags change: no calling convention returns in them. It ends in an indirect `jmp`: a `ret` would
//! unbalance the return-address predictor for every outer frame.
//!
//! # What unwinders see
//!
//! A frame whose CFA is `rsp` and whose return address lies in the record. The rule is a DWARF *expression*
//! that does the trampoline's own arithmetic; it starts from `breg7` and not from the implicitly pushed
//! CFA, since some unwinders do not push one, and each FDE starts one byte before its first stub, since
//! unwinders look return addresses up at `pc - 1`. The stubs have a personality: an exception that crosses
//! a barrier hits it (`personality.rs`).
//!
//! # A stack that does not run
//!
//! ```text
//!   Context.sp → r15 r14 r13 r12 rbx rbp pc        + 56 = rsp after the switch
//! ```
//!
//! MXCSR and the x87 control word are not switched.
//!
//! # x32
//!
//! Calls push 64 bits, so return slots, records and everything above are as wide as ever, upper halves zero; a [`Context`] has
//! pointers of 32. In the registers in which they are passed, only the lower half counts.

use core::arch::{asm, global_asm, naked_asm};

use super::table::{END, PAD, SEARCHING_TAILS, TAILS, is_trampoline, landing_pad};
use super::{Context, RecoverPoint, SigningKey};
use crate::personality;
use crate::stkbar::StkbarSlice;
use crate::stub::Stub;

/// Bytes of a return slot.
pub const SLOT_BYTES: usize = 8;
/// A return slot: calls push 64 bits, where pointers have 32 (x32, Go's amd64p32), too.
pub(crate) type Slot = u64;
pub(crate) type AtomicSlot = core::sync::atomic::AtomicU64;
/// The slot of a function that has returned lies right below the stack pointer.
pub(super) const LINKAGE_BYTES: usize = 0;
/// A return pops its slot and nothing else.
pub(crate) const fn returned_through(slot: usize, sp: usize) -> bool {
    slot == sp.wrapping_sub(SLOT_BYTES)
}
/// The trampoline leaves by way of the slot.
pub(crate) const HEALS: bool = true;

pub(super) const TAIL_BYTES: usize = 128;
pub(super) const SEARCHING_TAIL_BYTES: usize = 192;
pub(super) const PAD_BYTES: usize = 64;
/// Landing pads get exception and selector in rax and rdx.
#[cfg(feature = "unwind")]
pub(crate) const GR_EXCEPTION: core::ffi::c_int = 0;
#[cfg(feature = "unwind")]
pub(crate) const GR_ORIGINAL: core::ffi::c_int = 1;

/// One line for either width of pointers.
#[cfg(target_pointer_width = "64")]
macro_rules! by_width {
    ($pointers_64:literal, $pointers_32:literal) => {
        $pointers_64
    };
}
#[cfg(target_pointer_width = "32")]
macro_rules! by_width {
    ($pointers_64:literal, $pointers_32:literal) => {
        $pointers_32
    };
}

/// Repeats what follows, up to `.endr`, for every size class: `\k` is the logarithm of its size.
macro_rules! each_class {
    () => {
        by_width!(
            ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40",
            ".irp k, 11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30"
        )
    };
}

/// The length is the upper half of a word, which x32 cannot read at once: its unwinders fetch four bytes at a time. Not `deref_size 4`: the `unwinding`
/// crate reads a whole word for it.
#[cfg(target_pointer_width = "64")]
macro_rules! length_of_the_list {
    () => {
        concat!(
            ".cfi_escape 0x16, 0x08, 23, 0x1c, 0x06\n", //   swap; const1u 23; minus; deref       p state
            ".cfi_escape 0x08, 32, 0x25\n", //   const1u 32; shr                      p n       the length
        )
    };
}
#[cfg(target_pointer_width = "32")]
macro_rules! length_of_the_list {
    () => {
        concat!(
            ".cfi_escape 0x16, 0x08, 19, 0x1c, 0x06\n",     //   swap; const1u 19; minus; deref       p n       the length
            ".cfi_escape 0x96, 0x96, 0x96\n",               //   nop; nop; nop                        as many bytes as above
        )
    };
}

/// Where the return address is, of a barrier whose stub has no number: at the record of the popped slot, which a binary search finds among all of them,
/// hit or not. `p` is the first of the `n` bytes of records that are left, downwards; the loop halves them until there is one.
macro_rules! searching_rule {
    () => {
        concat!(
            ".cfi_escape 0x10, 16, 56\n",                   // return address is at:
            ".cfi_escape 0x77, 0\n",                        //   breg7 0                              rsp
            ".cfi_escape 0x0e, ((1<<\\k)-1)&0xff, (((1<<\\k)-1)>>8)&0xff, (((1<<\\k)-1)>>16)&0xff\n",
            ".cfi_escape (((1<<\\k)-1)>>24)&0xff, (((1<<\\k)-1)>>32)&0xff, 0, 0, 0\n",
            ".cfi_escape 0x21\n",                           //   const8u 2^k-1; or                    t-1
            ".cfi_escape 0x12, 0x08, 47, 0x1c\n",           //   dup; const1u 47; minus               t-1 p     &record[0].saved_lr_ptr
            length_of_the_list!(),
            ".cfi_escape 0x12, 0x40, 0x2c, 0x28, 23, 0\n",  // L: dup; lit16; le; bra E               p n
            ".cfi_escape 0x12, 0x31, 0x25\n",               //   dup; lit1; shr                       p n n/2
            ".cfi_escape 0x09, 0xf0, 0x1a\n",               //   const1s -16; and                     p n h     half of the records
            ".cfi_escape 0x16, 0x14, 0x1c, 0x17\n",         //   swap; over; minus; rot               n-h p h
            ".cfi_escape 0x14, 0x14, 0x1c, 0x06\n",         //   over; over; minus; deref             n-h p h slot in the middle
            ".cfi_escape 0x77, 0x78, 0x2c\n",               //   breg7 -8; le                         n-h p h is ours there or above?
            ".cfi_escape 0x1e, 0x1c, 0x16\n",               //   mul; minus; swap                     p n       p - h, or p
            ".cfi_escape 0x2f, 0xe3, 0xff\n",               //   skip L
            ".cfi_escape 0x13, 0x23, 8\n",                  // E: drop; plus_uconst 8                 &record.saved_lr_val
        )
    };
}

// The return trampoline: stubs, tails, landing pad. Never called; a return slot points to one of its stubs.
//
// In the text below `\k` runs over the size classes; offsets are relative to `t - 1`, where `t` is the top
// of the stack, because that is what `rsp | (2^k - 1)` gives: record i's `saved_lr_ptr` is at `t-1 - 47 -
// 16·i`, its `saved_lr_val` at `t-1 - 39 - 16·i`, the position at `t-1 - 23`, the length at `t-1 - 19`.
//
// Each piece with unwind rules of its own has a symbol of its own, and there is no debug information on the whole: lldb takes the rules at the first
// address of what it thinks is one function for all of it.
//
// In this module, not in one of its own: where no function of Rust's has unwind tables, LLVM writes those of the text as debug information only.
global_asm!(
    ".pushsection .text.stack_barrier, \"ax\", @progbits",
    ".balign 512, 0x90",
    ".globl stack_barrier_v0_1",
    ".hidden stack_barrier_v0_1",
    "stack_barrier_v0_1:",
    ".balign 512, 0x90",
    ".skip 511, 0x90",
    // ---- indexed stubs ------------------------------------------------------------------------------
    each_class!(),
    ".type stack_barrier_\\k, @function",
    "stack_barrier_\\k:",
    ".cfi_startproc",
    ".cfi_personality 0x1b, {personality}",
    ".cfi_def_cfa 7, 0",                    // CFA = rsp
    ".cfi_escape 0x10, 16, 22",             // return address is at the address that these 22 bytes compute
    ".cfi_escape 0x77, 0",                  //   breg7 0                              rsp
    ".cfi_escape 0x0e, ((1<<\\k)-1)&0xff, (((1<<\\k)-1)>>8)&0xff, (((1<<\\k)-1)>>16)&0xff",
    ".cfi_escape (((1<<\\k)-1)>>24)&0xff, (((1<<\\k)-1)>>32)&0xff, 0, 0, 0",
    ".cfi_escape 0x21",                     //   const8u 2^k-1; or                    t-1
    ".cfi_escape 0x80, 0",                  //   breg16 0                             this very stub
    ".cfi_escape 0x0a, 0xf0, 0x01",         //   const2u 0x1f0
    ".cfi_escape 0x1a, 0x1c",               //   and; minus                           t-1 - 16·i
    ".cfi_escape 0x08, 39, 0x1c",           //   const1u 39; minus                    &record[i].saved_lr_val
    "nop",                                  // the byte that pc - 1 of stub 0 falls on
    ".if \\k == 11",
    "77:",                                  // the first stub
    ".endif",
    ".rept 31",
    ".byte 0xe9",                           // stub i of class k: jmp rel32 to the class's tail
    ".long 77b + {tails} + 128 * (\\k - 11) - (. + 4)",
    ".skip 11, 0x90",
    ".endr",
    ".byte 0xe9",                           // stub 31, whose last byte is the next FDE's first
    ".long 77b + {tails} + 128 * (\\k - 11) - (. + 4)",
    ".skip 10, 0x90",
    ".cfi_endproc",
    ".size stack_barrier_\\k, . - stack_barrier_\\k",
    ".endr",
    // ---- searching stubs, for every-frame mode -------------------------------------------------------
    each_class!(),
    ".type stack_barrier_searching_\\k, @function",
    "stack_barrier_searching_\\k:",
    ".cfi_startproc",
    ".cfi_personality 0x1b, {personality}",
    ".cfi_def_cfa 7, 0",
    searching_rule!(),
    "nop",
    ".byte 0xe9",                           // the searching stub of class k
    ".long 77b + {searching_tails} + 192 * (\\k - 11) - (. + 4)",
    ".skip 10, 0x90",
    ".cfi_endproc",
    ".size stack_barrier_searching_\\k, . - stack_barrier_searching_\\k",
    ".endr",
    "nop",
    // ---- tails of the indexed stubs ------------------------------------------------------------------
    each_class!(),
    ".org 77b + {tails} + 128 * (\\k - 11), 0x90",
    ".type stack_barrier_tail_\\k, @function",
    "stack_barrier_tail_\\k:",
    ".cfi_startproc",
    ".cfi_def_cfa 7, 0",
    ".cfi_escape 0x10, 16, 23",             // as the stubs, the stub's address read from the popped slot
    ".cfi_escape 0x77, 0",
    ".cfi_escape 0x0e, ((1<<\\k)-1)&0xff, (((1<<\\k)-1)>>8)&0xff, (((1<<\\k)-1)>>16)&0xff",
    ".cfi_escape (((1<<\\k)-1)>>24)&0xff, (((1<<\\k)-1)>>32)&0xff, 0, 0, 0",
    ".cfi_escape 0x21",
    ".cfi_escape 0x77, 0x78, 0x06",         //   breg7 -8; deref                      the stub
    ".cfi_escape 0x0a, 0xf0, 0x01",
    ".cfi_escape 0x1a, 0x1c",
    ".cfi_escape 0x08, 39, 0x1c",
    "mov qword ptr [rsp - 16], r11",        // two scratch registers, kept in the red zone
    "mov qword ptr [rsp - 24], r10",
    "mov r11d, dword ptr [rsp - 8]",        // the popped slot still holds the stub's address,
    "and r11d, 0x1f0",                      // which is 16·i above its class's block
    "movabs r10, (1<<\\k)-1",
    "or r10, rsp",                          // t - 1
    "add r11d, 16",                         // the new position is i + 1, absolute: whatever was skipped,
    "mov dword ptr [r10 - 23], r11d",       // by longjmp say, cannot put it out of step
    "sub r10, r11",                         // t-1 - 16·(i+1)
    "lea r11, [rsp - 8]",
    "cmp qword ptr [r10 - 31], r11",        // is record i of this very slot?
    "jne 79f",                              // no: the invariants are broken, do not jump anywhere
    "mov r11, qword ptr [r10 - 23]",        // the original return address
    // After the next instruction the plain rule holds; the row starts inside it, so that a look-up at
    // pc - 1 agrees.
    ".byte 0x4c",                           // mov qword ptr [rsp - 8], r11: heal the slot
    ".cfi_offset 16, -8",
    ".byte 0x89, 0x5c, 0x24, 0xf8",
    "mov r11, qword ptr [rsp - 16]",
    "mov r10, qword ptr [rsp - 24]",
    "notrack jmp qword ptr [rsp - 8]",
    ".cfi_endproc",
    ".size stack_barrier_tail_\\k, . - stack_barrier_tail_\\k",
    ".endr",
    // ---- tails of the searching stubs ----------------------------------------------------------------
    each_class!(),
    ".org 77b + {searching_tails} + 192 * (\\k - 11), 0x90",
    ".type stack_barrier_searching_tail_\\k, @function",
    "stack_barrier_searching_tail_\\k:",
    ".cfi_startproc",
    ".cfi_def_cfa 7, 0",
    searching_rule!(),
    "mov qword ptr [rsp - 16], r11",        // three scratch registers
    "mov qword ptr [rsp - 24], r10",
    "mov qword ptr [rsp - 32], r9",
    "movabs r10, (1<<\\k)-1",
    "or r10, rsp",                          // t - 1
    "mov r11d, dword ptr [r10 - 23]",       // start at the position: the next barrier to be hit
    "2:",
    "cmp r11d, dword ptr [r10 - 19]",       // past the last record?
    "jae 79f",                              // then this slot has none: broken
    "mov r9, r10",
    "sub r9, r11",
    "mov r9, qword ptr [r9 - 47]",          // the record's slot …
    "add r9, 8",
    "cmp r9, rsp",                          // … against the one just popped
    "je 3f",
    "ja 79f",                               // already above: broken
    "add r11d, 16",                         // below: its frame was skipped
    "jmp 2b",
    "3:",
    "mov r9, r10",
    "sub r9, r11",
    "mov r9, qword ptr [r9 - 39]",          // the original return address
    ".byte 0x4c",                           // mov qword ptr [rsp - 8], r9: heal the slot
    ".cfi_offset 16, -8",
    ".byte 0x89, 0x4c, 0x24, 0xf8",
    "add r11d, 16",
    "mov dword ptr [r10 - 23], r11d",
    "mov r9, qword ptr [rsp - 32]",
    "mov r10, qword ptr [rsp - 24]",
    "mov r11, qword ptr [rsp - 16]",
    "notrack jmp qword ptr [rsp - 8]",
    ".cfi_endproc",
    ".size stack_barrier_searching_tail_\\k, . - stack_barrier_searching_tail_\\k",
    ".endr",
    // ---- landing pad: an exception crosses the barrier -----------------------------------------------
    ".org 77b + {pad}, 0x90",
    ".type stack_barrier_pad, @function",
    "stack_barrier_pad:",
    ".cfi_startproc",
    ".cfi_def_cfa 7, 0",
    ".cfi_register 16, 1",                  // return address is in rdx, where the personality put it
    "push rdx",                             // heal the slot
    ".cfi_def_cfa_offset 8",
    ".cfi_offset 16, -8",
    "mov rdi, rax",                         // the exception
    "jmp {resume}",                         // as if the original caller had called it
    ".cfi_endproc",
    ".size stack_barrier_pad, . - stack_barrier_pad",
    // ---- a record is missing -------------------------------------------------------------------------
    ".cfi_startproc",
    ".cfi_undefined 16",
    "79:",
    "mov rdi, rsp",
    "mov rsi, qword ptr [rsp - 8]",
    "sub rsp, 256",                         // keep the evidence
    "and rsp, -16",
    "call {lost}",
    "ud2",
    ".cfi_endproc",
    ".org 77b + {end}, 0x90",
    ".popsection",
    tails = const TAILS,
    searching_tails = const SEARCHING_TAILS,
    pad = const PAD,
    end = const END,
    personality = sym personality::personality,
    resume = sym personality::resume,
    lost = sym crate::fatal::lost,
);

unsafe extern "C" {
    #[link_name = "stack_barrier_v0_1"]
    fn stack_barrier();
}

/// Address of the trampoline.
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
    // Past its push, the landing pad is like a function just called by the original caller.
    if pc > landing_pad() {
        return Some((read(sp)?, sp + SLOT_BYTES));
    }
    let slot = sp.checked_sub(SLOT_BYTES)?;
    // The unwinder may have written to the slot on its way to the pad; the record still knows.
    if pc == landing_pad() {
        return bars?.find(slot).map(|(_, record)| (record.return_pc(), sp));
    }
    let word = read(slot)?;
    match Stub::at(word) {
        Some(stub) => bars?.resolve(stub, slot).map(|(_, record)| (record.return_pc(), sp)),
        None => Some((word, sp)),
    }
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
    unsafe { asm!("mov {:r}, rsp", "mov {:r}, rbp", out(reg) sp, out(reg) fp, options(nomem, nostack)) };
    (sp, fp)
}

/// Bytes that [`switch`] leaves on a stack: six registers and the pc.
pub(super) const SAVED_BYTES: usize = 56;
pub(super) const SAVED_FP: usize = 40;
pub(super) const SAVED_PC: usize = 48;

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
        "push rbp", // all that the ABI wants preserved
        ".cfi_def_cfa_offset 16",
        ".cfi_offset 6, -16",
        "push rbx",
        ".cfi_def_cfa_offset 24",
        ".cfi_offset 3, -24",
        "push r12",
        ".cfi_def_cfa_offset 32",
        ".cfi_offset 12, -32",
        "push r13",
        ".cfi_def_cfa_offset 40",
        ".cfi_offset 13, -40",
        "push r14",
        ".cfi_def_cfa_offset 48",
        ".cfi_offset 14, -48",
        "push r15",
        ".cfi_def_cfa_offset 56",
        ".cfi_offset 15, -56",
        by_width!("mov [rdi], rsp", "mov [edi], esp"), // this stack is left
        by_width!("mov rsp, [rsi]", "mov esp, [esi]"), // the other one lies the same way, so the rules above hold on
        "pop r15",
        ".cfi_def_cfa_offset 48",
        ".cfi_restore 15",
        "pop r14",
        ".cfi_def_cfa_offset 40",
        ".cfi_restore 14",
        "pop r13",
        ".cfi_def_cfa_offset 32",
        ".cfi_restore 13",
        "pop r12",
        ".cfi_def_cfa_offset 24",
        ".cfi_restore 12",
        "pop rbx",
        ".cfi_def_cfa_offset 16",
        ".cfi_restore 3",
        "pop rbp",
        ".cfi_def_cfa_offset 8",
        ".cfi_restore 6",
        "ret", // a call of ours was left there: `ret` keeps the predictor aligned
        ".cfi_endproc",
    )
}

/// Bytes of the outermost frame: the parent, and a word that is unused.
pub(super) const OUTERMOST_BYTES: usize = 16;

/// What the first [`switch`] to a new stack takes up: rbp is 0, where the chain of frame pointers ends.
///
/// ```text
///   outermost_sp - 8     the call of `entry` pushes its return address here; before that: stack_base
///   outermost_sp - 56    r12 = argument, rbx = entry, rbp = 0
/// ```
pub(super) fn first_words(
    entry: extern "C" fn(usize) -> !,
    argument: usize,
    _outermost_sp: usize,
) -> [Slot; SAVED_BYTES / SLOT_BYTES] {
    let stack_base = stack_base as *const () as usize;
    [0, 0, 0, argument as Slot, entry as usize as Slot, 0, stack_base as Slot]
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
        ".cfi_escape 0x0f, 6, 0x77, 0, 0x06, 0x06, 0x23, 56", // CFA = **rsp + 56: breg7 0; deref; deref; +56
        ".cfi_offset 16, -8",
        ".cfi_offset 6, -16",
        ".cfi_offset 3, -24",
        ".cfi_offset 12, -32",
        ".cfi_offset 13, -40",
        ".cfi_offset 14, -48",
        ".cfi_offset 15, -56",
        "nop",          // pc - 1 of the first instruction
        "mov rdi, r12", // the argument that `prepare` laid down
        "call rbx",     // entry; rbp is 0: the frame-pointer chain ends here
        "ud2",          // it does not return
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
        "push rbp", // a frame record, for walks by frame pointer
        ".cfi_def_cfa_offset 16",
        ".cfi_offset 6, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register 6",
        "push rbx",
        ".cfi_offset 3, -24",
        "push r12",
        ".cfi_offset 12, -32",
        "push r13",
        ".cfi_offset 13, -40",
        "push r14",
        ".cfi_offset 14, -48",
        "push r15",
        ".cfi_offset 15, -56",
        "sub rsp, 8", // aligned for the call
        by_width!("mov [rdi], rsp", "mov [edi], esp"),
        by_width!("lea rcx, [rip + 2f]", "lea ecx, [rip + 2f]"),
        by_width!("mov [rdi + 8], rcx", "mov [edi + 4], ecx"),
        by_width!("mov rax, rsi", "mov eax, esi"),
        by_width!("mov rdi, rdx", "mov edi, edx"),
        "call rax",
        "2:", // `recover` comes here, too, with the result in rax
        "mov r15, [rbp - 40]",
        "mov r14, [rbp - 32]",
        "mov r13, [rbp - 24]",
        "mov r12, [rbp - 16]",
        "mov rbx, [rbp - 8]",
        "leave",
        ".cfi_def_cfa 7, 8",
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
        by_width!("mov rax, rsi", "mov eax, esi"),
        by_width!("mov rcx, [rdi + 8]", "mov ecx, [edi + 4]"),
        by_width!("mov rsp, [rdi]", "mov esp, [edi]"),
        ".cfi_def_cfa 7, 64", // the frame is protect's from here on
        ".cfi_offset 6, -16",
        ".cfi_offset 3, -24",
        ".cfi_offset 12, -32",
        ".cfi_offset 13, -40",
        ".cfi_offset 14, -48",
        ".cfi_offset 15, -56",
        "lea rbp, [rsp + 48]", // five registers and the padding below protect's frame record
        "jmp rcx",
        ".cfi_endproc",
    )
}

/// Stops the process, nothing unwound.
pub fn trap() -> ! {
    // SAFETY: an undefined instruction; control does not come back.
    unsafe { asm!("ud2", options(noreturn, nostack)) }
}
