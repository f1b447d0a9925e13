//! Tasks end while barriers stand on their stacks, and the stacks go to the next tasks at once (Go's issue11256). And after a cycle the
//! barriers go away without anybody having to return.

use std::collections::HashSet;
use std::error::Error;
use std::hint::black_box;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use barrier_arch::Spacing;
use barrier_arch::arch::{self, RecoverPoint};
use integration_tests::native::{Cell, Native};
use integration_tests::{MODES, rounds};
use sched::{Current, PooledStacks, StackSource, TaskStack};

/// What became of the stacks.
#[derive(Default)]
struct Counts {
    handed_out: AtomicUsize,
    freed_with_barriers: AtomicUsize,
    tops: Mutex<HashSet<usize>>,
}

struct Watched(PooledStacks, Arc<Counts>);

// SAFETY: the pool's, passed on.
unsafe impl StackSource for Watched {
    fn alloc(&self, bytes: usize) -> Result<TaskStack, Box<dyn Error + Send + Sync>> {
        let stack = self.0.alloc(bytes)?;
        assert_eq!(stack.bars.state(), (0, 0), "a stack with somebody else's barriers");
        self.1.handed_out.fetch_add(1, Ordering::Relaxed);
        self.1.tops.lock().unwrap().insert(stack.bars.top());
        Ok(stack)
    }

    unsafe fn free(&self, stack: TaskStack) {
        self.1.freed_with_barriers.fetch_add(usize::from(!stack.bars.is_empty()), Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { self.0.free(stack) }
    }
}

/// `n` frames of 256 bytes and more, each with a cell, `bottom` below.
#[inline(never)]
fn nest(current: &Current<'_, Native>, n: usize, bottom: &dyn Fn(&Current<'_, Native>)) -> u8 {
    let ballast = black_box([n as u8; 256]);
    let cell = Cell::new(current, &[None]);
    if n == 0 {
        bottom(current);
    } else {
        nest(current, n - 1, bottom);
    }
    cell.check();
    black_box(&ballast)[7]
}

/// Returns while the barriers of a cycle stand; where there is no room for any, some time after a cycle was asked for.
fn wait_for_barriers(current: &Current<'_, Native>) {
    current.request_collection();
    let patience = if current.bars(|bars| bars.capacity()) == 0 { 1000 } else { 1_000_000 };
    for _ in 0..patience {
        Cell::new(current, &[]);
        if current.bars(|bars| bars.position() < bars.len()) {
            return;
        }
    }
}

extern "C" fn exit_from_below(argument: usize) -> usize {
    // SAFETY: the argument points to the caller's own pair, on the same stack.
    let (current, point) =
        unsafe { &*(argument as *const (*const Current<'_, Native>, *const RecoverPoint)) };
    let point = *point;
    // SAFETY: as above.
    let current = unsafe { &**current };
    nest(current, 30, &|current| {
        wait_for_barriers(current);
        // SAFETY: `protect` is live above, and nothing between has anything to drop.
        unsafe {
            current.skip_barriers((*point).sp());
            arch::recover(point, 1)
        }
    });
    0
}

/// Ends the task in one of three ways: by returning, by a panic, by leaving all frames at once.
fn run_and_end(current: &Current<'_, Native>, way: usize) {
    match way {
        0 => drop(nest(current, 30, &wait_for_barriers)),
        1 => drop(nest(current, 30, &|current| {
            wait_for_barriers(current);
            resume_unwind(Box::new("over"));
        })),
        _ => {
            let mut point = RecoverPoint::default();
            let argument = (&raw const *current, &raw const point);
            // SAFETY: see `exit_from_below`.
            let value =
                unsafe { arch::protect(&raw mut point, exit_from_below, (&raw const argument) as usize) };
            assert_eq!(value, 1);
        }
    }
}

#[test]
fn tasks_that_end_under_barriers_leave_none_to_the_next() {
    for spacing in MODES {
        let counts = Arc::new(Counts::default());
        let stacks = Watched(PooledStacks::new(spacing, Default::default()), Arc::clone(&counts));
        let builder = Native::builder(64 << 20).spacing(spacing).workers(2).verify(true).stack_bytes(1 << 17);
        let runtime = builder.stacks(stacks).start().unwrap();
        const ROUNDS: usize = rounds(300);
        for round in 0..ROUNDS {
            let tasks = [round, round + 1, round + 2]
                .map(|n| runtime.spawn(move |current| run_and_end(current, n % 3)).unwrap());
            let failed = tasks.into_iter().filter_map(|task| task.join().err());
            let messages: Vec<_> = failed.map(|panic| panic.message().map(str::to_owned)).collect();
            assert_eq!(messages, [Some("over".to_owned())], "{spacing:?}, round {round}");
        }
        runtime.collect();
        let (stacks, handed_out) =
            (counts.tops.lock().unwrap().len(), counts.handed_out.load(Ordering::Relaxed));
        assert!(stacks < 10 && handed_out == 3 * ROUNDS, "{stacks} for {handed_out}");
        let left = counts.freed_with_barriers.load(Ordering::Relaxed);
        assert_eq!(left > ROUNDS / 10, spacing != Spacing::Off, "{left} ended with barriers on their stacks");
    }
}

#[test]
fn after_a_cycle_no_parked_stack_has_barriers() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(2).verify(true).start().unwrap();
        let at_the_bottom = Arc::new(AtomicUsize::new(0));
        let parked: Vec<_> = (0..20)
            .map(|_| {
                let (at_the_bottom, left) = (Arc::clone(&at_the_bottom), Arc::new(AtomicUsize::new(0)));
                let seen = Arc::clone(&left);
                let task = runtime.spawn(move |current| {
                    nest(current, 30, &|current| {
                        at_the_bottom.fetch_add(1, Ordering::SeqCst);
                        current.park();
                        left.store(current.bars(|bars| bars.len()), Ordering::SeqCst);
                    });
                });
                (task.unwrap(), seen)
            })
            .collect();
        while at_the_bottom.load(Ordering::SeqCst) < parked.len() {
            std::thread::yield_now();
        }
        let mut removed = 0;
        for _ in 0..3 {
            runtime.collect();
            let last = runtime.cycles().pop().unwrap();
            removed += last.removed;
            assert_eq!(last.first.installed > 0, spacing != Spacing::Off, "{last}");
            assert_eq!(last.first.stale, 0, "the last cycle's were removed before this one began: {last}");
        }
        assert_eq!(removed > 3 * parked.len(), spacing != Spacing::Off, "{removed}");
        for (task, seen) in parked {
            task.task().unpark();
            task.join().unwrap();
            assert_eq!(seen.load(Ordering::SeqCst), 0);
        }
    }
}
