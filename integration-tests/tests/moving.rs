//! Stacks of compiled code that grow and shrink, with barriers on them or not, while cycle follows cycle; the same on reserved stacks.

#![cfg(has_compiled_tasks)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use integration_tests::compiled::{Compiled, Descents, FRAME_BYTES, STACKS};
use integration_tests::levels::walk_waiting;
use integration_tests::native::Native;
use integration_tests::{MODES, rounds};
use sched::{Builder, Current, PooledStacks, StackMode, StackSource, StartError, TaskStack};
use stack_alloc::{Config, GuardPages, StackPool};

const COPY: StackMode = StackMode::Copy { first: 4096 };

/// Levels so few that their stack moves at each prologue check if it [always](Builder::always_move) does: of 16 KiB at most.
const FEW: usize = 9600 / FRAME_BYTES;

/// Each mode of barriers on both kinds of stacks.
fn everywhere(test: impl Fn(Spacing, StackMode)) {
    for spacing in MODES {
        STACKS.into_iter().for_each(|stacks| test(spacing, stacks));
    }
}

/// Stacks that are filled with poison when they are new, and when they are freed.
fn poisoned(spacing: Spacing) -> PooledStacks {
    let guard = GuardPages::Off;
    PooledStacks::of(StackPool::new(Config { spacing, guard, poison: true, ..Config::default() }))
}

/// Waits until barriers that were not hit stand on the task's stack.
fn wait_for_barriers(current: &Current<'_, Compiled>, spacing: Spacing) {
    let stand = || current.bars(|bars| bars.len() > bars.position());
    while spacing != Spacing::Off && !stand() {
        current.request_collection();
        current.yield_now();
    }
}

#[test]
fn deep_recursion_keeps_its_cells_on_both_kinds_of_stacks() {
    everywhere(|spacing, stacks| {
        let builder = Compiled::builder(spacing, stacks, |current| {
            current.collect();
            current.yield_now();
        });
        let runtime = builder.stacks(poisoned(spacing)).workers(2).verify(true).oracle(true).start().unwrap();
        let tasks: Vec<_> =
            (0..4).map(|_| runtime.spawn_program(Descents::to([0, 3, 60, 2000, 5, 700])).unwrap()).collect();
        tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 2774));
        let (moves, _) = runtime.stack_moves();
        assert_eq!(moves > 0, stacks != StackMode::Reserve, "{spacing:?}");
    });
}

/// Does a walk of the task's own stack, from where its code waits, show each level that it should?
fn is_whole(current: &Current<'_, Compiled>) -> bool {
    let at = current.waits_at().expect("compiled code");
    // SAFETY: the task is the caller's own, and waits there.
    current.bars(|bars| unsafe { walk_waiting(current.task(), bars, at) }).is_some()
}

/// The stack moves while the collector marks, with barriers on it: it is walked as before, they are hit on the way back, and the re-scan is bounded.
#[test]
fn a_stack_moves_under_its_barriers() {
    for spacing in MODES {
        let builder = Compiled::builder(spacing, COPY, move |current| {
            for room in [0, 30_000, 0, 100_000] {
                wait_for_barriers(current, spacing);
                let before = current.bars(|bars| (bars.base(), bars.len(), bars.position(), bars.stack_hi()));
                let slots: Vec<_> =
                    current.bars(|bars| bars.iter().map(|r| bars.stack_hi() - r.saved_lr_ptr).collect());
                current.make_room(room).unwrap();
                let after = current.bars(|bars| (bars.base(), bars.len(), bars.position(), bars.stack_hi()));
                assert!(
                    before.0 != after.0 && (before.1, before.2) == (after.1, after.2),
                    "{before:x?} {after:x?}"
                );
                current.bars(|bars| {
                    let shifted: Vec<_> = bars.iter().map(|r| bars.stack_hi() - r.saved_lr_ptr).collect();
                    assert_eq!(shifted, slots);
                });
                assert!(is_whole(current), "{spacing:?}");
            }
        });
        let runtime = builder
            .stacks(poisoned(spacing))
            .always_move(true)
            .workers(2)
            .verify(true)
            .oracle(true)
            .start()
            .unwrap();
        const DESCENTS: usize = rounds(20);
        let task = runtime.spawn_program(Descents::to([FEW; DESCENTS])).unwrap();
        assert_eq!(task.join().unwrap(), (FEW + 1) * DESCENTS);
        let scans = runtime.cycles();
        let hit: usize = scans.iter().map(|cycle| cycle.re_scan.hit).sum();
        assert!(
            spacing == Spacing::Off || hit > 0 || scans.iter().any(|cycle| cycle.removed > 0),
            "{spacing:?}"
        );
    }
}

