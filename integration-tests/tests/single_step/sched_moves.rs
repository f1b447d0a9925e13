//! A task of compiled code moves to a larger stack, with barriers on it: walked at every instruction of the move, from wherever its code waits.
//!
//! ```text
//!   old stack   waits here ─── copied ─── managed_sp stored ─┐                     freed
//!                                                            ▼
//!   new stack                              complete ── waits here ──────────────────────────────────
//! ```
//!
//! A stack is taken off the registry before its memory goes, so who still has to walk one that went too early does not find it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::compiled::{Compiled, Descents};
use integration_tests::levels::walk_waiting;
use integration_tests::on_thread::{self, away};
use integration_tests::profiler::{Registered, StackRegistry};
use integration_tests::stepper::{Observer, Stepper};
use sched::{Current, PooledStacks, StackMode};
use stack_alloc::GuardPages;
use unwind_walk::Registers;

use crate::agree::note;

const LEVELS: usize = 40;

/// All stacks of the tests here; one test at a time.
static REGISTRY: StackRegistry<8> = StackRegistry::new();

/// Walks a task's own stack wherever it is.
struct Watch {
    bars_base: usize,
    /// Looks at the stack that the task had at first, and at the one that it moved to.
    old: usize,
    new: usize,
    barriers: usize,
    wrong: Vec<Registers>,
}

impl Watch {
    /// Base of the stack on which the task's code waits, and the barriers on it; `None` if the walk is not right.
    fn levels(&self) -> Option<(usize, usize)> {
        let (task, at, _) = on_thread::task()?;
        // SAFETY: this thread has the task, whose stack waits there until the move is done.
        let (_, bars) = unsafe { REGISTRY.find(at.sp) }?;
        // SAFETY: as above.
        let levels = unsafe { walk_waiting(task, &bars, at) }?;
        (levels.waiting == LEVELS).then_some((bars.base(), levels.barriers))
    }
}

impl Observer for Watch {
    fn look(&mut self, at: Registers) {
        let seen = self.levels();
        note(&mut self.wrong, seen.is_some(), at);
        let Some((base, barriers)) = seen else { return };
        self.barriers = self.barriers.max(barriers);
        *if base == self.bars_base { &mut self.old } else { &mut self.new } += 1;
    }
}

/// A collection is asked for until barriers stand; where there are none, it begins and ends.
fn under_barriers(current: &Current<'_, Compiled>, spacing: Spacing) {
    let stand = || current.bars(|bars| bars.len() > bars.position());
    away(current, || {
        while spacing != Spacing::Off && !stand() {
            current.request_collection();
            current.yield_now();
        }
    });
}

/// Makes room for so many bytes, step by step.
fn watch_a_move(current: &Current<'_, Compiled>, spacing: Spacing, bytes: usize) -> usize {
    under_barriers(current, spacing);
    let mut stepper = Stepper::new();
    let bars_base = current.bars(|bars| bars.base());
    let mut watch = Watch { bars_base, old: 0, new: 0, barriers: 0, wrong: Vec::with_capacity(8) };
    // SAFETY: it lives until the stop.
    unsafe { stepper.start(&raw mut watch) };
    let made = current.make_room(bytes);
    stepper.stop();
    made.unwrap();
    assert!(
        watch.wrong.is_empty(),
        "{spacing:?}: {} + {} looks; wrong at {:x?}",
        watch.old,
        watch.new,
        watch.wrong
    );
    // Most of the work is done before the move comes true; the old stack is given back after.
    assert!(watch.old > 300 && watch.new > 100, "{} {}", watch.old, watch.new);
    watch.barriers
}

#[test]
fn a_task_that_moves_is_whole_at_every_instruction() {
    for spacing in MODES {
        let most = Arc::new(AtomicUsize::new(0));
        let barriers = Arc::clone(&most);
        let builder = Compiled::builder(spacing, StackMode::Copy { first: 4096 }, move |current| {
            for bytes in [0, 20_000] {
                barriers.fetch_max(watch_a_move(current, spacing, bytes), Ordering::SeqCst);
            }
        });
        let stacks = Registered(PooledStacks::new(spacing, GuardPages::Off), &REGISTRY);
        let runtime = builder.stacks(stacks).always_move(true).workers(1).verify(true).start().unwrap();
        assert_eq!(runtime.spawn_program(Descents::to([LEVELS])).unwrap().join().unwrap(), LEVELS + 1);
        let due = match spacing {
            Spacing::Off => 0..=0,
            Spacing::EveryFrame => LEVELS - 2..=LEVELS + 1,
            _ => 1..=4,
        };
        assert!(due.contains(&most.load(Ordering::SeqCst)), "{spacing:?}: {most:?}");
    }
}
