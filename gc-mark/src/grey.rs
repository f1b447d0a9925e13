//! Grey objects: marked, but their children not yet visited. Work shared between marking workers.
//!
//! ```text
//!   write barriers, other threads ──push──▶ injector ─┐ batches
//!                                                     ▼
//!   worker 0: own deque ──pop──▶ visit children ──push──▶ own deque
//!                 ▲ steal, half of it at a time
//!   worker 1: own deque …
//! ```
//!
//! # Rules
//!
//! 1. An object is pushed by whoever turned it from white, so each is visited once.
//! 2. A grey object lies in a queue or is held by an *active* worker. A worker is active from before it takes its first object until
//!    it holds none.
//! 3. "There is nothing left" is found by reading the word `active`, all queues, and the word again. It also counts
//!    entries, so if it has not changed and nobody is active, nobody was active in between; then only `push` can
//!    have added to a queue. With the mutators stopped the answer is final; while they run it is a good time to stop them.

use core::sync::atomic::Ordering;
use std::sync::Arc;

use crossbeam_deque::Steal;
use crossbeam_utils::CachePadded;

use crate::heap::{Heap, Object};
use crate::sync::{AtomicU64, Backoff, Injector, RwLock, Stealer, Worker};

/// The grey objects of one collector.
#[derive(Debug)]
pub struct Grey {
    injector: Injector<Object>,
    /// With the number of the worker that each steals from.
    stealers: RwLock<Vec<(u64, Stealer<Object>)>>,
    workers: AtomicU64,
    /// High half: how often a worker became active. Low half: how many are.
    active: CachePadded<AtomicU64>,
}

const ENTRY: u64 = 1 << 32;
const ACTIVE: u64 = ENTRY - 1;

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only `Empty` says that there is no work left"]
pub enum Drained {
    /// Nothing is grey anywhere (final if the mutators are stopped).
    Empty,
    /// Nothing left for this worker, but others are at work and may make some.
    Idle,
    /// The quantum is used up.
    Quantum,
}

impl Grey {
    /// No work, no workers.
    pub fn new() -> Arc<Grey> {
        Arc::new(Grey {
            injector: Injector::new(),
            stealers: RwLock::new(Vec::new()),
            workers: AtomicU64::new(0),
            active: CachePadded::new(AtomicU64::new(0)),
        })
    }

    /// Adds an object that the caller turned grey. Any thread, lock-free; it allocates a block of memory now and then.
    pub fn push(&self, object: Object) {
        self.injector.push(object);
    }

    /// Are all queues empty? Workers may hold objects still.
    pub fn looks_empty(&self) -> bool {
        self.injector.is_empty() && self.stealers.read().iter().all(|(_, other)| other.is_empty())
    }

    /// Is there no grey object (rule 3)?
    pub fn is_empty(&self) -> bool {
        let before = self.active.load(Ordering::SeqCst);
        before & ACTIVE == 0 && self.looks_empty() && self.active.load(Ordering::SeqCst) == before
    }
}

/// One worker's share of the marking.
#[derive(Debug)]
pub struct MarkWorker {
    grey: Arc<Grey>,
    number: u64,
    own: Worker<Object>,
    visited: u64,
}

impl MarkWorker {
    /// A worker on `grey`; one per marking thread.
    pub fn new(grey: &Arc<Grey>) -> MarkWorker {
        let own = Worker::new_lifo();
        let number = grey.workers.fetch_add(1, Ordering::Relaxed);
        grey.stealers.write().push((number, own.stealer()));
        MarkWorker { grey: Arc::clone(grey), number, own, visited: 0 }
    }

    /// What it works on.
    pub fn grey(&self) -> &Arc<Grey> {
        &self.grey
    }

    /// Adds an object that this thread turned grey, to the worker's own deque.
    pub fn push(&mut self, object: Object) {
        self.own.push(object);
    }

    /// Objects whose children it has visited, ever.
    pub fn visited(&self) -> u64 {
        self.visited
    }

    /// Visits the children of up to `quantum` objects, of its own, the shared queue's or other workers'. Never waits.
    pub fn drain<H: Heap>(&mut self, heap: &H, quantum: usize) -> Drained {
        self.grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        let mut left = quantum;
        while left > 0
            && let Some(object) = self.take()
        {
            self.visit(heap, object);
            left -= 1;
        }
        self.grey.active.fetch_sub(1, Ordering::SeqCst);
        match left {
            0 => Drained::Quantum,
            _ if self.grey.is_empty() => Drained::Empty,
            _ => Drained::Idle,
        }
    }

    /// Visits until nothing is grey anywhere, waiting for other workers if there are any at work. For mark termination: with
    /// no work it costs a handful of loads. Returns how many objects this worker visited.
    pub fn drain_until_empty<H: Heap>(&mut self, heap: &H) -> u64 {
        let before = self.visited;
        let backoff = Backoff::new();
        loop {
            match self.drain(heap, usize::MAX) {
                Drained::Empty => return self.visited - before,
                Drained::Idle | Drained::Quantum => backoff.snooze(),
            }
        }
    }

