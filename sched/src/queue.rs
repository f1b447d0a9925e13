//! Tasks that are ready: a deque per worker, from which the others steal, and one for all.
//!
//! A worker that finds nothing registers as idle, looks once more, and sleeps. Whoever pushes wakes one that is registered. Either the
//! pusher sees the registration or the worker, looking again, sees the task: both are sequentially consistent.

use std::sync::Arc;

use crossbeam_deque::Steal;
use crossbeam_utils::CachePadded;

use crate::language::Language;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};
use crate::sync::{Deque, Injector, Mutex, Stealer, Unparker};
use crate::task::Task;

/// The ready tasks of a runtime.
pub(crate) struct Queue<L: Language> {
    injector: Injector<Arc<Task<L>>>,
    stealers: Vec<Stealer<Arc<Task<L>>>>,
    idle: Mutex<Vec<usize>>,
    idle_count: CachePadded<AtomicUsize>,
    unparkers: Vec<Unparker>,
}

impl<L: Language> Queue<L> {
    pub(crate) fn new(deques: &[Deque<Arc<Task<L>>>], unparkers: Vec<Unparker>) -> Queue<L> {
        Queue {
            injector: Injector::new(),
            stealers: deques.iter().map(Deque::stealer).collect(),
            idle: Mutex::new(Vec::with_capacity(deques.len())),
            idle_count: CachePadded::new(AtomicUsize::new(0)),
            unparkers,
        }
    }

    /// Adds a task from anywhere.
    pub(crate) fn push(&self, task: Arc<Task<L>>) {
        self.injector.push(task);
        self.wake_one();
    }

    /// Adds a task from the worker that owns `deque`.
    pub(crate) fn push_local(&self, deque: &Deque<Arc<Task<L>>>, task: Arc<Task<L>>) {
        deque.push(task);
        self.wake_one();
    }

    /// A ready task: the worker's own oldest, or a batch from the shared queue, or another worker's.
    pub(crate) fn pop(&self, index: usize, deque: &Deque<Arc<Task<L>>>) -> Option<Arc<Task<L>>> {
        deque.pop().or_else(|| {
            settle(|| self.injector.steal_batch_and_pop(deque)).or_else(|| {
                let others = self.stealers.iter().enumerate().filter(|&(i, _)| i != index);
                others.into_iter().find_map(|(_, stealer)| settle(|| stealer.steal_batch_and_pop(deque)))
            })
        })
    }

    /// Registers worker `index` as about to sleep. It must look for work once more before it does.
    pub(crate) fn going_idle(&self, index: usize) {
        self.idle.lock().push(index);
        self.idle_count.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Worker `index` is awake again.
    pub(crate) fn no_longer_idle(&self, index: usize) {
        let mut idle = self.idle.lock();
        if let Some(at) = idle.iter().position(|&i| i == index) {
            idle.swap_remove(at);
            self.idle_count.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Forgets all tasks, also those in workers' deques: on shutdown, when nobody runs any more.
    pub(crate) fn clear(&self) {
        let rest = Deque::new_fifo();
        while settle(|| self.injector.steal_batch_and_pop(&rest)).is_some() {}
        for stealer in &self.stealers {
            while settle(|| stealer.steal_batch_and_pop(&rest)).is_some() {}
        }
    }

    /// Wakes every worker that sleeps.
    pub(crate) fn wake_all(&self) {
        self.unparkers.iter().for_each(Unparker::unpark);
    }

    /// Wakes a worker that is registered as idle, if there is one.
    pub(crate) fn wake_one(&self) {
        fence(Ordering::SeqCst);
        if self.idle_count.load(Ordering::SeqCst) == 0 {
            return;
        }
        let index = {
            let mut idle = self.idle.lock();
            let index = idle.pop();
            if index.is_some() {
                self.idle_count.fetch_sub(1, Ordering::SeqCst);
            }
            index
        };
        if let Some(index) = index {
            self.unparkers[index].unpark();
        }
    }
}

/// The outcome of a steal that may have to be retried.
fn settle<T>(mut steal: impl FnMut() -> Steal<T>) -> Option<T> {
    loop {
        match steal() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}
