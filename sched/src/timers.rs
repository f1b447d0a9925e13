//! Alarms: tasks that are to be unparked at a point in time.
//!
//! ```text
//!   task     alarm_at(t) ──▶ { t → task, … }   sorted by time        park
//!                                 │                                   ▲
//!   worker   between two tasks: whatever is due is taken out ── unpark┘
//!            with nothing to run: sleeps until the earliest is due
//! ```
//!
//! There is no thread for it, and nobody polls. A worker looks between two tasks; a worker without tasks sleeps no longer than until the earliest alarm.
//! Whoever sets an alarm that is earlier than all others wakes a worker that sleeps, which then sleeps shorter: either it finds the worker
//! registered as idle, or the worker, which registers before it asks for the earliest, finds the alarm (`queue.rs`). So an alarm is late by no more than what
//! workers take from one switch to the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::current::Current;
use crate::language::Language;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::Task;

/// An alarm that was set. It rings once; who does not want it any more [cancels](Current::cancel) it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alarm {
    /// When.
    at: Instant,
    /// Tells alarms for the same time apart.
    number: usize,
}

/// All alarms of a runtime that have not rung.
pub(crate) struct Timers<L: Language> {
    alarms: Mutex<BTreeMap<Alarm, Arc<Task<L>>>>,
    /// How many there are: most programs have none, and workers ask often.
    count: AtomicUsize,
    last: AtomicUsize,
}

impl<L: Language> Timers<L> {
    pub(crate) fn new() -> Timers<L> {
        Timers { alarms: Mutex::new(BTreeMap::new()), count: AtomicUsize::new(0), last: AtomicUsize::new(0) }
    }

    /// Sets an alarm; says whether it is the earliest of all, about which a worker that sleeps must be told.
    fn add(&self, at: Instant, task: Arc<Task<L>>) -> (Alarm, bool) {
        let alarm = Alarm { at, number: self.last.fetch_add(1, Ordering::Relaxed) };
        let mut alarms = self.alarms.lock();
        alarms.insert(alarm, task);
        self.count.store(alarms.len(), Ordering::SeqCst);
        let is_earliest = alarms.first_key_value().is_some_and(|(first, _)| *first == alarm);
        (alarm, is_earliest)
    }

    /// Takes an alarm out, if it has not rung. The task is dropped when the lock is free again.
    fn remove(&self, alarm: &Alarm) -> Option<Arc<Task<L>>> {
        let mut alarms = self.alarms.lock();
        let removed = alarms.remove(alarm);
        self.count.store(alarms.len(), Ordering::SeqCst);
        removed
    }

    /// When the next one rings. Asked by a worker that is registered as idle.
    pub(crate) fn earliest(&self) -> Option<Instant> {
        if self.count.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.alarms.lock().first_key_value().map(|(alarm, _)| alarm.at)
    }

    /// Unparks every task whose alarm is due.
    pub(crate) fn ring(&self) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let now = Instant::now();
        while let Some(task) = self.take_due(now) {
            task.unpark();
        }
    }

    fn take_due(&self, now: Instant) -> Option<Arc<Task<L>>> {
        let mut alarms = self.alarms.lock();
        let first = alarms.first_entry().filter(|first| first.key().at <= now);
        let due = first.map(|first| first.remove());
        self.count.store(alarms.len(), Ordering::SeqCst);
        due
    }

    /// Forgets all: on shutdown, when nobody runs any more.
    pub(crate) fn clear(&self) {
        self.alarms.lock().clear();
    }
}

impl<L: Language> Current<'_, L> {
    /// Has the task unparked at `at`, or soon after: when a worker comes between two tasks. A permit is left if it is not parked
    /// then. The alarm is the task's to [cancel](Current::cancel), also after a park that it ended.
    pub fn alarm_at(&self, at: Instant) -> Alarm {
        let shared = &self.task().shared;
        let (alarm, is_earliest) = shared.timers.add(at, self.handle());
        if is_earliest {
            shared.queue.wake_one();
        }
        alarm
    }

    /// Takes an alarm back, if it has not rung.
    pub fn cancel(&self, alarm: Alarm) {
        drop(self.task().shared.timers.remove(&alarm));
    }

    /// As [`Current::park`], but no longer than until `deadline`. May return before both.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # fn example<L: sched::Language>(current: &sched::Current<'_, L>, done: impl Fn() -> bool) -> bool {
    /// let deadline = Instant::now() + Duration::from_millis(50);
    /// while !done() && Instant::now() < deadline {
    ///     current.park_until(deadline);
    /// }
    /// done()
    /// # }
    /// ```
    pub fn park_until(&self, deadline: Instant) {
        let alarm = self.alarm_at(deadline);
        self.park();
        self.cancel(alarm);
    }
}
