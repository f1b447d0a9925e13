//! Parks with a deadline: never too early, never lost, in the order of their times; with the collector in between.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use sched::Current;

/// Waits until `at`, however often it is woken before.
fn sleep_until(current: &Current<'_, Native>, at: Instant) {
    while Instant::now() < at {
        current.park_until(at);
    }
}

#[test]
fn nobody_wakes_too_early_and_the_earlier_ones_come_first() {
    for (spacing, workers) in MODES.into_iter().flat_map(|spacing| [(spacing, 1), (spacing, 3)]) {
        let builder = Native::builder(64 << 20).workers(workers).spacing(spacing).verify(true);
        let runtime = builder.start().unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let begin = Instant::now();
        // The earliest is set last, and must shorten the sleep of a worker that waits for the others.
        let tasks: Vec<_> = (0..8)
            .rev()
            .map(|i| {
                let order = Arc::clone(&order);
                let at = begin + Duration::from_millis(30 * (i + 1));
                runtime
                    .spawn(move |current| {
                        let kept = Cell::new(current, &[None]);
                        current.request_collection();
                        sleep_until(current, at);
                        assert!(Instant::now() >= at);
                        order.lock().unwrap().push(i);
                        kept.check()
                    })
                    .unwrap()
            })
            .collect();
        tasks.into_iter().for_each(|task| assert_eq!(task.join().unwrap(), 1));
        let order = order.lock().unwrap();
        assert_eq!(order.len(), 8);
        // With one worker nobody can overtake; with more, between waking and noting it.
        assert!(workers > 1 || order.is_sorted(), "{order:?}");
    }
}

#[test]
fn an_unpark_ends_a_park_long_before_its_deadline() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).workers(2).spacing(spacing).verify(true).start().unwrap();
        let ready = Arc::new(AtomicUsize::new(0));
        let far = Instant::now() + Duration::from_secs(3600);
        let sleepers: Vec<_> = (0..20)
            .map(|_| {
                let ready = Arc::clone(&ready);
                runtime
                    .spawn(move |current| {
                        let kept = Cell::new(current, &[None]);
                        while ready.load(Ordering::Acquire) == 0 {
                            current.park_until(far);
                        }
                        kept.check()
                    })
                    .unwrap()
            })
            .collect();
        runtime.collect();
        ready.store(1, Ordering::Release);
        sleepers.iter().for_each(|sleeper| sleeper.task().unpark());
        sleepers.into_iter().for_each(|sleeper| assert_eq!(sleeper.join().unwrap(), 1));
    }
}

/// A worker that always has something to run looks at the clock between two tasks.
#[test]
fn alarms_ring_while_the_only_worker_is_busy() {
    let runtime = Native::builder(64 << 20).workers(1).start().unwrap();
    let done = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&done);
    let busy = runtime.spawn(move |current| {
        let mut turns = 0_usize;
        while seen.load(Ordering::Acquire) == 0 {
            current.yield_now();
            turns += 1;
        }
        turns
    });
    let sleeper = runtime.spawn(move |current| {
        sleep_until(current, Instant::now() + Duration::from_millis(5));
        done.store(1, Ordering::Release);
    });
    sleeper.unwrap().join().unwrap();
    assert!(busy.unwrap().join().unwrap() > 0);
}

/// An alarm that was cancelled is gone: of thousands that were set for the far future nothing is left that could ring, and each task
/// can be parked and unparked as before.
#[test]
fn an_alarm_that_is_cancelled_leaves_nothing_behind() {
    let runtime = Native::builder(64 << 20).workers(2).start().unwrap();
    let task = runtime.spawn(|current| {
        let handle = Arc::downgrade(&current.handle());
        let counts = || handle.strong_count();
        let before = counts();
        for _ in 0..1000 {
            let alarm = current.alarm_at(Instant::now() + Duration::from_secs(3600));
            current.cancel(alarm);
            current.cancel(alarm);
        }
        let rung = current.alarm_at(Instant::now());
        current.park();
        current.cancel(rung);
        (before, counts())
    });
    let (before, after) = task.unwrap().join().unwrap();
    assert_eq!(before, after, "each alarm holds its task");
}

#[test]
fn a_runtime_may_be_dropped_with_alarms_set() {
    for _ in 0..20 {
        let runtime = Native::builder(16 << 20).workers(2).start().unwrap();
        for i in 0..10 {
            let until = Instant::now() + Duration::from_millis(if i % 2 == 0 { 1 } else { 3_600_000 });
            drop(runtime.spawn(move |current| sleep_until(current, until)).unwrap());
        }
        let waiting = runtime.spawn(|current| Arc::downgrade(&current.handle())).unwrap().join().unwrap();
        drop(runtime);
        assert!(waiting.upgrade().is_none());
    }
}
