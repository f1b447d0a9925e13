//! A soak: a profiler, 1 kHz on each thread, walks tasks that recurse, panic, recover, end and begin, while cycle follows cycle and barriers come, are hit and go.
//!
//! No sample may be lost, and each must show as many frames of the recursion as the task says it is deep.

mod timers;

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barrier_arch::arch::{self, RecoverPoint};
use barrier_arch::{Spacing, StkbarSlice};
use integration_tests::MODES;
use integration_tests::native::{Cell, Native, global, set_global};
use integration_tests::profiler::{Outcome, Registered, StackRegistry, Text, sample};
use integration_tests::stage::chain;
use integration_tests::stepper::interrupted;
use sched::{Current, PooledStacks, Runtime};
use stack_alloc::GuardPages;
use unwind_walk::Registers;

const DEPTH: usize = 60;
const STACKS: usize = 64;
const SOAK: Duration = Duration::from_millis(1400);

static REGISTRY: StackRegistry<STACKS> = StackRegistry::new();

/// What each task says of itself: how many levels of its recursion are yet to come, or [`UNKNOWN`].
static TO_COME: [AtomicUsize; STACKS] = [const { AtomicUsize::new(UNKNOWN) }; STACKS];
const UNKNOWN: usize = usize::MAX;

/// What the handler needs to know of the program.
struct Program {
    text: Text,
    /// Where a level of the recursion waits for the next one.
    recursion_pc: usize,
    /// Where the outermost frame waits.
    outermost_pc: usize,
}

impl Program {
    /// Is `pc` in the outermost frame's function, whose one call is at its end? A stack that is just being entered is still at its first byte.
    fn is_outermost(&self, pc: usize) -> bool {
        const BYTES_TO_CALL: usize = 6;
        self.outermost_pc.wrapping_sub(pc) <= BYTES_TO_CALL
    }
}

static PROGRAM: OnceLock<Program> = OnceLock::new();

/// What the handler found.
#[derive(Debug)]
struct Found {
    elsewhere: AtomicUsize,
    whole: AtomicUsize,
    resumed: AtomicUsize,
    in_trampoline: AtomicUsize,
    with_barriers: AtomicUsize,
    counted: AtomicUsize,
    lost: AtomicUsize,
    wrong_end: AtomicUsize,
    wrong_count: AtomicUsize,
    /// Where the last lost one was interrupted, as a distance from [`far`].
    lost_at: AtomicUsize,
}

