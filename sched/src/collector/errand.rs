//! What a worker does for the collector with a task that is at a safepoint, before the task goes on.
//!
//! The collector cannot claim a task that runs. It leaves word with it and sends it to a safepoint; the worker, which
//! then has the stack, runs the errand.

use std::sync::Arc;

use gc_mark::checker;
use gc_mark::write_barrier::{shade, shade_word};
use gc_mark::{Object, Phase, Ran, Scan, ScanError, ScanReport, Scanner, Stopped};

use super::{compare, fatal};
use crate::language::Language;
use crate::managed::moving;
use crate::shared::Shared;
use crate::sync::atomic::{AtomicU8, Ordering};
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

/// A scanner for one thread of the runtime, which keeps its cache of frame maps for life.
pub(crate) type ScannerOf<'s, L> =
    Scanner<'s, <L as Language>::Heap, <L as Language>::Frames, <L as Language>::Unwind>;

/// A scanner for the calling thread.
pub(crate) fn scanner<L: Language>(shared: &Shared<L>) -> ScannerOf<'_, L> {
    let language = &shared.language;
    // SAFETY: sched's contract with its users: the language's stepper finds the frames of code on its tasks, and its map is right
    // about where barriers may stand.
    unsafe { Scanner::new(language.heap(), &shared.phases, language.frames(), language.unwind()) }
}

/// Does what is asked of `task`, and notes that it will run: every resumption goes through here, behind the gate.
pub(crate) fn before_it_runs<L: Language>(
    shared: &Shared<L>,
    scanner: &mut ScannerOf<'_, L>,
    task: &Arc<Task<L>>,
) {
    if task.errand.0.load(Ordering::SeqCst) != NOTHING {
        run(shared, scanner, task);
    }
    let Some(cycle) = shared.phases.cycle() else { return };
    match task.receipt.note_run(cycle) {
        Ran::BecameDirty => shared.dirty.lock().push(Arc::clone(task)),
        Ran::AlreadyDirty | Ran::NotScanned => {}
        Ran::ReScanned | Ran::BeingScanned => fatal::die(task, &"it was about to run after its last scan"),
    }
}

/// `task` came to a safepoint because somebody closed the gate. If that is for mark termination, its worker re-scans it at once: the stack
/// and the scanner's code are in this processor's caches, and several workers do it at the same time. It will not run before the cycle's end.
pub(crate) fn before_it_stops<L: Language>(
    shared: &Shared<L>,
    scanner: &mut ScannerOf<'_, L>,
    task: &Task<L>,
) {
    if shared.phases.now() == Phase::Mark {
        let report = re_scan(shared, scanner, task);
        *shared.own_re_scans.lock() += report;
    }
}

#[cold]
fn run<L: Language>(shared: &Shared<L>, scanner: &mut ScannerOf<'_, L>, task: &Task<L>) {
    match (task.errand.0.swap(NOTHING, Ordering::SeqCst), shared.phases.now()) {
        (FIRST_SCAN, Phase::Scan) => {
            let report = first_scan(shared, scanner, task);
            *shared.own_first_scans.lock() += report;
        }
        (REMOVE_BARRIERS, Phase::Off) => {
            shared.own_removals.fetch_add(remove_barriers(task), Ordering::Relaxed);
        }
        _ => {} // too late: the next cycle sees to it
    }
}

/// The first scan of a task that the caller has (it started it, or claimed it).
pub(crate) fn first_scan<L: Language>(
    shared: &Shared<L>,
    scanner: &mut ScannerOf<'_, L>,
    task: &Task<L>,
) -> ScanReport {
    // SAFETY: the caller has the stack.
    unsafe { moving::shrink(shared, task) };
    scan(shared, task, |stack| {
        let scan = scanner.first_scan(stack, &task.receipt, shared.modes.spacing, pusher(shared));
        if shared.modes.oracle && matches!(scan, Ok(Scan::Done(_))) {
            compare::remember(shared, task, stack)?;
        }
        scan
    })
}

/// The re-scan of a task that will not run before the end of the cycle, by whoever has it or has stopped the world.
pub(crate) fn re_scan<L: Language>(
    shared: &Shared<L>,
    scanner: &mut ScannerOf<'_, L>,
    task: &Task<L>,
) -> ScanReport {
    scan(shared, task, |stack| scanner.re_scan(stack, &task.receipt, pusher(shared)))
}

/// What both scans do with an object that they turned grey: one closure type, so that they share their code.
fn pusher<L: Language>(shared: &Shared<L>) -> impl FnMut(Object) + '_ {
    |object| shared.grey.push(object)
}

fn scan<'t, L: Language>(
    shared: &Shared<L>,
    task: &'t Task<L>,
    scan: impl FnOnce(&Stopped<'t>) -> Result<Scan, ScanError<'t>>,
) -> ScanReport {
    // SAFETY: the caller has the stack.
    let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
    let Some(stack) = stopped else { return ScanReport::default() };
    shade_task_roots(shared, task);
    let mut report = scan(&stack).unwrap_or_else(|broken| fatal::die(task, &broken)).report();
    report.bytes += shade_native(shared, task);
    report
}

/// Marks what the words of its native stack may refer to, if it has one; returns how many bytes that was.
pub(crate) fn shade_native<L: Language>(shared: &Shared<L>, task: &Task<L>) -> usize {
    // SAFETY: the caller has the stack.
    unsafe {
        task.visit_native(|word| {
            shade_word(shared.language.heap(), &shared.grey, word);
        })
    }
}

/// Marks what the task keeps outside of its stack.
pub(crate) fn shade_task_roots<L: Language>(shared: &Shared<L>, task: &Task<L>) {
    shared.language.visit_task_roots(&task.language, &mut |value| {
        shade(shared.language.heap(), &shared.grey, value);
    });
}

/// Takes the barriers off a stack that the caller has.
pub(crate) fn remove_barriers<L: Language>(task: &Task<L>) -> usize {
    // SAFETY: the caller has the stack.
    let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
    stopped.map_or(0, |stack| {
        let unwind = task.shared.language.unwind();
        let removed = stack.remove_barriers(&unwind).unwrap_or_else(|broken| fatal::die(task, &broken));
        if cfg!(debug_assertions) {
            checker::check_empty(&unwind, &stack).unwrap_or_else(|broken| fatal::die(task, &broken));
        }
        removed.restored + removed.dead
    })
}
