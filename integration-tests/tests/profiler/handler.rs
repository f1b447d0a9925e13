//! The handler, and what it finds.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::{StkbarSlice, arch};
use integration_tests::profiler::{Outcome, StackRegistry, Text, sample};
use integration_tests::stepper::interrupted;
use unwind_walk::Registers;

use crate::moving;
use crate::tasks::far;

pub(crate) const DEPTH: usize = 60;
pub(crate) const STACKS: usize = 64;
pub(crate) static REGISTRY: StackRegistry<STACKS> = StackRegistry::new();

/// What each task says of itself: how many levels of its recursion are yet to come, or [`UNKNOWN`].
pub(crate) static TO_COME: [AtomicUsize; STACKS] = [const { AtomicUsize::new(UNKNOWN) }; STACKS];
pub(crate) const UNKNOWN: usize = usize::MAX;

/// What the handler needs to know of the program.
pub(crate) struct Program {
    pub(crate) text: Text,
    /// Where a level of the recursion waits for the next one.
    pub(crate) recursion_pc: usize,
    /// Where the outermost frame waits.
    pub(crate) outermost_pc: usize,
}

impl Program {
    /// Is `pc` in the outermost frame's function, whose one call is at its end? A stack that is just being entered is still at its first byte.
    fn is_outermost(&self, pc: usize) -> bool {
        const BYTES_TO_CALL: usize = 6;
        self.outermost_pc.wrapping_sub(pc) <= BYTES_TO_CALL
    }
}

pub(crate) static PROGRAM: OnceLock<Program> = OnceLock::new();

/// What the handler found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) elsewhere: AtomicUsize,
    pub(crate) whole: AtomicUsize,
    pub(crate) resumed: AtomicUsize,
    pub(crate) in_trampoline: AtomicUsize,
    pub(crate) with_barriers: AtomicUsize,
    pub(crate) counted: AtomicUsize,
    pub(crate) lost: AtomicUsize,
    pub(crate) wrong_end: AtomicUsize,
    pub(crate) wrong_count: AtomicUsize,
    /// Where the last lost one was interrupted, as a distance from [`far`].
    pub(crate) lost_at: AtomicUsize,
}

pub(crate) static FOUND: Found = Found {
    elsewhere: AtomicUsize::new(0),
    whole: AtomicUsize::new(0),
    resumed: AtomicUsize::new(0),
    in_trampoline: AtomicUsize::new(0),
    with_barriers: AtomicUsize::new(0),
    counted: AtomicUsize::new(0),
    lost: AtomicUsize::new(0),
    wrong_end: AtomicUsize::new(0),
    wrong_count: AtomicUsize::new(0),
    lost_at: AtomicUsize::new(0),
};

pub(crate) fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(crate) extern "C" fn on_profile(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's.
    let at = unsafe { interrupted(context) };
    // SAFETY: this thread runs on whatever stack `sp` lies on.
    match (unsafe { REGISTRY.find(at.sp) }, PROGRAM.get()) {
        (Some((number, bars)), Some(program)) => look(number, &bars, at, program),
        (None, Some(program)) if moving::look(at, program) => {}
        _ => count(&FOUND.elsewhere),
    }
}

pub(crate) fn look(number: usize, bars: &StkbarSlice, at: Registers, program: &Program) {
    let (mut waiting, mut barriers, mut last_pc) = (0, 0, 0);
    // SAFETY: interrupted there, by this very signal.
    let outcome = unsafe {
        sample(bars, at, &program.text, |frame| {
            waiting += usize::from(frame.pc == program.recursion_pc);
            barriers += usize::from(frame.barrier().is_some());
            last_pc = frame.pc;
        })
    };
    if arch::is_trampoline(at.pc) {
        count(&FOUND.in_trampoline);
    }
    if barriers > 0 {
        count(&FOUND.with_barriers);
    }
    match outcome {
        Outcome::Whole => count(&FOUND.whole),
        Outcome::Resumed => count(&FOUND.resumed),
        Outcome::Lost(_) => {
            FOUND.lost_at.store(at.pc.wrapping_sub(far as *const () as usize), Ordering::Relaxed);
            return count(&FOUND.lost);
        }
    }
    if !program.is_outermost(last_pc) && !is_first_instructions(bars, at) {
        count(&FOUND.wrong_end);
    }
    check_depth(outcome, waiting, TO_COME[number].load(Ordering::Relaxed));
}

/// The first function on the stack has no frame record yet.
pub(crate) fn is_first_instructions(bars: &StkbarSlice, at: Registers) -> bool {
    at.fp == 0 && bars.stack_hi() - at.sp <= 32
}

/// A level calls the next one a few instructions before that says so, and returns a few before its caller says so.
pub(crate) fn check_depth(outcome: Outcome, waiting: usize, to_come: usize) {
    if to_come == UNKNOWN {
        return;
    }
    count(&FOUND.counted);
    let told = DEPTH - to_come;
    // Where the youngest frames keep no records, the way up may begin a frame late, or in one that is dead already.
    let right = match outcome {
        Outcome::Whole => waiting.abs_diff(told) <= 1,
        _ => waiting + 1 >= told,
    };
    if !right {
        count(&FOUND.wrong_count);
    }
}

pub(crate) fn install_handler() {
    // SAFETY: a handler that allocates and locks nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_profile as *const () as usize;
        // On the threads' alternate stacks: on a small stack of compiled code there is no room for a signal's frame.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        assert_eq!(libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut()), 0);
    }
}
