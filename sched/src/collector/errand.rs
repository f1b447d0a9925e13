//! What a worker does for the collector with a task that is at a safepoint, before the task goes on.
//!
//! The collector cannot claim a task that runs. It leaves word with it and sends it to a safepoint; the worker, which
//! then has the stack, runs the errand.

use std::sync::atomic::{AtomicU8, Ordering};

use gc_mark::{Phase, Ran, Scan, ScanReport, Scanner};
use unwind_walk::FramePointers;

use super::fatal;
use crate::language::Language;
use crate::shared::Shared;
use crate::task::Task;

/// The errand of one task.
#[derive(Debug, Default)]
pub(crate) struct Errand(AtomicU8);

const NOTHING: u8 = 0;
const FIRST_SCAN: u8 = 1;
const REMOVE_BARRIERS: u8 = 2;

impl Errand {
    /// Asks for the first scan.
    pub(crate) fn ask_first_scan(&self) {
        self.0.store(FIRST_SCAN, Ordering::SeqCst);
    }

    /// Asks for the removal of barriers after a cycle.
    pub(crate) fn ask_removal(&self) {
        self.0.store(REMOVE_BARRIERS, Ordering::SeqCst);
    }
}

/// Does what is asked of `task`, and notes that it will run: every resumption goes through here, behind the gate.
pub(crate) fn before_it_runs<L: Language>(shared: &Shared<L>, task: &std::sync::Arc<Task<L>>) {
    if task.errand.0.load(Ordering::SeqCst) != NOTHING {
        run(shared, task);
    }
    if shared.phases.write_barrier_on()
        && let Some(cycle) = shared.phases.cycle()
        && task.receipt.note_run(cycle) == Ran::BecameDirty
    {
        shared.dirty.lock().push(std::sync::Arc::clone(task));
    }
}

#[cold]
fn run<L: Language>(shared: &Shared<L>, task: &Task<L>) {
    match (task.errand.0.swap(NOTHING, Ordering::SeqCst), shared.phases.now()) {
        (FIRST_SCAN, Phase::Scan) => {
            // SAFETY: sched's contract with its users: code on its tasks keeps frame pointers, and the language's map is right
            // about where barriers may stand.
            let mut scanner = unsafe {
                Scanner::new(shared.language.heap(), &shared.phases, shared.language.frames(), FramePointers)
            };
            let report = first_scan(shared, &mut scanner, task);
            *shared.errand_scans.lock() += report;
        }
        (REMOVE_BARRIERS, Phase::Off) => {
            remove_barriers(task);
        }
        _ => {} // too late: the next cycle sees to it
    }
}

/// The first scan of a task that the caller has (it started it, or claimed it).
pub(crate) fn first_scan<L: Language>(
    shared: &Shared<L>,
    scanner: &mut Scanner<'_, L::Heap, L::Frames, FramePointers>,
    task: &Task<L>,
) -> ScanReport {
    // SAFETY: the caller has the stack.
    let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
    let Some(stack) = stopped else { return ScanReport::default() };
    let heap = shared.language.heap();
    shared.language.visit_task_roots(&task.language, &mut |value| {
        gc_mark::write_barrier::shade(heap, &shared.grey, value);
    });
    match scanner.first_scan(&stack, &task.receipt, shared.modes.spacing, |object| shared.grey.push(object)) {
        Ok(Scan::Done(report)) => report,
        Ok(_) => ScanReport::default(),
        Err(broken) => fatal::die(task, &broken),
    }
}

/// Takes the barriers off a stack that the caller has.
pub(crate) fn remove_barriers<L: Language>(task: &Task<L>) -> usize {
    // SAFETY: the caller has the stack.
    let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
    stopped.map_or(0, |stack| {
        let removed = stack.remove_barriers();
        removed.restored + removed.dead
    })
}