/// A stack that moves again and again while the collector marks is scanned again as far as it ran, no further.
#[test]
fn a_stack_that_moves_is_still_scanned_once() {
    for spacing in MODES {
        let builder = Compiled::builder(spacing, COPY, move |current| {
            let stand = || current.bars(|bars| bars.len() > bars.position());
            // Often, because it takes luck for both worker and collector to come for the first scan.
            for _ in 0..rounds(1000) {
                current.request_collection();
                wait_for_barriers(current, spacing);
                // Until the cycle is over.
                while stand() {
                    current.make_room(0).unwrap();
                    current.yield_now();
                }
            }
        });
        let runtime = builder.always_move(true).workers(1).verify(true).oracle(true).start().unwrap();
        assert_eq!(runtime.spawn_program(Descents::to([FEW])).unwrap().join().unwrap(), FEW + 1);
        let deep = |bytes: usize| bytes > FEW * FRAME_BYTES * 3 / 4;
        let cycles = runtime.cycles();
        let deep_ones: Vec<_> = cycles.iter().filter(|cycle| deep(cycle.first.bytes)).collect();
        assert!(deep_ones.len() > 10 || spacing == Spacing::Off, "{spacing:?}: {}", cycles.len());
        let full = deep_ones.iter().filter(|cycle| deep(cycle.re_scan.bytes)).count();
        assert!(full == 0 || spacing == Spacing::Off, "{spacing:?}: {full} of {deep_ones:?}");
    }
}

#[test]
fn a_stack_that_is_little_used_shrinks_at_its_next_scan() {
    const HALF: usize = 500;
    for spacing in MODES {
        let sizes = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let builder = Compiled::builder(spacing, COPY, move |current| {
            let size = |current: &Current<'_, Compiled>| current.bars(|bars| bars.class().bytes());
            let before = size(current);
            current.collect();
            seen.lock().unwrap().push((
                current.task().language.load(Ordering::Relaxed),
                before,
                size(current),
            ));
        });
        let runtime = builder.workers(1).verify(true).oracle(true).start().unwrap();
        let depths = [1000, HALF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            runtime.spawn_program(Descents::to(depths)).unwrap().join().unwrap(),
            1001 + HALF + 1 + 10
        );
        let sizes = sizes.lock().unwrap();
        assert!(sizes[0].1 == sizes[0].2 && sizes[0].2 > 64 << 10, "it is in use: {sizes:?}");
        // Less than half would do, but more than a quarter is in use.
        assert_eq!((sizes[1].1, sizes[1].2), (sizes[0].2, sizes[0].2), "{spacing:?} {sizes:?}");
        for (_, before, after) in &sizes[2..] {
            assert!(*after == before / 2 || (*after == *before && *after <= 8192), "{spacing:?} {sizes:?}");
        }
        assert!(sizes[11].2 <= 8192, "{spacing:?} {sizes:?}");
        let (moves, shrunk) = runtime.stack_moves();
        assert!(shrunk >= 4 && moves > shrunk, "{moves} {shrunk}");
    }
}

extern "C-unwind" fn again(_: *const integration_tests::compiled::Task) -> usize {
    AGAIN.fetch_add(1, Ordering::SeqCst);
    0
}

static AGAIN: AtomicUsize = AtomicUsize::new(0);

/// A task that waits between its stacks is collected, moved and woken like any other.
#[test]
fn tasks_wait_between_their_stacks() {
    everywhere(|spacing, stacks| {
        AGAIN.store(0, Ordering::SeqCst);
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let builder = Compiled::builder(spacing, stacks, move |current| {
            count.fetch_add(1, Ordering::SeqCst);
            current.park_and_call(again);
        });
        let runtime = builder.always_move(true).workers(2).verify(true).oracle(true).start().unwrap();
        let tasks: Vec<_> =
            (0..50).map(|i| runtime.spawn_program(Descents::to([i, 100 + i])).unwrap()).collect();
        for round in 1..=2 {
            while waiting.load(Ordering::SeqCst) < 50 * round {
                std::thread::yield_now();
            }
            (0..3).for_each(|_| runtime.collect());
            tasks.iter().for_each(|task| task.task().unpark());
        }
        let sum: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
        assert_eq!(sum, (0..50).map(|i| i + 1 + 101 + i).sum::<usize>());
        assert_eq!(AGAIN.load(Ordering::SeqCst), 100);
    });
}

