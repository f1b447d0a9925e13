//! A hundred thousand tasks that wait, each with a stack of its own that moves, take up less than 1 GiB.
//!
//! A test binary of its own: resident memory is the process's.

#![cfg(all(has_compiled_tasks, target_os = "linux"))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use integration_tests::compiled::{Compiled, Descents, Task};
use sched::StackMode;

/// So many are to fit in [`MOST`] bytes.
const DUE: usize = 100_000;
const MOST: usize = 1 << 30;

/// So many there are. Emulated processors are slow: there, the others are reckoned.
const TASKS: usize = if cfg!(target_arch = "x86_64") { DUE } else { DUE / 10 };

/// Bytes of this process's memory that are resident.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: usize = statm.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a number");
    pages * 4096
}

extern "C-unwind" fn again(_: *const Task) -> usize {
    0
}

#[test]
fn a_hundred_thousand_tasks_fit_in_a_gibibyte() {
    let waiting = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&waiting);
    let builder = Compiled::builder(Spacing::default(), StackMode::Copy { first: 4096 }, move |current| {
        count.fetch_add(1, Ordering::SeqCst);
        current.park_and_call(again);
    });
    let runtime = builder.workers(2).start().unwrap();
    let before = resident();
    let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn_program(Descents::to([8])).unwrap()).collect();
    while waiting.load(Ordering::SeqCst) < TASKS {
        std::thread::yield_now();
    }
    runtime.collect();
    let each = (resident() - before) / TASKS;
    let all = before + DUE * each;
    println!("{DUE} tasks: {} MiB resident, {each} bytes for each of {TASKS}", all >> 20);
    assert!(all < MOST, "{all} bytes, {each} for each task");
    tasks.iter().for_each(|task| task.task().unpark());
    let sum: usize = tasks.into_iter().map(|task| task.join().unwrap()).sum();
    assert_eq!(sum, 9 * TASKS);
}