    fn visit<H: Heap>(&mut self, heap: &H, object: Object) {
        self.visited += 1;
        heap.visit_children(object, |value| {
            if let Some(child) = heap.object_of(value)
                && heap.mark(child)
            {
                self.own.push(child);
            }
        });
    }

    /// One object: its own youngest, or a batch from the shared queue, or from another worker.
    fn take(&self) -> Option<Object> {
        self.own.pop().or_else(|| {
            let injected = settle(|| self.grey.injector.steal_batch_and_pop(&self.own));
            injected.or_else(|| self.steal())
        })
    }

    fn steal(&self) -> Option<Object> {
        let stealers = self.grey.stealers.read();
        // Its own deque is among them: it is empty, or `take` would not have come here.
        let mut others = stealers.iter().filter(|(_, other)| !other.is_empty());
        others.find_map(|(_, other)| settle(|| other.steal_batch_and_pop(&self.own)))
    }
}

impl Drop for MarkWorker {
    /// What it still holds goes back to the shared queue. Active meanwhile (rule 2): between the queues it holds an object, and without that
    /// somebody else could find all of them empty.
    fn drop(&mut self) {
        self.grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        while let Some(object) = self.own.pop() {
            self.grey.push(object);
        }
        self.grey.active.fetch_sub(1, Ordering::SeqCst);
        self.grey.stealers.write().retain(|&(number, _)| number != self.number);
    }
}

/// Repeats a steal until it is decided: another thread was faster, so there was progress.
fn settle<T>(mut attempt: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match attempt() {
            Steal::Success(object) => return Some(object),
            Steal::Empty => return None,
            Steal::Retry => core::hint::spin_loop(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_heap::TestHeap;

    /// A tree of 2^levels - 1 objects, and its root, marked.
    fn tree(heap: &TestHeap, levels: u32) -> Object {
        let children: Vec<_> =
            (0..if levels > 1 { 2 } else { 0 }).map(|_| tree(heap, levels - 1).0).collect();
        heap.allocate(&children)
    }

    fn marked_tree(levels: u32) -> (TestHeap, Arc<Grey>, u64) {
        let (heap, grey) = (TestHeap::new(1 << 15), Grey::new());
        let root = tree(&heap, levels);
        assert!(heap.mark(root));
        grey.push(root);
        (heap, grey, (1 << levels) - 1)
    }

    #[test]
    fn everything_reachable_is_marked_once() {
        let (heap, grey, objects) = marked_tree(10);
        let unreachable = heap.allocate(&[]);
        let mut worker = MarkWorker::new(&grey);
        assert_eq!(worker.drain_until_empty(&heap), objects);
        assert_eq!((heap.marked() as u64, heap.is_marked(unreachable)), (objects, false));
        assert_eq!(worker.drain_until_empty(&heap), 0);
    }

    #[test]
    fn a_quantum_is_kept_and_says_so() {
        let (heap, grey, objects) = marked_tree(8);
        let mut worker = MarkWorker::new(&grey);
        assert_eq!(worker.drain(&heap, 0), Drained::Quantum);
        let mut rounds = 0;
        while worker.drain(&heap, 10) != Drained::Empty {
            rounds += 1;
            assert_eq!(worker.visited(), 10 * rounds);
        }
        assert_eq!((rounds, worker.visited()), (objects / 10, objects));
    }

    #[test]
    fn workers_share_and_agree_on_the_end() {
        for _ in 0..20 {
            let (heap, grey, objects) = marked_tree(12);
            let visited: u64 = std::thread::scope(|scope| {
                let workers: Vec<_> =
                    (0..3).map(|_| scope.spawn(|| MarkWorker::new(&grey).drain_until_empty(&heap))).collect();
                workers.into_iter().map(|worker| worker.join().unwrap()).sum()
            });
            assert_eq!((visited, heap.marked() as u64), (objects, objects));
            assert!(grey.is_empty());
        }
    }

    #[test]
    fn another_workers_deque_is_work_too() {
        let (heap, grey, objects) = marked_tree(6);
        let (mut busy, mut idle) = (MarkWorker::new(&grey), MarkWorker::new(&grey));
        assert_eq!(busy.drain(&heap, 3), Drained::Quantum);
        assert!(!grey.is_empty());
        assert_eq!(idle.drain_until_empty(&heap), objects - 3);
    }

    #[test]
    fn a_dropped_worker_leaves_its_work_behind() {
        let (heap, grey, objects) = marked_tree(6);
        let mut first = MarkWorker::new(&grey);
        assert_eq!(first.drain(&heap, 5), Drained::Quantum);
        drop(first);
        assert_eq!(MarkWorker::new(&grey).drain_until_empty(&heap), objects - 5);
        assert!(grey.stealers.read().is_empty());
    }

    #[test]
    fn idle_is_not_empty_while_another_is_active() {
        let grey = Grey::new();
        let mut worker = MarkWorker::new(&grey);
        let heap = TestHeap::new(1);
        grey.active.fetch_add(ENTRY + 1, Ordering::SeqCst);
        assert_eq!(worker.drain(&heap, 5), Drained::Idle);
        grey.active.fetch_sub(1, Ordering::SeqCst);
        assert_eq!(worker.drain(&heap, 5), Drained::Empty);
    }
}
