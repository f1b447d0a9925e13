//! The seed's TestPanicFar: a recover far up a stack with barriers installed, then a walk that finds nothing wrong.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::arch::{self, RecoverPoint};
use integration_tests::MODES;
use integration_tests::native::{Cell, Native};
use sched::Current;
use unwind_walk::{End, FramePointers, LiveStack, Registers, Walk};

/// Frames of 1 KiB and more, `n` of them, `bottom` below.
#[inline(never)]
fn far(current: &Current<'_, Native>, n: usize, bottom: &mut dyn FnMut(&Current<'_, Native>)) -> u8 {
    let ballast = black_box([n as u8; 1024]);
    if n == 0 {
        bottom(current);
        return ballast[0];
    }
    far(current, n - 1, bottom).wrapping_add(black_box(&ballast)[7])
}

/// A strict walk of the caller's own stack; how many frames it has.
#[inline(never)]
fn full_walk(current: &Current<'_, Native>) -> usize {
    let (sp, fp) = barrier_arch::arch::own_frame();
    current.bars(|bars| {
        // SAFETY: the caller's own stack.
        let memory = unsafe { LiveStack::new(sp, bars.top()) };
        let registers = Registers { pc: full_walk as *const () as usize + 1, sp, fp };
        let walk = Walk::new(&FramePointers, &memory).barriers(bars);
        let mut outermost_sp = 0;
        walk.diagnose(registers, |frame| {
            outermost_sp = frame.sp;
            ControlFlow::Continue(())
        });
        // How much that frame takes is the architecture's business; z's is 176 bytes.
        assert!(bars.stack_hi() - outermost_sp <= 192, "the walk ended at {outermost_sp:#x}");
        let walked = walk.strict(outermost_sp, registers, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(walked.end, End::Outermost);
        walked.frames
    })
}

/// Starts a cycle and returns while its barriers stand; in the mode that has none, after a while.
fn begin_cycle(current: &Current<'_, Native>) {
    current.request_collection();
    let cells = if current.bars(|bars| bars.capacity()) > 0 { 100_000 } else { 5000 };
    for _ in 0..cells {
        Cell::new(current, &[]);
        if current.bars(|bars| !bars.is_empty()) {
            return;
        }
    }
}

struct Task<'a>(*const Current<'a, Native>);

#[test]
fn recover_drops_a_hundred_frames_in_one_go() {
    extern "C" fn body(argument: usize) -> usize {
        // SAFETY: the argument points to the test's own struct on the same stack.
        let (task, point) = unsafe { &*(argument as *const (Task<'_>, *const RecoverPoint)) };
        // SAFETY: as above.
        let current = unsafe { &*task.0 };
        far(current, 100, &mut |current| {
            begin_cycle(current);
            // SAFETY: `point` was filled in by `protect`, which is live above; the frames between hold nothing to drop.
            unsafe {
                current.skip_barriers((**point).sp());
                arch::recover(*point, 7)
            }
        });
        0
    }
    for spacing in MODES {
        let builder = Native::builder(64 << 20).spacing(spacing).workers(1).verify(true);
        let runtime = builder.start().unwrap();
        let task = runtime.spawn(|current| {
            let mut frames = Vec::new();
            for _ in 0..20 {
                let mut point = RecoverPoint::default();
                let argument = (Task(current), &raw const point);
                // SAFETY: see `body`.
                let value = unsafe { arch::protect(&raw mut point, body, (&raw const argument) as usize) };
                assert_eq!(value, 7);
                frames.push(full_walk(current));
                // And the stack is as good as new: deep again, with a cycle, and all the way back.
                far(current, 50, &mut begin_cycle);
                frames.push(full_walk(current));
            }
            frames
        });
        let frames = task.unwrap().join().unwrap();
        assert!(frames.iter().all(|&n| n == frames[0] && n > 3), "{spacing:?} {frames:?}");
    }
}

struct Counts(Arc<AtomicUsize>);
impl Drop for Counts {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[inline(never)]
fn far_with_drops(current: &Current<'_, Native>, n: usize, drops: &Arc<AtomicUsize>) -> u8 {
    let _counts = Counts(Arc::clone(drops));
    let ballast = black_box([n as u8; 1024]);
    if n == 0 {
        begin_cycle(current);
        resume_unwind(Box::new("far"));
    }
    far_with_drops(current, n - 1, drops).wrapping_add(black_box(&ballast)[7])
}

#[test]
fn a_panic_across_the_same_distance_runs_each_drop_once() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(1).verify(true).start().unwrap();
        let task = runtime.spawn(|current| {
            let before = full_walk(current);
            for _ in 0..20 {
                let drops = Arc::new(AtomicUsize::new(0));
                let caught = catch_unwind(AssertUnwindSafe(|| far_with_drops(current, 100, &drops)));
                assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "far");
                assert_eq!(drops.load(Ordering::Relaxed), 101);
                assert_eq!(full_walk(current), before);
            }
        });
        task.unwrap().join().unwrap();
    }
}

#[test]
fn a_panic_that_ends_the_task_is_reported_to_whoever_joins() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(2).verify(true).start().unwrap();
        for round in 0..50 {
            let drops = Arc::new(AtomicUsize::new(0));
            let inner = Arc::clone(&drops);
            let task = runtime.spawn(move |current| far_with_drops(current, 100, &inner)).unwrap();
            let error = task.join().unwrap_err();
            assert_eq!(error.message(), Some("far"));
            assert_eq!(drops.load(Ordering::Relaxed), 101, "round {round}");
        }
        runtime.collect();
    }
}
