//! A task ends before its time, at each of its safepoints in turn, with a cycle begun at each safepoint before: by a panic that unwinds through the
//! barriers, or because the runtime goes. Others lose nothing by it, and its stack is there for the next one.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::native::{Cell, Native, global, set_global};
use sched::{Current, PooledStacks, Runtime};
use stack_alloc::{Config, StackPool};

/// Frames of the victim; each has two safepoints, one on the way down and one on the way back.
const DEPTH: usize = 8;
const SAFEPOINTS: usize = 2 * DEPTH;

/// When the cycle begins, and when the task ends. In safepoints of its own, counted from 1.
#[derive(Clone, Copy, Debug)]
struct Plan {
    cycle: usize,
    end: usize,
}

/// What the victim does at its `n`-th safepoint.
fn at_safepoint(current: &Current<'_, Native>, n: &mut usize, plan: Plan, end: &dyn Fn()) -> Cell {
    *n += 1;
    if *n == plan.cycle {
        current.request_collection();
    }
    let cell = Cell::new(current, &[None]);
    if *n == plan.end {
        end();
    }
    cell
}

#[inline(never)]
fn victim(current: &Current<'_, Native>, depth: usize, n: &mut usize, plan: Plan, end: &dyn Fn()) -> usize {
    let down = at_safepoint(current, n, plan, end);
    let below = if depth > 1 { victim(current, depth - 1, n, plan, end) } else { 0 };
    let up = at_safepoint(current, n, plan, end);
    up.set(current, 0, Some(down));
    up.check() + up.get(0).map_or(0, Cell::check) + below
}

/// Adds a cell to the list in global 0, which no death may harm.
fn extend(current: &Current<'_, Native>) {
    let list = global(current, 0);
    let longer = Cell::new(current, &[list]);
    set_global(current, 0, Some(longer));
}

fn length(current: &Current<'_, Native>) -> usize {
    std::iter::successors(global(current, 0), |cell| cell.get(0)).count()
}

fn runtime(spacing: Spacing) -> (Runtime<Native>, StackPool) {
    let pool = StackPool::new(Config { spacing, ..Config::default() });
    let stacks = PooledStacks::of(pool.clone());
    let builder = Native::builder(8 << 20).workers(2).stack_bytes(64 << 10).stacks(stacks);
    (builder.spacing(spacing).verify(true).start().unwrap(), pool)
}

#[test]
fn by_a_panic() {
    for spacing in MODES {
        let (runtime, pool) = runtime(spacing);
        let plans = (1..=SAFEPOINTS).flat_map(|end| (1..=end).map(move |cycle| Plan { cycle, end }));
        let mut deaths = 0;
        for plan in plans {
            let end = || resume_unwind(Box::new("killed"));
            let dying = runtime.spawn(move |current| victim(current, DEPTH, &mut 0, plan, &end)).unwrap();
            let living = runtime.spawn(|current| {
                extend(current);
                length(current)
            });
            let error = dying.join().expect_err("it ends at one of its safepoints");
            assert_eq!(error.message(), Some("killed"), "{plan:?}");
            deaths += 1;
            assert_eq!(living.unwrap().join().unwrap(), deaths, "{spacing:?} {plan:?}");
        }
        assert_eq!(deaths, SAFEPOINTS * (SAFEPOINTS + 1) / 2);
        let whole = Plan { cycle: 1, end: usize::MAX };
        let task = runtime.spawn(move |current| victim(current, DEPTH, &mut 0, whole, &|| {}));
        assert_eq!(task.unwrap().join().unwrap(), DEPTH * 2);
        runtime.collect();
        drop(runtime);
        assert_eq!(pool.stats().in_use(), 0, "every stack went back");
    }
}

/// The runtime is dropped while the victim stands at its n-th safepoint, and a cycle may be anywhere.
#[test]
fn by_the_end_of_its_runtime() {
    for spacing in MODES {
        for end in 1..=SAFEPOINTS {
            let (runtime, _pool) = runtime(spacing);
            let reached = Arc::new(AtomicUsize::new(0));
            let tell = Arc::clone(&reached);
            let _abandoned = runtime.spawn(move |current| {
                let stay = || {
                    tell.store(1, Ordering::Release);
                    loop {
                        Cell::new(current, &[]);
                    }
                };
                victim(current, DEPTH, &mut 0, Plan { cycle: 1, end }, &stay)
            });
            while reached.load(Ordering::Acquire) == 0 {
                std::thread::yield_now();
            }
            drop(runtime);
        }
    }
}
