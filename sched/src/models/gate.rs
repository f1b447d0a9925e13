//! Stopping the world: nobody runs behind a closed gate, and nobody sleeps for ever before an open one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use gc_mark::sync::{explore_priorities, point};

use crate::gate::Gate;
use crate::sync::thread;

#[test]
fn nobody_runs_behind_a_closed_gate() {
    explore_priorities("gate/three-workers", 10_000, || {
        let (gate, running) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let (gate, running) = (Arc::clone(&gate), Arc::clone(&running));
                thread::spawn(move || {
                    for _ in 0..3 {
                        gate.enter();
                        running.fetch_add(1, Ordering::Relaxed);
                        point();
                        running.fetch_sub(1, Ordering::Relaxed);
                        gate.leave();
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            gate.close(|| {});
            for _ in 0..4 {
                assert_eq!(running.load(Ordering::Relaxed), 0);
                point();
            }
            gate.open();
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
}
