//! Tasks of compiled code whose stacks move: they grow as they recurse, shrink when a scan finds them half empty, and move at each prologue check.
//!
//! ```text
//!   interrupted                                  the walk starts
//!   in compiled code, on the task's own stack    from the registers, as everywhere
//!   in a native function, on the native stack    where the compiled code waits, wherever its stack is by now
//!   in the scheduler, which may have moved it    elsewhere: no task has the thread
//! ```
//!
//! Each frame says which level of the recursion it is: every sample must show them all.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use barrier_arch::{Spacing, StkbarSlice, arch};
use integration_tests::compiled::{Compiled, descend};
use integration_tests::levels::{Levels, walk_waiting};
use integration_tests::on_thread::{self, away};
use integration_tests::profiler::{Outcome, Registered, StackRegistry, sample};
use sched::{Current, Next, PooledStacks, Program, Runtime, StackMode};
use stack_alloc::{Config, GuardPages, StackPool};
use unwind_walk::Registers;

use crate::handler::{self, count};
use crate::tasks::STOP;
use crate::timers;

/// The tasks' own stacks, which come and go.
pub(crate) static MOVING: StackRegistry<64> = StackRegistry::new();

/// Levels to which the recursion descends, one after the other.
const DEPTHS: [usize; 12] = [3, 200, 0, 40, 0, 0, 600, 1, 90, 0, 0, 0];

/// Set by a task around the calls that move its stack.
static MOVES: AtomicBool = AtomicBool::new(false);

/// What the handler found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Walks from compiled code, and from where it waited for a native function.
    running: AtomicUsize,
    waiting: AtomicUsize,
    /// Of these, while the stack was being moved.
    in_a_move: AtomicUsize,
    with_barriers: AtomicUsize,
    in_trampoline: AtomicUsize,
    /// Never to be.
    lost: AtomicUsize,
    wrong: AtomicUsize,
}

pub(crate) static FOUND: Found = Found {
    running: AtomicUsize::new(0),
    waiting: AtomicUsize::new(0),
    in_a_move: AtomicUsize::new(0),
    with_barriers: AtomicUsize::new(0),
    in_trampoline: AtomicUsize::new(0),
    lost: AtomicUsize::new(0),
    wrong: AtomicUsize::new(0),
};

/// Is this signal ours? Called by the handler.
pub(crate) fn look(at: Registers, program: &handler::Program) -> bool {
    let Some((task, waits_at, waiting)) = on_thread::task() else { return false };
    // SAFETY: this thread runs on whatever stack `sp` lies on.
    if let Some((_, bars)) = unsafe { MOVING.find(at.sp) } {
        look_running(at, &bars, Levels::of(task), waiting, program);
        return true;
    }
    count(&FOUND.waiting);
    if MOVES.load(Ordering::Relaxed) {
        count(&FOUND.in_a_move);
    }
    // SAFETY: this thread has the task, so nobody else moves or frees its stack.
    let found = unsafe { MOVING.find(waits_at.sp) };
    // SAFETY: as above, and its code waits.
    match found.and_then(|(_, bars)| unsafe { walk_waiting(task, &bars, waits_at) }) {
        Some(levels) if levels.barriers > 0 => count(&FOUND.with_barriers),
        Some(_) => {}
        None => count(&FOUND.wrong),
    }
    true
}

/// Compiled code was interrupted, or the way between the stacks.
fn look_running(
    at: Registers,
    bars: &StkbarSlice,
    mut levels: Levels,
    waiting: usize,
    program: &handler::Program,
) {
    count(&FOUND.running);
    if arch::is_trampoline(at.pc) {
        count(&FOUND.in_trampoline);
    }
    // SAFETY: interrupted there, by this very signal.
    let outcome = unsafe { sample(bars, at, &program.text, |frame| levels.meet(frame)) };
    // A level calls or returns between two native functions, which alone say how many wait.
    let right = match outcome {
        Outcome::Lost(_) => return count(&FOUND.lost),
        Outcome::Whole => levels.waiting.abs_diff(waiting) <= 1,
        Outcome::Resumed => levels.waiting + 1 >= waiting,
    };
    if !right || !levels.are_right(bars) && !handler::is_first_instructions(bars, at) {
        count(&FOUND.wrong);
    }
}

/// Descends until the soak is over; ends with how often that was.
#[derive(Default)]
struct Wander {
    descents: usize,
}

impl Program<Compiled> for Wander {
    type Output = usize;

    fn next(&mut self, current: &Current<'_, Compiled>, _: Option<usize>) -> Next<usize> {
        away(current, timers::profile_this_thread);
        if STOP.load(Ordering::Relaxed) && self.descents >= DEPTHS.len() {
            on_thread::end();
            return Next::Done(self.descents);
        }
        self.descents += 1;
        Next::Call(descend(current, DEPTHS[self.descents % DEPTHS.len()]))
    }
}

/// At the bottom: safepoints, moves, and now and then a cycle, by whose first scan the stack shrinks.
fn bottom(current: &Current<'_, Compiled>) {
    for _ in 0..40 {
        away(current, || current.safepoint());
        MOVES.store(true, Ordering::Relaxed);
        current.make_room(0).expect("it fits");
        MOVES.store(false, Ordering::Relaxed);
    }
    away(current, || {
        current.request_collection();
        current.yield_now();
    });
}

pub(crate) fn start(spacing: Spacing) -> Runtime<Compiled> {
    let config = Config { spacing, guard: GuardPages::Off, poison: true, ..Config::default() };
    let stacks = Registered(PooledStacks::of(StackPool::new(config)), &MOVING);
    let builder = Compiled::builder(spacing, StackMode::Copy { first: 4096 }, bottom);
    builder.stacks(stacks).always_move(true).workers(1).verify(true).start().expect("a runtime")
}

/// Tasks that are under way until the soak is over.
pub(crate) struct Wandering(Vec<sched::JoinHandle<Compiled, usize>>);

pub(crate) fn set_out(runtime: &Runtime<Compiled>) -> Wandering {
    Wandering((0..3).map(|_| runtime.spawn_program(Wander::default()).unwrap()).collect())
}

impl Wandering {
    /// Waits for them.
    pub(crate) fn come_back(self, runtime: &Runtime<Compiled>) {
        let descents: usize = self.0.into_iter().map(|task| task.join().unwrap()).sum();
        let (moves, shrunk) = runtime.stack_moves();
        println!("{descents} descents, {moves} moves, {shrunk} at scans");
        assert!(descents >= 3 * DEPTHS.len() && moves > 100 && shrunk > 5);
    }
}

/// Are there samples enough of each kind to tell?
pub(crate) fn enough() -> bool {
    let over = |counter: &AtomicUsize, least| counter.load(Ordering::Relaxed) > least;
    let of_both = over(&FOUND.running, 0) && over(&FOUND.waiting, 100);
    of_both && over(&FOUND.in_a_move, 20) && over(&FOUND.with_barriers, 20)
}

/// All samples were right, and there were some.
pub(crate) fn check() {
    let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!([of(&FOUND.lost), of(&FOUND.wrong)], [0, 0], "{FOUND:?}");
    assert!(enough(), "too few to tell: {FOUND:?}");
}
