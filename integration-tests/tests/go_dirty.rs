//! Which stacks are scanned again in the pause: those that ran since their first scan, and those that had none because their task was
//! made in mid-cycle. No others (see `collector.rs` for parked ones).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::native::{Cell, Native, set_global};
use sched::{Current, Runtime};

const CYCLES: usize = 20;

fn runtime(spacing: Spacing) -> Runtime<Native> {
    // One worker: of the tasks that ran, all but one are not running when the world stops.
    Native::builder(256 << 20).spacing(spacing).workers(1).stack_bytes(1 << 16).verify(true).start().unwrap()
}

/// Enough to mark that tasks get to run meanwhile.
fn fill_heap(current: &Current<'_, Native>) {
    let mut list = None;
    for _ in 0..20_000 {
        list = Some(Cell::new(current, &[list]));
    }
    set_global(current, 0, list);
}

/// Collects so often; how many stacks were on the list, over all cycles.
fn dirty(runtime: &Runtime<Native>) -> usize {
    drop(runtime.take_cycles());
    (0..CYCLES).for_each(|_| runtime.collect());
    let cycles = runtime.take_cycles();
    assert!(cycles.len() >= CYCLES);
    cycles.iter().map(|cycle| cycle.dirty).sum()
}

#[test]
fn tasks_that_ran_since_their_scan_are_on_the_list() {
    for spacing in MODES {
        let (runtime, over) = (runtime(spacing), Arc::new(AtomicBool::new(false)));
        runtime.spawn(fill_heap).unwrap().join().unwrap();
        let tasks = [0; 4].map(|_| {
            let over = Arc::clone(&over);
            let spin = move |current: &Current<'_, Native>| {
                let cell = Cell::new(current, &[None]);
                while !over.load(Ordering::Relaxed) {
                    current.yield_now();
                }
                cell.check()
            };
            runtime.spawn(spin).unwrap()
        });
        let dirty = dirty(&runtime);
        over.store(true, Ordering::Relaxed);
        assert_eq!(tasks.map(|task| task.join().unwrap()), [1; 4]);
        assert!(dirty > CYCLES, "{spacing:?}: {dirty} in {CYCLES} cycles");
    }
}

#[test]
fn tasks_made_in_mid_cycle_are_on_the_list() {
    for spacing in MODES {
        let (runtime, over) = (runtime(spacing), Arc::new(AtomicBool::new(false)));
        runtime.spawn(fill_heap).unwrap().join().unwrap();
        let stop = Arc::clone(&over);
        // It never gives way, so what it spawns does not run, and only being new brings it on the list.
        let spawner = runtime.spawn(move |current| {
            let mut spawned = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                current.safepoint();
                if spawned.len() < 3000 {
                    spawned.push(current.spawn(|current| Cell::new(current, &[]).check()).unwrap());
                }
                (0..2000).for_each(|_| std::hint::spin_loop());
            }
            spawned
        });
        let dirty = dirty(&runtime);
        over.store(true, Ordering::Relaxed);
        let spawned = spawner.unwrap().join().unwrap();
        assert!(dirty > 2 * CYCLES, "{spacing:?}: {dirty} in {CYCLES} cycles, {} spawned", spawned.len());
        spawned.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 0));
    }
}
