//! Green threads as such: spawn, join, park, unpark, yield, stealing, panics, shutdown; with the collector in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::SizeClass;
use barrier_arch::host::{Evidence, Unsupported};
use gc_mark::Phases;
use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use sched::{Current, Next, Program, StackMode, StartError, Task};

#[test]
fn ten_thousand_tasks_count() {
    let runtime = Native::builder(64 << 20).workers(2).stack_bytes(16 << 10).start().unwrap();
    let counter = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..10_000)
        .map(|i| {
            let counter = Arc::clone(&counter);
            runtime
                .spawn(move |current| {
                    current.yield_now();
                    counter.fetch_add(1, Ordering::Relaxed);
                    i
                })
                .unwrap()
        })
        .collect();
    let sum: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!((sum, counter.load(Ordering::Relaxed)), (49_995_000, 10_000));
}

#[test]
fn tasks_spawn_and_join_tasks() {
    fn fib(current: &sched::Current<'_, Native>, n: u64) -> u64 {
        if n < 2 {
            return n;
        }
        let one = current.spawn(move |current| fib(current, n - 1)).unwrap();
        let other = fib(current, n - 2);
        one.join_on(current).unwrap() + other
    }
    for workers in [1, 2, 4] {
        let builder = Native::builder(64 << 20).workers(workers).stack_bytes(32 << 10);
        let runtime = builder.start().unwrap();
        assert_eq!(runtime.spawn(|current| fib(current, 15)).unwrap().join().unwrap(), 610);
    }
}

#[test]
fn a_ring_of_tasks_passes_a_token() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).workers(2).spacing(spacing).verify(true).start().unwrap();
        const ROUNDS: usize = 200;
        const TASKS: usize = 20;
        let turn = Arc::new(AtomicUsize::new(0));
        let ring: Arc<std::sync::Mutex<Vec<Arc<Task<Native>>>>> = Arc::default();
        // Nobody passes the token on before the ring is closed.
        let mut closing = ring.lock().unwrap();
        let tasks: Vec<_> = (0..TASKS)
            .map(|number| {
                let (turn, ring) = (Arc::clone(&turn), Arc::clone(&ring));
                runtime
                    .spawn(move |current| {
                        let own = Cell::new(current, &[None]);
                        for round in 0..ROUNDS {
                            while turn.load(Ordering::Acquire) != round * TASKS + number {
                                current.park();
                            }
                            own.set(current, 0, Some(Cell::new(current, &[])));
                            if number == 0 && round % 20 == 0 {
                                current.request_collection();
                            }
                            turn.fetch_add(1, Ordering::Release);
                            let next = Arc::clone(&ring.lock().unwrap()[(number + 1) % TASKS]);
                            next.unpark();
                        }
                        own.check()
                    })
                    .unwrap()
            })
            .collect();
        *closing = tasks.iter().map(|task| Arc::clone(task.task())).collect();
        drop(closing);
        for task in tasks {
            assert_eq!(task.join().unwrap(), 1);
        }
    }
}

#[test]
fn a_panic_is_reported_and_the_worker_lives_on() {
    let runtime = Native::builder(16 << 20).workers(1).start().unwrap();
    for i in 0..20 {
        let task =
            runtime.spawn(move |_| -> () { std::panic::resume_unwind(Box::new(format!("number {i}"))) });
        let error = task.unwrap().join().unwrap_err();
        assert_eq!(error.to_string(), format!("the task panicked: number {i}"));
    }
    assert_eq!(runtime.spawn(|_| 5).unwrap().join().unwrap(), 5);
}

#[test]
fn a_runtime_may_be_dropped_with_tasks_of_every_kind_in_it() {
    for round in 0..60 {
        let stop_the_world = round % 3 == 0;
        let phases = Arc::new(Phases::new());
        let builder = Native::builder(16 << 20).workers(2).stop_the_world(stop_the_world);
        // Small stacks: those of abandoned tasks stay, and addresses may have 32 bits only.
        let runtime = builder.phases(Arc::clone(&phases)).stack_bytes(64 << 10).start().unwrap();
        for kind in 0..30 {
            let spawned = runtime.spawn(move |current| match kind % 3 {
                0 => loop {
                    current.safepoint();
                },
                1 => loop {
                    current.park();
                },
                _ => loop {
                    current.yield_now();
                },
            });
            drop(spawned.unwrap());
        }
        // In the midst of a cycle, too: a task whose worker has gone is never scanned.
        if round % 2 == 0 {
            runtime.request_collection();
            std::thread::sleep(std::time::Duration::from_micros(round * 20));
        }
        drop(runtime);
        assert_eq!(Arc::strong_count(&phases), 1, "heap and language went with the runtime");
    }
}

#[test]
fn bad_input_is_refused() {
    for bytes in [0, 3000, 1024, 2 * SizeClass::MAX.bytes()] {
        let error = Native::builder(16 << 20).stack_bytes(bytes).start().unwrap_err();
        assert!(matches!(error, StartError::StackSize(_)), "{error}");
        assert!(error.to_string().contains(&bytes.to_string()), "{error}");
    }
    assert!(matches!(Native::builder(16 << 20).workers(0).start().unwrap_err(), StartError::NoWorkers));
}

/// Calls nothing.
struct Nothing;

impl Program<Native> for Nothing {
    type Output = usize;

    fn next(&mut self, _: &Current<'_, Native>, _: Option<usize>) -> Next<usize> {
        Next::Done(7)
    }
}

/// The bug: on x32, whose `target_arch` is x86-64's, they were started, with assembly that takes pointers for eight bytes.
#[test]
fn tasks_of_compiled_code_run_where_there_is_a_way_and_are_refused_elsewhere() {
    let runtime = Native::builder(16 << 20).start().unwrap();
    let (there_is, is_refused) = match runtime.spawn_program(Nothing) {
        Ok(task) => (task.join().unwrap() == 7, false),
        Err(error) => (false, error.source.to_string().contains("have tasks of compiled code")),
    };
    assert_eq!((there_is, is_refused), (cfg!(has_compiled_tasks), !cfg!(has_compiled_tasks)));
    let moving = Native::builder(16 << 20).stack_mode(StackMode::Copy { first: 4096 });
    let error = moving.start().map(drop).unwrap_err();
    let is_due = match error {
        StartError::NotMovable => cfg!(has_compiled_tasks),
        StartError::NoCompiledTasks => !cfg!(has_compiled_tasks),
        _ => false,
    };
    assert!(is_due, "{error}");
}

/// Where return addresses cannot be patched the collector does without (I15).
#[test]
fn a_shadow_stack_turns_barriers_off_and_everything_works() {
    let shadow = Unsupported::ShadowStack(Evidence::Status(1));
    for spacing in MODES {
        let builder = Native::builder(64 << 20).spacing(spacing).host(Err(shadow)).verify(true).workers(2);
        let runtime = builder.start().unwrap();
        assert_eq!(runtime.barriers(), Err(shadow));
        let task = runtime.spawn(|current| {
            let cell = Cell::new(current, &[None]);
            (0..5).for_each(|_| current.collect());
            (cell.check(), current.bars(|bars| bars.capacity()))
        });
        assert_eq!(task.unwrap().join().unwrap(), (1, 0));
        assert!(runtime.cycles().iter().all(|cycle| cycle.first.installed == 0));
    }
}
