//! Threads that help the collector mark.

use std::sync::Arc;

use gc_mark::{Drained, MarkWorker};

use crate::language::Language;
use crate::shared::Shared;
use crate::sync::{Backoff, Condvar, Mutex, thread};

/// Objects between two looks at whether marking goes on.
const QUANTUM: usize = 4096;

/// Tells the helpers when there is marking to do.
#[derive(Debug)]
pub(crate) struct Bell {
    /// `None`: shut down.
    marking: Mutex<Option<bool>>,
    rung: Condvar,
}

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell { marking: Mutex::new(Some(false)), rung: Condvar::new() }
    }

    /// Marking has begun.
    pub(crate) fn begin(&self) {
        self.set(true);
    }

    /// It is over, for this cycle.
    pub(crate) fn end(&self) {
        self.set(false);
    }

    /// It is over for good: a cycle that still runs does not change that.
    pub(crate) fn shut_down(&self) {
        *self.marking.lock() = None;
        self.rung.notify_all();
    }

    fn set(&self, on: bool) {
        if let Some(marking) = &mut *self.marking.lock() {
            *marking = on;
        }
        self.rung.notify_all();
    }

    fn is_marking(&self) -> bool {
        *self.marking.lock() == Some(true)
    }

    /// Sleeps until there is marking to do; `false` when there never will be.
    fn wait(&self) -> bool {
        let mut marking = self.marking.lock();
        while *marking == Some(false) {
            self.rung.wait(&mut marking);
        }
        marking.is_some()
    }
}

/// The life of one helper.
pub(crate) fn help<L: Language>(shared: &Arc<Shared<L>>) {
    let mut worker = MarkWorker::new(&shared.grey);
    while shared.bell.wait() {
        let backoff = Backoff::new();
        while shared.bell.is_marking() {
            match worker.drain(shared.language.heap(), QUANTUM) {
                Drained::Quantum => backoff.reset(),
                Drained::Empty | Drained::Idle if backoff.is_completed() => {
                    thread::sleep(std::time::Duration::from_micros(50));
                }
                Drained::Empty | Drained::Idle => backoff.snooze(),
            }
        }
    }
}
