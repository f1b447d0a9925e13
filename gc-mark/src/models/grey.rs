//! Termination of marking: whoever says "nothing is grey" is right, in random interleavings of workers that steal from each other, come and go.

use std::sync::Arc;

use shuttle::thread;

use crate::grey::{Drained, Grey, MarkWorker};
use crate::heap::{Heap, Object};
use crate::sync::explore_priorities;
use crate::test_heap::TestHeap;

/// A heap with a tree of so many levels in it, whose root is grey; and how many objects there are.
fn marked_tree(levels: u32) -> (Arc<TestHeap>, Arc<Grey>, usize) {
    let (heap, grey) = (Arc::new(TestHeap::new(1 << levels)), Grey::new());
    let root = tree(&heap, levels);
    assert!(heap.mark(root));
    grey.push(root);
    (heap, grey, (1 << levels) - 1)
}

fn tree(heap: &TestHeap, levels: u32) -> Object {
    let children: Vec<_> = (0..if levels > 1 { 2 } else { 0 }).map(|_| tree(heap, levels - 1).0).collect();
    heap.allocate(&children)
}

#[test]
fn whoever_says_empty_is_right() {
    explore_priorities("grey/three-workers", 10_000, || {
        let (heap, grey, objects) = marked_tree(4);
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (heap, grey) = (Arc::clone(&heap), Arc::clone(&grey));
                thread::spawn(move || {
                    let mut worker = MarkWorker::new(&grey);
                    let visited = worker.drain_until_empty(&*heap);
                    assert_eq!(heap.marked(), objects, "it said that nothing was grey");
                    visited
                })
            })
            .collect();
        let visited: u64 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(visited, objects as u64, "each object once");
    });
}

/// Workers that hold objects between two quanta, of which others steal some: who looks at one queue after the other may find each of them empty in
/// its turn, and all of them never were.
#[test]
fn what_moves_from_queue_to_queue_is_not_overlooked() {
    explore_priorities("grey/quanta", 10_000, || {
        let (heap, grey, objects) = marked_tree(4);
        let workers: Vec<_> = (1..=3)
            .map(|quantum| {
                let (heap, grey) = (Arc::clone(&heap), Arc::clone(&grey));
                thread::spawn(move || {
                    let mut worker = MarkWorker::new(&grey);
                    while worker.drain(&*heap, quantum) != Drained::Empty {
                        thread::yield_now();
                    }
                    assert_eq!(heap.marked(), objects, "it said that nothing was grey");
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}

/// The same, at its smallest: an object that waits in the second queue is stolen for the first one while somebody looks at both.
#[test]
fn an_object_that_is_stolen_is_not_overlooked() {
    explore_priorities("grey/one-look", 20_000, || {
        let (heap, grey) = (Arc::new(TestHeap::new(4)), Grey::new());
        let (mut thief, mut owner) = (MarkWorker::new(&grey), MarkWorker::new(&grey));
        let youngest = heap.allocate(&[]);
        let child = heap.allocate(&[youngest.0]);
        let object = heap.allocate(&[child.0]);
        assert!(heap.mark(object));
        owner.push(object);
        let stealing = thread::spawn(move || {
            let _ = thief.drain(&*heap, 1);
            thief
        });
        assert!(!grey.is_empty(), "the youngest was never marked");
        drop(stealing.join().unwrap());
    });
}

/// Helpers that work by the quantum and leave in the middle give their objects back. (They were not active meanwhile: the model saw a collector that
/// found nothing grey while a leaving helper held an object between two queues.)
#[test]
fn what_a_worker_leaves_behind_is_found() {
    explore_priorities("grey/worker-that-leaves", 10_000, || {
        let (heap, grey, objects) = marked_tree(4);
        let helper = {
            let (heap, grey) = (Arc::clone(&heap), Arc::clone(&grey));
            thread::spawn(move || {
                let mut helper = MarkWorker::new(&grey);
                let _ = helper.drain(&*heap, 3);
                let _ = helper.drain(&*heap, 1);
                helper.visited()
            })
        };
        let mut collector = MarkWorker::new(&grey);
        let mine = collector.drain_until_empty(&*heap);
        assert_eq!(heap.marked(), objects, "it said that nothing was grey");
        let theirs = helper.join().unwrap();
        assert_eq!(mine + theirs, objects as u64, "each object once");
    });
}

/// Write barriers push while marking goes on; once they have stopped, `Empty` is final.
#[test]
fn what_write_barriers_push_is_marked_in_the_end() {
    explore_priorities("grey/write-barriers", 10_000, || {
        let (heap, grey, objects) = marked_tree(3);
        let late = heap.allocate(&[]);
        let mutator = {
            let (heap, grey) = (Arc::clone(&heap), Arc::clone(&grey));
            thread::spawn(move || {
                if heap.mark(late) {
                    grey.push(late);
                }
            })
        };
        let helper = {
            let (heap, grey) = (Arc::clone(&heap), Arc::clone(&grey));
            thread::spawn(move || {
                let mut helper = MarkWorker::new(&grey);
                while helper.drain(&*heap, 2) == Drained::Quantum {}
                helper.visited()
            })
        };
        let mut collector = MarkWorker::new(&grey);
        let during = collector.drain_until_empty(&*heap);
        mutator.join().unwrap();
        let after = collector.drain_until_empty(&*heap);
        assert_eq!(heap.marked(), objects + 1);
        assert_eq!(during + after + helper.join().unwrap(), objects as u64 + 1);
        assert!(grey.is_empty());
    });
}
