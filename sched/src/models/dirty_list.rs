//! The dirty list: a stack that ran after its first scan is on it when the world stops, once; one that did not is not.
//!
//! State word and receipt are the real ones; around them the steps of `Collector::is_scanned` and `errand::before_it_runs`.

use std::sync::Arc;

use barrier_arch::explore;
use gc_mark::receipt::{FirstScanClaim, ReScanClaim};
use gc_mark::{Cycle, Phases, Ran, Receipt, Started};
use loom::sync::Mutex;
use loom::thread;

use super::claim::Model;
use crate::task::state::{Claim, Start};

const TOP: usize = 0x10_0000;

struct Listed {
    task: Arc<Model>,
    receipt: Receipt,
    dirty: Mutex<usize>,
    cycle: Cycle,
    /// What the stack held when it was scanned.
    seen: Mutex<Option<usize>>,
}

impl Listed {
    fn new() -> Arc<Listed> {
        let Started::Begun(cycle) = Phases::new().start() else { unreachable!("a new one") };
        let (dirty, seen) = (Mutex::new(0), Mutex::new(None));
        Arc::new(Listed { task: Model::new(), receipt: Receipt::new(), dirty, cycle, seen })
    }

    fn held(&self) -> usize {
        // SAFETY: that nobody writes it meanwhile is what is checked.
        self.task.stack.with(|stack| unsafe { *stack })
    }

    /// The collector's first scan, of a stack that does not run.
    fn scan(&self) {
        if self.task.state.claim() != Claim::Held {
            return;
        }
        if let FirstScanClaim::Claimed(claim) = self.receipt.claim_first_scan(self.cycle, TOP) {
            *self.seen.lock().unwrap() = Some(self.held());
            claim.done();
        }
        if self.task.state.release() {
            self.task.queue();
        }
    }

    /// One stay of the task with a worker.
    fn run(&self) {
        if self.task.state.start() != Start::Started {
            return;
        }
        match self.receipt.note_run(self.cycle) {
            Ran::BecameDirty => *self.dirty.lock().unwrap() += 1,
            Ran::AlreadyDirty | Ran::NotScanned => {}
            ran @ (Ran::ReScanned | Ran::BeingScanned) => panic!("{ran:?}"),
        }
        self.task.write();
        self.task.state.make_ready();
    }

    /// The world is stopped.
    fn check(&self) {
        let (dirty, seen) = (*self.dirty.lock().unwrap(), *self.seen.lock().unwrap());
        let changed = seen.map(|seen| seen != self.held());
        match self.receipt.claim_re_scan(self.cycle, TOP) {
            ReScanClaim::Full(_) => assert_eq!((changed, dirty), (None, 0)),
            ReScanClaim::Bounded(_) => assert_eq!((changed, dirty), (Some(true), 1)),
            ReScanClaim::Clean => assert_eq!((changed, dirty), (Some(false), 0)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_ran_since_its_scan_is_listed_once() {
    explore("dirty-list/worker-and-collector", || {
        let listed = Listed::new();
        let collector = Arc::clone(&listed);
        let collector = thread::spawn(move || collector.scan());
        listed.run();
        listed.run();
        collector.join().unwrap();
        listed.check();
    });
}

/// A task that moves from worker to worker: the second starts it when the first has made it ready.
#[test]
fn two_workers_list_it_once() {
    explore("dirty-list/two-workers", || {
        let listed = Listed::new();
        let (collector, second) = (Arc::clone(&listed), Arc::clone(&listed));
        let collector = thread::spawn(move || collector.scan());
        listed.run();
        let second = thread::spawn(move || second.run());
        collector.join().unwrap();
        second.join().unwrap();
        listed.check();
    });
}
