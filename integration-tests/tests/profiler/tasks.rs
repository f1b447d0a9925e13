//! All that a task can do to its stack.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use barrier_arch::arch::{self, RecoverPoint};
use integration_tests::native::{Cell, Native, global, set_global};
use sched::Current;

use crate::handler::{DEPTH, REGISTRY, TO_COME, UNKNOWN};
use crate::timers;

/// A recursion that says how deep it is.
#[inline(never)]
pub(crate) fn far(
    current: &Current<'_, Native>,
    number: usize,
    to_come: usize,
    leaf: &dyn Fn(&Current<'_, Native>),
) -> usize {
    TO_COME[number].store(to_come, Ordering::SeqCst);
    let cell = Cell::new(current, &[]);
    let words = black_box([to_come; 100]);
    if to_come == 0 {
        leaf(current);
        return words[7];
    }
    let below = far(current, number, black_box(to_come - 1), leaf);
    TO_COME[number].store(to_come, Ordering::SeqCst);
    black_box(below + words[5] + cell.check())
}

/// Number of the caller's stack.
pub(crate) fn own_number() -> usize {
    let here = 0_usize;
    // SAFETY: we run there.
    unsafe { REGISTRY.find((&raw const here) as usize) }.expect("a registered stack").0
}

pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// All that a task can do to its stack, again and again.
pub(crate) fn work(current: &Current<'_, Native>) {
    let number = own_number();
    while !STOP.load(Ordering::Relaxed) {
        timers::profile_this_thread();
        for leaf in [linger, churn, churn, linger] {
            far(current, number, DEPTH, &leaf);
            TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
        }
        for _ in 0..30 {
            let caught = catch_unwind(AssertUnwindSafe(|| far(current, number, DEPTH, &throw)));
            assert!(caught.is_err() && TO_COME[number].load(Ordering::Relaxed) == UNKNOWN);
            recover_far(current, number);
        }
        let unwinds = |current: &Current<'_, Native>| {
            let dst = current.stack_bounds().end - 3000;
            current.unwind_barriers(dst);
        };
        far(current, number, DEPTH, &unwinds);
        TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
        // One that ends by a panic, with barriers on its stack, which the next one gets.
        let task = current.spawn(|current| {
            far(current, own_number(), DEPTH, &throw);
        });
        assert!(task.unwrap().join_on(current).is_err());
        current.yield_now();
    }
}

pub(crate) fn churn(current: &Current<'_, Native>) {
    let mut list = None;
    for _ in 0..50 {
        list = Some(Cell::new(current, &[list]));
        current.safepoint();
    }
    assert!(list.is_some_and(|cell| cell.check() == 1));
}

/// Stays down for a cycle or so, so that barriers stand above, and the way back leads through them.
pub(crate) fn linger(current: &Current<'_, Native>) {
    let since = Instant::now();
    while since.elapsed() < Duration::from_millis(10) {
        churn(current);
    }
}

pub(crate) fn throw(current: &Current<'_, Native>) {
    churn(current);
    TO_COME[own_number()].store(UNKNOWN, Ordering::SeqCst);
    resume_unwind(Box::new("far"));
}

/// A recover that drops all levels in one go.
pub(crate) fn recover_far(current: &Current<'_, Native>, number: usize) {
    type Argument<'a> = (*const Current<'a, Native>, *const RecoverPoint, usize);
    extern "C" fn body(argument: usize) -> usize {
        // SAFETY: the caller's own, further up this stack.
        let &(current, point, number) = unsafe { &*(argument as *const Argument<'_>) };
        // SAFETY: as above.
        let current = unsafe { &*current };
        far(current, number, DEPTH, &|current| {
            churn(current);
            TO_COME[number].store(UNKNOWN, Ordering::SeqCst);
            // SAFETY: `protect` filled it in and waits; the frames between hold nothing to drop.
            unsafe {
                current.skip_barriers((*point).sp());
                arch::recover(point, 7)
            }
        })
    }
    let mut point = RecoverPoint::default();
    let argument: Argument<'_> = (current, &raw const point, number);
    // SAFETY: see `body`.
    let value = unsafe { arch::protect(&raw mut point, body, (&raw const argument) as usize) };
    assert_eq!(value, 7);
}

/// Something to mark, so that barriers stand for a while.
pub(crate) fn fill_the_heap(current: &Current<'_, Native>) {
    for _ in 0..50_000 {
        set_global(current, 0, Some(Cell::new(current, &[global(current, 0)])));
    }
}