static FOUND: Found = Found {
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

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

extern "C" fn on_profile(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel's.
    let at = unsafe { interrupted(context) };
    // SAFETY: this thread runs on whatever stack `sp` lies on.
    match (unsafe { REGISTRY.find(at.sp) }, PROGRAM.get()) {
        (Some((number, bars)), Some(program)) => look(number, &bars, at, program),
        _ => count(&FOUND.elsewhere),
    }
}

fn look(number: usize, bars: &StkbarSlice, at: Registers, program: &Program) {
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
fn is_first_instructions(bars: &StkbarSlice, at: Registers) -> bool {
    at.fp == 0 && bars.stack_hi() - at.sp <= 32
}

/// A level calls the next one a few instructions before that says so, and returns a few before its caller says so.
fn check_depth(outcome: Outcome, waiting: usize, to_come: usize) {
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

/// A recursion that says how deep it is.
#[inline(never)]
fn far(
    current: &Current<'_, Native>,
    number: usize,
    to_come: usize,
    leaf: &dyn Fn(&Current<'_, Native>),
) -> usize {
    TO_COME[number].store(to_come, Ordering::SeqCst);
    let cell = Cell::new(current, &[]);
    let words = black_box([to_come; 100]);
    if to_come == 0 {
        leaf(current);
        return words[7];
    }
    let below = far(current, number, black_box(to_come - 1), leaf);
    TO_COME[number].store(to_come, Ordering::SeqCst);
    black_box(below + words[5] + cell.check())
}

/// The caller's frames, without barriers.
#[inline(never)]
fn own_frames() -> Vec<Registers> {
    let (sp, fp): (usize, usize);
    // SAFETY: reads two registers.
    unsafe {
        std::arch::asm!("mov {}, rsp", "mov {}, rbp", out(reg) sp, out(reg) fp, options(nomem, nostack))
    };
    // SAFETY: our own frames.
    unsafe { chain(Registers { pc: 1, sp, fp }) }
}

/// Number of the caller's stack.
fn own_number() -> usize {
    let here = 0_usize;
    // SAFETY: we run there.
    unsafe { REGISTRY.find((&raw const here) as usize) }.expect("a registered stack").0
}

fn start(spacing: Spacing) -> Runtime<Native> {
    let stacks = Registered(PooledStacks::new(spacing, GuardPages::default()), &REGISTRY);
    let builder = Native::builder(64 << 20).spacing(spacing).stacks(stacks).stack_bytes(1 << 18);
    builder.workers(2).start().expect("a runtime")
}

/// Finds out where the recursion and the outermost frame wait.
fn learn() -> Program {
    let runtime = start(Spacing::Off);
    let frames = runtime.spawn(|current| {
        let frames = std::cell::RefCell::default();
        far(current, own_number(), DEPTH, &|_| *frames.borrow_mut() = own_frames());
        TO_COME[own_number()].store(UNKNOWN, Ordering::SeqCst);
        frames.into_inner()
    });
    let frames = frames.unwrap().join().unwrap();
    let times = |pc: usize| frames.iter().filter(|frame| frame.pc == pc).count();
    let recursion_pc = frames.iter().map(|frame| frame.pc).max_by_key(|&pc| times(pc)).unwrap();
    assert_eq!(times(recursion_pc), DEPTH);
    Program { text: Text::of_this_program(), recursion_pc, outermost_pc: frames.last().unwrap().pc }
}

static STOP: AtomicBool = AtomicBool::new(false);

/// All that a task can do to its stack, again and again.
fn work(current: &Current<'_, Native>) {
    let number = own_number();
    while !STOP.load(Ordering::Relaxed) {
        timers::profile_this_thread();
        for leaf in [linger, churn, churn, linger] {
            far(current, number, DEPTH, &leaf);
            TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
        }
        for _ in 0..30 {
            let caught = catch_unwind(AssertUnwindSafe(|| far(current, number, DEPTH, &throw)));
            assert!(caught.is_err() && TO_COME[number].load(Ordering::Relaxed) == UNKNOWN);
            recover_far(current, number);
        }
        let unwinds = |current: &Current<'_, Native>| {
            let dst = current.stack_bounds().end - 3000;
            current.unwind_barriers(dst);
        };
        far(current, number, DEPTH, &unwinds);
        TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
        // One that ends by a panic, with barriers on its stack, which the next one gets.
        let task = current.spawn(|current| {
            far(current, own_number(), DEPTH, &throw);
        });
        assert!(task.unwrap().join_on(current).is_err());
        current.yield_now();
    }
}

fn churn(current: &Current<'_, Native>) {
    let mut list = None;
    for _ in 0..50 {
        list = Some(Cell::new(current, &[list]));
        current.safepoint();
    }
    assert!(list.is_some_and(|cell| cell.check() == 1));
}

/// Stays down for a cycle or so, so that barriers stand above, and the way back leads through them.
fn linger(current: &Current<'_, Native>) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(10) {
        churn(current);
    }
}

fn throw(current: &Current<'_, Native>) {
    churn(current);
    TO_COME[own_number()].store(UNKNOWN, Ordering::SeqCst);
    resume_unwind(Box::new("far"));
}

/// A recover that drops all levels in one go.
fn recover_far(current: &Current<'_, Native>, number: usize) {
    type Argument<'a> = (*const Current<'a, Native>, *const RecoverPoint, usize);
    extern "C" fn body(argument: usize) -> usize {
        // SAFETY: the caller's own, further up this stack.
        let &(current, point, number) = unsafe { &*(argument as *const Argument<'_>) };
        // SAFETY: as above.
        let current = unsafe { &*current };
        far(current, number, DEPTH, &|current| {
            churn(current);
            TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
            // SAFETY: `protect` filled it in and waits; the frames between hold nothing to drop.
            unsafe {
                current.skip_barriers((*point).sp());
                arch::recover(point, 7)
            }
        })
    }
    let mut point = RecoverPoint::default();
    let argument: Argument<'_> = (current, &raw const point, number);
    // SAFETY: see `body`.
    let value = unsafe { arch::protect(&raw mut point, body, (&raw const argument) as usize) };
    assert_eq!(value, 7);
}

/// Something to mark, so that barriers stand for a while.
fn fill_the_heap(current: &Current<'_, Native>) {
    for _ in 0..50_000 {
        set_global(current, 0, Some(Cell::new(current, &[global(current, 0)])));
    }
}

fn soak(spacing: Spacing) -> usize {
    let runtime = start(spacing);
    STOP.store(false, Ordering::SeqCst);
    runtime.spawn(fill_the_heap).unwrap().join().unwrap();
    let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(work).unwrap()).collect();
    let since = Instant::now();
    while since.elapsed() < SOAK {
        runtime.collect();
    }
    STOP.store(true, Ordering::SeqCst);
    tasks.into_iter().for_each(|task| task.join().unwrap_or_else(|panic| panic!("{spacing:?}: {panic}")));
    timers::delete_all();
    runtime.cycles().len()
}

fn install_handler() {
    // SAFETY: a handler that allocates and locks nothing.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_profile as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGPROF, &action, std::ptr::null_mut()), 0);
    }
}

#[test]
fn no_sample_is_lost() {
    assert!(PROGRAM.set(learn()).is_ok());
    install_handler();
    for spacing in MODES {
        let cycles = soak(spacing);
        println!("{spacing:?}: {cycles} cycles; so far {FOUND:?}");
        assert!(cycles > 10);
    }
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!([of(&FOUND.lost), of(&FOUND.wrong_end), of(&FOUND.wrong_count)], [0, 0, 0], "{FOUND:?}");
    let samples = of(&FOUND.whole) + of(&FOUND.resumed);
    assert!(samples > 300 && of(&FOUND.with_barriers) > 20, "too few to tell: {FOUND:?}");
    // Most of the time is spent in code that keeps frame records, and most of that in the recursion.
    assert!(of(&FOUND.resumed) < samples / 2 && of(&FOUND.counted) > samples / 4, "{FOUND:?}");
}
