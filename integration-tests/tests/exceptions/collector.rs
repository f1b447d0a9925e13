//! A real collector at work while exceptions are under way: tasks of the scheduler, cycles that are verified by marking again from scratch.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::foreign::{BOTH, call_back};
use integration_tests::native::{Cell as HeapCell, Native};
use sched::{Current, Runtime};

use crate::rust_descend;

fn runtime(spacing: Spacing, workers: usize) -> Runtime<Native> {
    let builder = Native::builder(64 << 20).spacing(spacing).workers(workers).verify(true);
    builder.start().expect("a runtime")
}

/// In its destructor: a whole cycle, and a look at what only this frame keeps alive.
struct Collects<'a, 'c> {
    current: &'a Current<'c, Native>,
    kept: HeapCell,
    drops: &'a AtomicUsize,
}

impl Drop for Collects<'_, '_> {
    fn drop(&mut self) {
        let fresh = HeapCell::new(self.current, &[Some(self.kept)]);
        self.current.collect();
        self.kept.check();
        assert_eq!(fresh.get(0), Some(self.kept));
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

/// Rust and C in turn; the innermost frame panics.
#[inline(never)]
fn nest(current: &Current<'_, Native>, depth: usize, drops: &AtomicUsize) {
    let collects = Collects { current, kept: HeapCell::new(current, &[]), drops };
    let mut leaf = || match depth {
        0 => {
            current.collect();
            resume_unwind(Box::new("far"));
        }
        _ => nest(current, depth - 1, drops),
    };
    // Compiled with frame pointers: the scheduler's walk follows them here.
    // SAFETY: our own callback.
    call_back(&mut leaf, |call, argument| unsafe { (BOTH[0].descend)(3, call, argument) });
    collects.kept.check();
}

/// A whole cycle in every destructor of a panic: barriers are installed between the frames that are still to be unwound.
#[test]
fn a_cycle_inside_each_drop_while_the_panic_is_in_flight() {
    for spacing in MODES {
        let runtime = runtime(spacing, 1);
        let task = runtime.spawn(|current| {
            for _ in 0..3 {
                let drops = AtomicUsize::new(0);
                let caught = catch_unwind(AssertUnwindSafe(|| nest(current, 12, &drops)));
                assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "far");
                assert_eq!(drops.into_inner(), 13);
                assert!(!std::thread::panicking());
            }
        });
        task.unwrap().join().unwrap();
        let installed: usize = runtime.cycles().iter().map(|cycle| cycle.first.installed).sum();
        assert_eq!(installed > 0, spacing != Spacing::Off);
        assert_eq!(runtime.cycles().len(), 3 * 14);
    }
}

/// The same on several threads: a panic is counted per thread, so a task must stay on its own while one is in flight.
#[test]
fn a_panicking_task_stays_on_its_thread() {
    for spacing in MODES {
        let runtime = runtime(spacing, 3);
        let total = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let total = Arc::clone(&total);
                runtime.spawn(move |current| {
                    for _ in 0..4 {
                        let drops = AtomicUsize::new(0);
                        let caught = catch_unwind(AssertUnwindSafe(|| nest(current, 5, &drops)));
                        assert!(caught.is_err() && !std::thread::panicking());
                        total.fetch_add(drops.into_inner(), Ordering::Relaxed);
                        current.yield_now();
                        assert!(!std::thread::panicking());
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.unwrap().join().unwrap());
        assert_eq!(total.load(Ordering::Relaxed), 6 * 4 * 6);
    }
}

/// The panic leaves the task, with barriers crossed on the way and others standing.
#[test]
fn a_panic_that_ends_a_task_below_c_frames() {
    for spacing in MODES {
        let runtime = runtime(spacing, 2);
        for _ in 0..10 {
            let drops = Arc::new(AtomicUsize::new(0));
            let inner = Arc::clone(&drops);
            let task = runtime.spawn(move |current| {
                let counter = Cell::new(0);
                rust_descend(20, &counter, &mut || nest(current, 3, &inner));
            });
            assert_eq!(task.unwrap().join().unwrap_err().message(), Some("far"));
            assert_eq!(drops.load(Ordering::Relaxed), 4);
        }
    }
}
