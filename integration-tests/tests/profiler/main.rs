//! A soak: a profiler, 2 kHz on each thread, walks tasks that recurse, panic, recover, end and begin, and tasks of compiled code whose stacks move,
//! grow and shrink, while cycle follows cycle and barriers come, are hit and go.
//!
//! No sample may be lost, and each must show as many frames of the recursion as the task says it is deep.

mod handler;
mod moving;
mod tasks;
mod timers;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::native::Native;
use integration_tests::profiler::{Registered, Text};
use integration_tests::stage::chain;
use sched::{PooledStacks, Runtime};
use stack_alloc::GuardPages;
use unwind_walk::Registers;

use handler::{DEPTH, FOUND, PROGRAM, Program, REGISTRY, TO_COME, UNKNOWN, install_handler};
use tasks::{STOP, far, fill_the_heap, own_number, work};

const SOAK: Duration = Duration::from_millis(1400);

/// The caller's frames, without barriers.
#[inline(never)]
fn own_frames() -> Vec<Registers> {
    let (sp, fp) = barrier_arch::arch::own_frame();
    // SAFETY: our own frames.
    unsafe { chain(Registers { pc: 1, sp, fp }) }
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

fn soak(spacing: Spacing) -> usize {
    let runtime = start(spacing);
    STOP.store(false, Ordering::SeqCst);
    runtime.spawn(fill_the_heap).unwrap().join().unwrap();
    let tasks: Vec<_> = (0..4).map(|_| runtime.spawn(work).unwrap()).collect();
    let movers = moving::start(spacing);
    let wandering = moving::set_out(&movers);
    let since = Instant::now();
    while since.elapsed() < SOAK {
        runtime.collect();
    }
    STOP.store(true, Ordering::SeqCst);
    wandering.come_back(&movers);
    tasks.into_iter().for_each(|task| task.join().unwrap_or_else(|panic| panic!("{spacing:?}: {panic}")));
    timers::delete_all();
    runtime.cycles().len()
}

/// Are there samples enough, with barriers and at all, to tell?
fn enough() -> bool {
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    of(&FOUND.whole) + of(&FOUND.resumed) > 300 && of(&FOUND.with_barriers) > 20 && moving::enough()
}

#[test]
fn no_sample_is_lost() {
    assert!(PROGRAM.set(learn()).is_ok());
    install_handler();
    // Once in each mode; then on, in turn, while a busy machine has given the collector too little time beside the tasks.
    for (round, spacing) in MODES.into_iter().cycle().take(60).enumerate() {
        if round >= MODES.len() && enough() {
            break;
        }
        let cycles = soak(spacing);
        println!("{spacing:?}: {cycles} cycles; so far {FOUND:?} {:?}", moving::FOUND);
        assert!(cycles > 10);
    }
    moving::check();
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!([of(&FOUND.lost), of(&FOUND.wrong_end), of(&FOUND.wrong_count)], [0, 0, 0], "{FOUND:?}");
    assert!(enough(), "too few to tell: {FOUND:?}");
    let samples = of(&FOUND.whole) + of(&FOUND.resumed);
    // Most of the time is spent in code that keeps frame records, and most of that in the recursion.
    assert!(of(&FOUND.resumed) < samples / 2 && of(&FOUND.counted) > samples / 4, "{FOUND:?}");
}
