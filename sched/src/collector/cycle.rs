//! One collection cycle.
//!
//! ```text
//!   world stopped   write barrier on, allocation black                         (I3)
//!   concurrent      roots; every stack's first scan, barriers installed        (I8, I9)
//!   concurrent      marking
//!   world stopped   dirty stacks re-scanned up to the lowest un-hit barrier;   (I14)
//!                   what that made grey is marked; write barrier off
//!   concurrent      barriers removed, heap swept
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use gc_mark::write_barrier::shade;
use gc_mark::{Cycle, Drained, Heap, MarkWorker, ScanReport, Started, Verify};

use super::compare;
use super::errand::{self, ScannerOf};
use super::fatal;
use super::stats::CycleStats;
use crate::language::Language;
use crate::shared::Shared;
use crate::sync::atomic::Ordering;
use crate::sync::thread;
use crate::task::Task;
use crate::task::state::Claim;

/// Objects marked between two looks at the stacks that still have to be scanned.
const QUANTUM: usize = 4096;

/// What the collector's thread keeps from cycle to cycle.
pub(crate) struct Collector<'s, L: Language> {
    shared: &'s Arc<Shared<L>>,
    scanner: ScannerOf<'s, L>,
    worker: MarkWorker,
}

impl<'s, L: Language> Collector<'s, L> {
    pub(crate) fn new(shared: &'s Arc<Shared<L>>) -> Self {
        Collector { shared, scanner: errand::scanner(shared), worker: MarkWorker::new(&shared.grey) }
    }

    /// A cycle beside the running program. `None` if the runtime shuts down meanwhile: it is left undone then, nothing is freed.
    pub(crate) fn concurrent(&mut self) -> Option<CycleStats> {
        let mut stats = CycleStats::default();
        let cycle = self.start(&mut stats);
        let scanning = Instant::now();
        self.shared.bell.begin();
        self.mark_roots();
        let tasks = self.first_scans(&mut stats)?;
        self.expect_phase(self.shared.phases.scanned());
        stats.first_scan = scanning.elapsed();
        let marking = Instant::now();
        self.mark();
        stats.mark = marking.elapsed();
        self.terminate(cycle, &mut stats);
        stats.removed = self.remove_barriers(&tasks);
        self.sweep(&mut stats);
        Some(stats)
    }

    /// A cycle that the program does not see: the world is stopped from end to end, and barriers of the last cycle are void.
    pub(crate) fn stopped(&mut self) -> CycleStats {
        let mut stats = CycleStats { stop_the_world: true, ..CycleStats::default() };
        let shared = self.shared;
        let since = Instant::now();
        shared.gate.close(|| shared.poison_running());
        stats.time_to_stop = since.elapsed();
        let Started::Begun(cycle) = shared.phases.start_stopped() else { unreachable!("one collector") };
        stats.number = cycle.number();
        shared.language.heap().begin_marking();
        self.mark_roots();
        let tasks = self.all_tasks();
        stats.tasks = tasks.len();
        for task in &tasks {
            stats.removed += errand::remove_barriers(task);
            errand::shade_task_roots(shared, task);
        }
        self.finish_marking(cycle, &tasks, &mut stats);
        shared.gate.open();
        stats.pause = since.elapsed();
        self.sweep(&mut stats);
        stats
    }

    /// The write barrier goes on; every mutator has seen it when the world runs again.
    fn start(&self, stats: &mut CycleStats) -> Cycle {
        let shared = self.shared;
        let since = Instant::now();
        shared.gate.close(|| shared.poison_running());
        let Started::Begun(cycle) = shared.phases.start() else { unreachable!("one collector") };
        shared.language.heap().begin_marking();
        shared.gate.open();
        stats.start_pause = since.elapsed();
        stats.number = cycle.number();
        cycle
    }

    fn mark_roots(&self) {
        let (language, grey) = (&self.shared.language, &self.shared.grey);
        language.visit_roots(&mut |value| {
            shade(language.heap(), grey, value);
        });
    }

    fn all_tasks(&self) -> Vec<Arc<Task<L>>> {
        self.shared.tasks.lock().values().cloned().collect()
    }

    /// Every stack's first scan: here if the task does not run, by its worker if it does. Marks while it waits.
    ///
    /// `None` on shutdown: a task whose worker has gone will never be scanned.
    fn first_scans(&mut self, stats: &mut CycleStats) -> Option<Vec<Arc<Task<L>>>> {
        let tasks = self.all_tasks();
        stats.tasks = tasks.len();
        let mut pending = tasks.clone();
        loop {
            pending.retain(|task| !self.is_scanned(task, &mut stats.first));
            if pending.is_empty() {
                break;
            }
            if self.shared.is_shutting_down() {
                return None;
            }
            if self.worker.drain(self.shared.language.heap(), QUANTUM) != Drained::Quantum {
                thread::sleep(Duration::from_micros(20));
            }
        }
        Some(tasks)
    }

