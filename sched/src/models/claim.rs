//! Who has a task's stack: worker, collector and unparker, in every interleaving, on the state word itself.
//!
//! What must hold: the stack is one thread's at a time, with all that the last one wrote visible; and a task that can go on lies in the queue
//! once, so that it is neither forgotten nor run twice.

use std::sync::Arc;

use barrier_arch::explore;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::task::state::{Claim, Park, Start, State, Unpark};

/// A task: its state, its stack as a cell that finds overlapping uses, and how often it lies in the queue.
pub(super) struct Model {
    pub(super) state: State,
    pub(super) stack: UnsafeCell<usize>,
    queued: AtomicUsize,
}

// SAFETY: whether one thread has the stack at a time is what the model checker looks at.
unsafe impl Sync for Model {}
// SAFETY: as above.
unsafe impl Send for Model {}

impl Model {
    pub(super) fn new() -> Arc<Model> {
        Arc::new(Model { state: State::ready(), stack: UnsafeCell::new(0), queued: AtomicUsize::new(0) })
    }

    pub(super) fn queue(&self) {
        // The real queue synchronises; this one must not, or it would hide what the state word leaves out.
        self.queued.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn write(&self) -> usize {
        // SAFETY: that nobody else has it is what is checked.
        self.stack.with_mut(|stack| unsafe {
            *stack += 1;
            *stack
        })
    }

    /// What a worker does who took it from the queue: did it run?
    fn turn(&self, stay: impl FnOnce(&Model)) -> bool {
        let started = self.state.start() == Start::Started;
        if started {
            self.write();
            stay(self);
        }
        started
    }

    /// What the collector does: did it have the stack?
    fn collect(&self) -> bool {
        let held = self.state.claim() == Claim::Held;
        if held {
            self.write();
            if self.state.release() {
                self.queue();
            }
        }
        held
    }

    fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }
}

fn beside(model: &Arc<Model>, body: impl FnOnce(&Model) -> bool + 'static) -> thread::JoinHandle<bool> {
    let model = Arc::clone(model);
    thread::spawn(move || body(&model))
}

#[test]
fn a_worker_and_the_collector_share_a_stack() {
    explore("claim/worker-and-collector", || {
        let model = Model::new();
        let collector = beside(&model, Model::collect);
        let ran = model.turn(|task| {
            task.state.make_ready();
            task.queue();
        });
        collector.join().unwrap();
        assert_eq!(model.queued(), 1, "ran: {ran}");
        assert!(model.turn(|task| task.state.finish()), "nobody has it any more");
    });
}

#[test]
fn one_of_two_claims() {
    explore("claim/two-collectors", || {
        let model = Model::new();
        let other = beside(&model, Model::collect);
        let mine = model.collect();
        assert!(mine | other.join().unwrap());
        assert_eq!(model.queued(), 0, "nobody wanted it");
    });
}

/// A task that ends gives its stack back to the pool, while the collector comes for it.
#[test]
fn a_stack_that_is_freed_is_not_claimed() {
    explore("claim/finish", || {
        let model = Model::new();
        let collector = beside(&model, Model::collect);
        let ran = model.turn(|task| {
            task.state.finish();
            task.write(); // as memory of the pool again
        });
        collector.join().unwrap();
        assert_eq!(model.queued(), usize::from(!ran));
    });
}

/// Whoever puts the task back in the queue after its park runs it here and now, and must see what the other side wrote.
#[test]
fn an_unpark_is_never_lost() {
    explore("claim/park-unpark", || {
        let model = Model::new();
        assert_eq!(model.state.start(), Start::Started);
        let unparker = beside(&model, |task| {
            let ready = task.state.unpark() == Unpark::Ready;
            if ready {
                assert!(task.turn(|task| task.state.make_ready()));
            }
            ready
        });
        model.write();
        let goes_on = model.state.park() == Park::GoesOn;
        if goes_on {
            assert!(model.turn(|task| task.state.make_ready()));
        }
        assert!(goes_on != unparker.join().unwrap(), "one of the two queues it");
        assert_eq!(model.state.start(), Start::Started, "it is ready, not parked");
    });
}

/// The same with the collector in between, who may hold the stack when somebody wants to run it.
#[test]
fn an_unpark_during_a_claim_is_not_lost() {
    explore("claim/park-unpark-collect", || {
        let model = Model::new();
        assert_eq!(model.state.start(), Start::Started);
        let collector = beside(&model, Model::collect);
        let unparker = beside(&model, |task| {
            let ready = task.state.unpark() == Unpark::Ready;
            ready
                && task.turn(|task| {
                    task.state.make_ready();
                    task.queue();
                })
        });
        model.write();
        if model.state.park() == Park::GoesOn {
            model.turn(|task| {
                task.state.make_ready();
                task.queue();
            });
        }
        collector.join().unwrap();
        unparker.join().unwrap();
        assert_eq!(model.queued(), 1);
        assert!(model.turn(|task| task.state.finish()));
    });
}
