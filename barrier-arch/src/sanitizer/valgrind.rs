//! Requests to valgrind: instructions that do nothing together, by which it knows that it is spoken to (`valgrind.h`, `VALGRIND_DO_CLIENT_REQUEST`).

#[cfg(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64"))]
use core::arch::asm;
use core::sync::atomic::{AtomicU8, Ordering};

/// `VALGRIND_STACK_REGISTER`
const STACK_REGISTER: usize = 0x1501;
/// `VALGRIND_STACK_DEREGISTER`
const STACK_DEREGISTER: usize = 0x1502;

/// `RUNNING_ON_VALGRIND`
const RUNNING: usize = 0x1001;
/// memcheck's `VALGRIND_MAKE_MEM_DEFINED`
const MAKE_DEFINED: usize = 0x4d43_0002;

/// `CALLGRIND_TOGGLE_COLLECT`
const TOGGLE_COLLECT: usize = 0x4354_0002;

/// From here on callgrind counts, or does not any more (`--collect-atstart=no`): for measurements, in instructions, of a part of a program.
pub fn toggle_counting() {
    request([TOGGLE_COLLECT, 0, 0, 0, 0, 0]);
}

/// Is the process run by valgrind? Asked once.
pub fn runs_under_valgrind() -> bool {
    const UNKNOWN: u8 = 0;
    static ANSWER: AtomicU8 = AtomicU8::new(UNKNOWN);
    let known = ANSWER.load(Ordering::Relaxed);
    if known != UNKNOWN {
        return known == 2;
    }
    let runs = request([RUNNING, 0, 0, 0, 0, 0]) != 0;
    ANSWER.store(1 + u8::from(runs), Ordering::Relaxed);
    runs
}

/// The same word; to memcheck it has a value, even if nobody ever stored one where it was read. For who scans stacks word by word, that is, looks at
/// what lies between locals. Only under valgrind is it not for nothing.
pub fn defined(word: usize) -> usize {
    let mut word = word;
    request([MAKE_DEFINED, (&raw mut word).addr(), size_of::<usize>(), 0, 0, 0]);
    core::hint::black_box(word)
}

/// To memcheck the slot that a return has just popped holds nothing (its `AbiHint` at each return), so nor does the position that the trampoline computes from
/// it. Says that the word at `address` does.
#[inline(always)]
pub(crate) fn vouch_for(address: usize) {
    if runs_under_valgrind() {
        request([MAKE_DEFINED, address, size_of::<u64>(), 0, 0, 0]);
    }
}

/// The memory between two addresses is a stack. Returns its number, 0 if there is no valgrind.
pub(super) fn register(lowest: usize, end: usize) -> usize {
    request([STACK_REGISTER, lowest, end, 0, 0, 0])
}

/// It is not one any more.
pub(super) fn deregister(number: usize) {
    request([STACK_DEREGISTER, number, 0, 0, 0, 0]);
}

/// The answer, or 0.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
fn request(words: [usize; 6]) -> usize {
    let mut answer = 0;
    // SAFETY: rotates a register by 128 bits in all, and exchanges another with itself.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const words,
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

/// The answer, or 0.
#[cfg(target_arch = "aarch64")]
fn request(words: [usize; 6]) -> usize {
    let mut answer = 0;
    // SAFETY: rotates a register by 128 bits in all, and combines another with itself.
    unsafe {
        asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            inout("x3") answer,
            in("x4") &raw const words,
            options(nostack),
        );
    }
    answer
}

/// Nobody to be asked here.
#[cfg(not(any(all(target_arch = "x86_64", target_pointer_width = "64"), target_arch = "aarch64")))]
fn request(_words: [usize; 6]) -> usize {
    0
}