    /// Scans the stack of `task` if it can be had; says whether nothing is left to do.
    fn is_scanned(&mut self, task: &Task<L>, report: &mut ScanReport) -> bool {
        match task.state.claim() {
            Claim::Held => {
                *report += errand::first_scan(self.shared, &mut self.scanner, task);
                self.release(task);
                true
            }
            Claim::Gone => true,
            Claim::Running => {
                let done = self.shared.phases.cycle().is_some_and(|cycle| task.receipt.is_scanned(cycle));
                if !done {
                    task.errand.ask_first_scan();
                    task.poison();
                }
                done
            }
        }
    }

    fn release(&self, task: &Task<L>) {
        if task.state.release() {
            self.shared.queue.push(task.handle());
        }
    }

    /// Marks until there is nothing grey to be seen.
    fn mark(&mut self) {
        self.worker.drain_until_empty(self.shared.language.heap());
    }

    /// The pause.
    fn terminate(&mut self, cycle: Cycle, stats: &mut CycleStats) {
        let shared = self.shared;
        let since = Instant::now();
        shared.gate.close(|| shared.poison_running());
        stats.time_to_stop = since.elapsed();
        self.expect_phase(shared.phases.terminate());
        let dirty = std::mem::take(&mut *shared.dirty.lock());
        self.finish_marking(cycle, &dirty, stats);
        shared.gate.open();
        stats.pause = since.elapsed();
        // What can wait, waits: each first touch of something cold costs a tenth of a microsecond.
        shared.bell.end();
        drop(dirty);
    }

    /// World stopped: the stacks of `dirty`, then what they made grey, then the write barrier goes off.
    fn finish_marking(&mut self, cycle: Cycle, dirty: &[Arc<Task<L>>], stats: &mut CycleStats) {
        let shared = self.shared;
        let heap = shared.language.heap();
        let since = Instant::now();
        stats.dirty = dirty.len();
        // A worker reports when its scan is over, and known to be: only now all have.
        stats.first += std::mem::take(&mut *shared.own_first_scans.lock());
        // Those that ran until the world stopped have been re-scanned by their workers.
        stats.re_scan += std::mem::take(&mut *shared.own_re_scans.lock());
        let is_left = |task: &&Arc<Task<L>>| {
            !task.state.is_done() && (task.receipt.is_dirty(cycle) || !task.receipt.is_scanned(cycle))
        };
        for task in dirty.iter().filter(is_left) {
            stats.re_scan += errand::re_scan(shared, &mut self.scanner, task);
        }
        stats.re_scan_time = since.elapsed();
        if shared.modes.oracle {
            stats.compared = Some(compare::compare_all(shared, cycle, &self.all_tasks()));
        }
        let since = Instant::now();
        stats.drained = self.worker.drain_until_empty(heap);
        stats.drain_time = since.elapsed();
        if shared.modes.verify {
            stats.verified = Some(self.verify(cycle));
        }
        heap.end_marking();
        self.expect_phase(shared.phases.finish());
    }

    /// World stopped: marks again from scratch, and dies if something reachable was missed.
    fn verify(&self, cycle: Cycle) -> usize {
        let language = &self.shared.language;
        let mut verify = Verify::new(language.heap(), language.frames(), language.unwind());
        language.visit_roots(&mut |value| verify.root("language root", value));
        for task in self.all_tasks().iter().filter(|task| !task.state.is_done()) {
            language.visit_task_roots(&task.language, &mut |value| verify.root("task root", value));
            // SAFETY: the world is stopped, so no worker has it.
            unsafe { task.visit_native(|word| verify.word("native stack", word)) };
            // SAFETY: the world is stopped, so no worker has it.
            let stopped = unsafe { task.stopped() }.unwrap_or_else(|bad| fatal::die(task, &bad));
            if let Some(stack) = stopped
                && let Err(broken) = verify.stack(task.id() as usize, &stack)
            {
                fatal::die(task, &broken);
            }
        }
        let verified = verify.finish();
        if !verified.is_sound() {
            fatal::die_unsound(cycle.number(), &verified);
        }
        verified.reachable
    }

    /// After the pause: takes the barriers off the stacks that do not run, and asks the others' workers to.
    fn remove_barriers(&mut self, tasks: &[Arc<Task<L>>]) -> usize {
        let mut removed = self.shared.own_removals.swap(0, Ordering::Relaxed);
        for task in tasks {
            match task.state.claim() {
                Claim::Held => {
                    removed += errand::remove_barriers(task);
                    self.release(task);
                }
                Claim::Running => {
                    task.errand.ask_removal();
                    task.poison();
                }
                Claim::Gone => {}
            }
        }
        removed
    }

    fn sweep(&self, stats: &mut CycleStats) {
        let since = Instant::now();
        self.shared.language.heap().sweep();
        stats.sweep = since.elapsed();
    }

    /// Only this thread moves the phase; anything else is a bug of ours.
    fn expect_phase(&self, transition: Result<(), gc_mark::phase::WrongPhase>) {
        if let Err(wrong) = transition {
            unreachable!("{wrong}");
        }
    }
}
