//! The system refuses memory or a thread to a runtime, at each call in turn: a clear error or none, nothing hangs, and all well afterwards.
//!
//! A thread is refused by refusing the memory for its stack, which is how it mostly happens. The pool alone, call by call:
//! `stack-alloc/tests/faults.rs`.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

#[path = "../../stack-alloc/tests/common/mod.rs"]
mod common;
#[path = "../../stack-alloc/tests/common/refusing.rs"]
mod refusing;

use common::{assert_done, in_child};
use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use refusing::{Order, install, refusing};
use sched::{Builder, Current, StartError};
use stack_alloc::GuardPages;

/// A list of `n` cells, one frame for each, with a collection at the bottom.
fn build(current: &Current<'_, Native>, n: usize) -> Option<Cell> {
    if n == 0 {
        current.collect();
        return None;
    }
    let below = build(current, n - 1);
    Some(Cell::new(current, &[below]))
}

fn length(mut list: Option<Cell>) -> usize {
    let mut cells = 0;
    while let Some(cell) = list {
        cells += 1;
        list = cell.get(0);
    }
    cells
}

/// A runtime's life: threads, tasks with stacks of their own, collections. How many of its steps were refused.
fn exercise(builder: Builder<Native>) -> usize {
    let runtime = match builder.start() {
        Ok(runtime) => runtime,
        Err(error) => {
            let said = error.to_string();
            assert!(
                matches!(error, StartError::Thread(_)) && said.contains("cannot start a thread"),
                "{said}"
            );
            return 1;
        }
    };
    // Of different sizes, so that each needs a mapping.
    let tasks = (0..3).map(|_| runtime.spawn(|current| length(build(current, 20))));
    let (mut refused, mut tasks) = (0, tasks.collect::<Vec<_>>());
    tasks.push(runtime.spawn(|current| {
        let inner = current.spawn(|current| length(build(current, 20)));
        inner.map_or(20, |inner| inner.join_on(current).expect("it does not panic"))
    }));
    for task in tasks {
        match task {
            Ok(task) => assert_eq!(task.join().expect("it does not panic"), 20),
            Err(error) => {
                let said = error.to_string();
                assert!(said.contains("no stack of 65536 bytes") && said.contains("os error"), "{said}");
                refused += 1;
            }
        }
    }
    refused
}

fn builder(spacing: barrier_arch::Spacing) -> Builder<Native> {
    let builder = Native::builder(8 << 20).workers(2).mark_workers(2).stack_bytes(64 << 10);
    builder.spacing(spacing).guard(GuardPages::Off).verify(true)
}

/// Refuses under `order`; says whether there was anything left to refuse.
fn try_order(spacing: barrier_arch::Spacing, order: Order) -> bool {
    // The heap's own memory is there before.
    let builder_of_faults = builder(spacing);
    let (errors, refused) = refusing(order, || exercise(builder_of_faults));
    assert!(errors <= refused, "{errors} errors for {refused} refusals: {spacing:?} {order:?}");
    assert_eq!(exercise(builder(spacing)), 0, "all is well again: {spacing:?} {order:?}");
    refused > 0
}

fn all_in_turn(count: usize) {
    // Not the others: threads call madvise when they end and signals are blocked, and std's threads cannot do without mprotect.
    install(&[libc::SYS_mmap, libc::SYS_munmap]);
    for spacing in MODES {
        let tried = |first| try_order(spacing, Order { first, count, errno: libc::ENOMEM });
        let calls = (1..).take_while(|&first| tried(first)).count();
        assert!(calls > 5, "{calls} calls to refuse");
    }
}

#[test]
fn a_runtime_is_refused_one_call() {
    assert_done(&in_child("a_runtime_is_refused_one_call", || all_in_turn(1)));
}

#[test]
fn a_runtime_is_refused_all_calls_from_one_on() {
    assert_done(&in_child("a_runtime_is_refused_all_calls_from_one_on", || all_in_turn(usize::MAX)));
}
