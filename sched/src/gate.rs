//! Stopping the world: a gate that workers pass before they run tasks.
//!
//! ```text
//!   worker                              collector
//!   running += 1                        closed = true
//!   if closed { running -= 1; wait }    poison what runs
//!   … runs tasks …                      wait until running == 0
//!   running -= 1; last one wakes the collector
//! ```
//!
//! Each side writes its own word and then reads the other's, both sequentially consistent, so a worker that slips in
//! is seen, or sees that the gate is closed. Waiting spins a little, yields the processor, then sleeps: a pause of some tens of microseconds
//! should not be spent on waking up.

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Backoff, Condvar, Mutex};

/// The gate of one runtime.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: CachePadded<AtomicBool>,
    running: CachePadded<AtomicUsize>,
    lock: Mutex<()>,
    /// The collector waits for the last worker to leave.
    empty: Condvar,
    /// Workers wait for the gate to open.
    open: Condvar,
}

/// How often a waiter yields the processor before it sleeps.
const YIELDS: u32 = 64;

impl Gate {
    /// Passes the gate, waiting while it is closed: from now on tasks may run on this thread.
    pub(crate) fn enter(&self) {
        loop {
            self.running.fetch_add(1, Ordering::SeqCst);
            if !self.closed.load(Ordering::SeqCst) {
                return;
            }
            self.leave();
            wait(&self.lock, &self.open, || !self.closed.load(Ordering::SeqCst));
        }
    }

    /// Steps back: no task runs on this thread until it enters again.
    pub(crate) fn leave(&self) {
        if self.running.fetch_sub(1, Ordering::SeqCst) == 1 && self.closed.load(Ordering::SeqCst) {
            let _held = self.lock.lock();
            self.empty.notify_all();
        }
    }

    /// Is somebody waiting for the workers to stop?
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Closes the gate, has `poison` send everybody to a safepoint, and waits until nobody runs.
    pub(crate) fn close(&self, poison: impl FnOnce()) {
        self.closed.store(true, Ordering::SeqCst);
        poison();
        wait(&self.lock, &self.empty, || self.running.load(Ordering::SeqCst) == 0);
    }

    /// Opens it.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        let _held = self.lock.lock();
        self.open.notify_all();
    }
}

/// Until `done`: spin, yield, sleep. Whoever makes it true notifies under the lock.
fn wait(lock: &Mutex<()>, condvar: &Condvar, done: impl Fn() -> bool) {
    let backoff = Backoff::new();
    for _ in 0..YIELDS {
        if done() {
            return;
        }
        backoff.snooze();
    }
    let mut held = lock.lock();
    while !done() {
        condvar.wait(&mut held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn nobody_runs_while_it_is_closed() {
        let gate = Arc::new(Gate::default());
        let counter = Arc::new(AtomicUsize::new(0));
        let done = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (gate, counter, done) = (Arc::clone(&gate), Arc::clone(&counter), Arc::clone(&done));
                std::thread::spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        gate.enter();
                        while !gate.is_closed() && !done.load(Ordering::Relaxed) {
                            counter.fetch_add(1, Ordering::Relaxed);
                        }
                        gate.leave();
                    }
                })
            })
            .collect();
        let mut seen = 0;
        for _ in 0..100 {
            // Somebody is inside: a gate that nobody had found open would prove nothing.
            while counter.load(Ordering::Relaxed) == seen {
                std::thread::yield_now();
            }
            gate.close(|| {});
            seen = counter.load(Ordering::Relaxed);
            std::thread::yield_now();
            assert_eq!(counter.load(Ordering::Relaxed), seen);
            gate.open();
        }
        done.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|w| w.join().unwrap());
    }
}
