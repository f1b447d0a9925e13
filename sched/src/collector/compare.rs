//! The oracle: remembers each stack at its first scan, and accuses who wrote into a skipped frame without a write barrier.
//!
//! Runs only if the runtime was asked to ([`crate::Builder::oracle`]). What it remembers lies beside the task's receipt, and is used again
//! from cycle to cycle; it is written while that one task is stopped, and read while the world is.

use std::sync::Arc;

use gc_mark::{Cycle, Oracle, ScanError, Stopped};

use super::fatal;
use crate::language::Language;
use crate::shared::Shared;
use crate::task::Task;

type OracleOf<'s, L> = Oracle<'s, <L as Language>::Heap, <L as Language>::Frames, <L as Language>::Unwind>;

fn oracle<L: Language>(shared: &Shared<L>) -> OracleOf<'_, L> {
    Oracle::new(shared.language.heap(), shared.language.frames(), shared.language.unwind())
}

/// Right after the first scan of `stack`, which the caller has.
#[cold]
pub(super) fn remember<'t, L: Language>(
    shared: &Shared<L>,
    task: &Task<L>,
    stack: &Stopped<'t>,
) -> Result<(), ScanError<'t>> {
    match shared.phases.cycle() {
        Some(cycle) => oracle(shared).remember(cycle, stack, &mut task.snapshot.lock()),
        None => Ok(()),
    }
}

/// World stopped, all stacks re-scanned, and what that made grey not yet followed: compares the frames that were skipped, of all tasks. Returns
/// how many words they were.
#[cold]
pub(super) fn compare_all<L: Language>(shared: &Shared<L>, cycle: Cycle, tasks: &[Arc<Task<L>>]) -> usize {
    let alive = tasks.iter().filter(|task| !task.state.is_done());
    alive.map(|task| compare(shared, cycle, task)).sum()
}

fn compare<L: Language>(shared: &Shared<L>, cycle: Cycle, task: &Task<L>) -> usize {
    // SAFETY: the world is stopped, so no worker has it.
    let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
    let Some(stack) = stopped else { return 0 };
    let compared = oracle(shared).compare(cycle, &stack, &task.receipt, &task.snapshot.lock());
    let compared = compared.unwrap_or_else(|broken| fatal::die(task, &broken));
    if !compared.is_sound() {
        fatal::die_accused(cycle.number(), task, &compared);
    }
    compared.words
}
