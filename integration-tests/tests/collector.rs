//! The collector beside running tasks: nothing is lost, whatever the barriers, the workers and the mode of the cycle.

use std::hint::black_box;

use integration_tests::native::{Cell, Native, global, set_global};
use integration_tests::{MODES, rounds};
use sched::{Current, Runtime};

/// A list with one cell per frame, built on the way down, checked on the way up.
#[inline(never)]
fn deep(current: &Current<'_, Native>, depth: usize, leaf: &mut dyn FnMut(&Current<'_, Native>)) -> usize {
    let own = Cell::new(current, &[None, None]);
    if depth == 0 {
        leaf(current);
        return own.check();
    }
    own.set(current, 0, Some(Cell::new(current, &[])));
    let below = deep(current, black_box(depth - 1), leaf);
    assert_eq!(own.check(), 2, "depth {depth}");
    assert_eq!(own.get(0).unwrap().check(), 0, "depth {depth}");
    below
}

/// Keeps allocating lists of `length`, each checked.
fn churn(current: &Current<'_, Native>, rounds: usize, length: usize) {
    for round in 0..rounds {
        let mut list = None;
        for _ in 0..length {
            list = Some(Cell::new(current, &[list, None, None]));
        }
        let mut at = list;
        let mut seen = 0;
        while let Some(cell) = at {
            assert_eq!(cell.check(), 3, "round {round}");
            at = cell.get(0);
            seen += 1;
        }
        assert_eq!(seen, length);
    }
}

fn runtimes() -> impl Iterator<Item = (String, Runtime<Native>)> {
    MODES.into_iter().flat_map(|spacing| {
        [(1, false), (2, false), (2, true)].map(|(workers, stop_the_world)| {
            let builder = Native::builder(256 << 20).spacing(spacing).workers(workers).mark_workers(workers);
            let builder = builder.verify(true).stop_the_world(stop_the_world).stack_bytes(1 << 22);
            (format!("{spacing:?}, {workers} workers, stopped {stop_the_world}"), builder.start().unwrap())
        })
    })
}

#[test]
fn a_deep_stack_keeps_its_cells() {
    for (name, runtime) in runtimes() {
        let task = runtime.spawn(|current| {
            deep(current, 2000, &mut |current| {
                for _ in 0..rounds(20) {
                    current.request_collection();
                    churn(current, 20, 50);
                }
                current.collect();
            })
        });
        task.unwrap().join().unwrap();
        assert!(!runtime.cycles().is_empty(), "{name}");
    }
}

#[test]
fn thousands_of_cycles_with_verification() {
    const ROUNDS: usize = rounds(150);
    let mut cycles = 0;
    for (_, runtime) in runtimes() {
        let task = runtime.spawn(|current| {
            deep(current, 100, &mut |current| {
                for i in 0..ROUNDS {
                    current.collect();
                    deep(current, i % 50, &mut |current| churn(current, 1, 10));
                }
            })
        });
        task.unwrap().join().unwrap();
        let log = runtime.cycles();
        assert!(log.iter().all(|cycle| cycle.verified.is_some_and(|objects| objects > 100)));
        cycles += log.len();
    }
    assert!(cycles >= 9 * ROUNDS, "{cycles}");
}

#[test]
fn several_tasks_share_mutable_cells() {
    for (name, runtime) in runtimes() {
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                runtime.spawn(move |current| {
                    for round in 0..300 {
                        let index = (number * 7 + round) % 64;
                        let old = global(current, index);
                        if let Some(old) = old {
                            old.check();
                        }
                        let new = Cell::new(current, &[old.and_then(|old| old.get(0)), None]);
                        set_global(current, index, Some(new));
                        let other = global(current, (index + 1) % 64);
                        new.set(current, 0, other.filter(|_| round % 5 != 0));
                        if round % 50 == 0 {
                            current.request_collection();
                        }
                        if round % 3 == 0 {
                            current.yield_now();
                        }
                        deep(current, round % 40, &mut |current| churn(current, 1, 5));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.unwrap().join().unwrap_or_else(|panic| panic!("{name}: {panic}"));
        }
    }
}

#[test]
fn the_heap_limit_is_a_clear_error_and_nothing_is_lost() {
    for spacing in MODES {
        let runtime = Native::builder(8 << 20).spacing(spacing).workers(1).verify(true).start().unwrap();
        let task = runtime.spawn(|current| {
            let mut list = None;
            let error = loop {
                match Cell::try_new(current, &[list, None]) {
                    Ok(cell) => list = Some(cell),
                    Err(error) => break error,
                }
            };
            let mut length = 0;
            let mut at = list;
            while let Some(cell) = at {
                length += cell.check() / 2;
                at = cell.get(0);
            }
            (length, error.to_string())
        });
        let (length, error) = task.unwrap().join().unwrap();
        assert!(length > 50_000, "{length}");
        assert!(error.contains("limit"), "{error}");
    }
}

/// Stacks that did not run since their scan are not visited in the pause (I14).
#[test]
fn parked_tasks_are_not_dirty() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(2).verify(true).start().unwrap();
        let parked: Vec<_> = (0..50)
            .map(|_| {
                runtime
                    .spawn(|current| {
                        let cell = Cell::new(current, &[None]);
                        deep(current, 50, &mut |current| current.park());
                        cell.check()
                    })
                    .unwrap()
            })
            .collect();
        let busy = runtime.spawn(|current| {
            for _ in 0..20 {
                current.collect();
            }
        });
        busy.unwrap().join().unwrap();
        let last = runtime.cycles().pop().unwrap();
        assert!(last.tasks > 50 && last.dirty <= 2, "{last}");
        for task in parked {
            task.task().unpark();
            assert_eq!(task.join().unwrap(), 1);
        }
    }
}
