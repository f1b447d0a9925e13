//! Programs that nobody here wrote, on our stacks, while another thread keeps collecting: Lua (its errors are `longjmp`), SQLite, and a JSON parser
//! that switches stacks itself.
//!
//! Each gives the answers that it gives on a plain thread. Barriers stand at their C frames, too, found by unwind tables; they come to
//! safepoints where they call back. Nobody vouches for their frames (I5): this shows the mechanism, not the bound of the re-scan.

mod frames;
mod json;
mod lua;
mod sqlite;

use std::sync::atomic::{AtomicUsize, Ordering};

use barrier_arch::Spacing;
use gc_mark::Phase;
use integration_tests::MODES;
use integration_tests::ground::By;
use integration_tests::native::{Cell, Native, NativeFrames};
use sched::{Current, Task};

/// What a program does where it calls back: comes to a safepoint, and uses the heap.
#[derive(Clone, Copy)]
struct Here(*const Task<Native>);

// SAFETY: the address is used on the task itself.
unsafe impl Send for Here {}

impl Here {
    /// On a plain thread: nothing happens.
    const NOWHERE: Here = Here(std::ptr::null());

    fn of(current: &Current<'_, Native>) -> Here {
        Here(current.task())
    }

    /// A safepoint, if the caller is on the task's own stack.
    fn come_by(self) {
        if self.0.is_null() {
            return;
        }
        // SAFETY: the program runs on that task.
        let current = unsafe { Current::from_raw(self.0) };
        let local = 0_usize;
        if current.stack_bounds().contains(&((&raw const local) as usize)) {
            let kept = Cell::new(&current, &[]);
            if VISITS.fetch_add(1, Ordering::Relaxed).is_multiple_of(8) {
                begin_cycle(&current);
            }
            current.safepoint();
            kept.check();
        }
    }
}

static VISITS: AtomicUsize = AtomicUsize::new(0);

/// Until the collector has scanned this stack, in the modes with barriers; the rest of its cycle it does beside the program.
fn begin_cycle(current: &Current<'_, Native>) {
    let phases = current.language().phases();
    // One at a time, and each to its end, however busy the machine is: a cycle that goes on for the whole program is only one.
    while phases.now() != Phase::Off {
        current.safepoint();
    }
    let before = phases.finished();
    current.request_collection();
    let none_stands = || current.bars(|bars| bars.len() == bars.position());
    while phases.finished() == before && (phases.now() == Phase::Off || none_stands()) {
        current.safepoint();
    }
}

/// Runs `program` on a plain thread, then on a task in every mode with a collector at work: the results must be the same.
fn same_as_on_a_thread(program: fn(Here) -> String) {
    let expected = std::thread::Builder::new().stack_size(8 << 20).spawn(move || program(Here::NOWHERE));
    let expected = expected.unwrap().join().unwrap();
    for spacing in MODES {
        let (result, cycles, hit) = on_a_task(spacing, program);
        assert_eq!(result, expected, "{spacing:?}");
        println!("{spacing:?}: {cycles} cycles, {hit} barriers hit");
        assert!(
            cycles > 3 && (hit > 0) == (spacing != Spacing::Off),
            "{spacing:?}: {cycles} cycles, {hit} hit"
        );
    }
}

/// The result, how many cycles there were meanwhile, and how many barriers were hit in them.
fn on_a_task(spacing: Spacing, program: fn(Here) -> String) -> (String, usize, usize) {
    let builder = Native::builder_with(64 << 20, NativeFrames { vouched: false }, By::UnwindTables);
    let builder = builder.spacing(spacing).stack_bytes(8 << 20).workers(1).verify(true);
    let runtime = builder.start().unwrap();
    let task = runtime.spawn(move |current| program(Here::of(current))).unwrap();
    let result = task.join().unwrap();
    let cycles = runtime.cycles();
    (result, cycles.len(), cycles.iter().map(|cycle| cycle.re_scan.hit).sum())
}