extern "C-unwind" fn panics(_: *const integration_tests::compiled::Task) -> usize {
    panic!("after the wait")
}

/// The bug: that function was called by one that does not unwind, and its panic ended the process.
#[test]
fn a_panic_of_the_function_that_ends_a_wait_is_its_tasks_own() {
    everywhere(|spacing, stacks| {
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        let builder = Compiled::builder(spacing, stacks, move |current| {
            count.fetch_add(1, Ordering::SeqCst);
            current.park_and_call(panics);
        });
        let runtime = builder.workers(2).verify(true).oracle(true).start().unwrap();
        let tasks: Vec<_> = (0..10).map(|i| runtime.spawn_program(Descents::to([50 * i])).unwrap()).collect();
        while waiting.load(Ordering::SeqCst) < 10 {
            std::thread::yield_now();
        }
        runtime.collect();
        tasks.iter().for_each(|task| task.task().unpark());
        for task in tasks {
            let error = task.join().unwrap_err().to_string();
            assert!(error.contains("after the wait"), "{spacing:?} {stacks:?}: {error}");
        }
        runtime.collect();
    });
}

#[test]
fn a_stack_grows_to_its_limit_and_no_further() {
    let builder = Compiled::builder(Spacing::default(), COPY, |current| {
        let size = || current.bars(|bars| bars.class().bytes());
        let limit = || current.stack_bounds().end - current.stack_bounds().start;
        current.make_room(100_000).unwrap();
        assert_eq!(size(), 128 << 10);
        let full = current.make_room(2 << 20).unwrap_err();
        assert!(full.to_string().contains("used up"), "{full}");
        // One that is lower than the size, on this stack and the next.
        current.limit_stack(200_000);
        assert!(current.make_room(200_000).is_err());
        assert_eq!(size(), 128 << 10);
        current.make_room(150_000).unwrap();
        assert_eq!((size(), limit()), (256 << 10, 200_000));
        current.limit_stack(1000);
        assert_eq!(limit(), 1000);
        current.limit_stack(usize::MAX);
        assert!(limit() > 250_000);
    });
    let runtime = builder.workers(1).start().unwrap();
    assert_eq!(runtime.spawn_program(Descents::to([10])).unwrap().join().unwrap(), 11);
}

/// Somebody else's stacks, which stay where they are.
struct Elsewhere(PooledStacks);

// SAFETY: passed on.
unsafe impl StackSource for Elsewhere {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn std::error::Error + Send + Sync>> {
        self.0.alloc(bytes)
    }
    unsafe fn free(&self, stack: TaskStack) {
        // SAFETY: passed on.
        unsafe { self.0.free(stack) }
    }
}

fn refused(builder: Builder<Compiled>) -> String {
    builder.start().map(drop).unwrap_err().to_string()
}

#[test]
fn what_cannot_move_is_refused_at_the_start() {
    let compiled = |stacks| Compiled::builder(Spacing::default(), stacks, |_| {});
    let native = Native::builder(64 << 20).stack_mode(COPY).start().map(drop);
    assert!(matches!(native, Err(StartError::NotMovable)), "{native:?}");
    let elsewhere = Elsewhere(PooledStacks::new(Spacing::default(), GuardPages::Off));
    assert!(refused(compiled(COPY).stacks(elsewhere)).contains("StackSource::mover"));
    assert!(refused(compiled(StackMode::Copy { first: 5000 })).contains("not a power of two"));
    assert!(refused(compiled(StackMode::Copy { first: 2 << 20 })).contains("may use 1048576"));
    let tight = Compiled::builder(Spacing::EveryFrame, StackMode::Copy { first: 2048 }, |_| {});
    assert!(tight.start().is_ok(), "half of it is stolen, and there is room for a frame");
}
