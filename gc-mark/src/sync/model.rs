//! Locks, deques and waiting as shuttle has them, in the interfaces of parking_lot and crossbeam.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, PoisonError};

use crossbeam_deque::Steal;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync as watched;
use shuttle::sync::atomic::{AtomicBool, Ordering};

/// Runs `body` in so many random interleavings, and prints how many there were. `MODEL_ITERATIONS` in the environment multiplies.
///
/// # Panics
///
/// If `body` does in one of them, or all its threads wait.
pub fn explore(name: &str, times: usize, body: impl Fn() + Send + Sync + 'static) {
    println!(
        "model {name}: {} interleavings",
        run(|times| RandomScheduler::new(times), times, Arc::new(body))
    );
}

/// Half of them such that threads have priorities, which change three times: that finds what takes one thread many steps while another waits. For
/// models of which no thread polls: it would do so for ever.
///
/// # Panics
///
/// As [`explore`].
pub fn explore_priorities(name: &str, times: usize, body: impl Fn() + Send + Sync + 'static) {
    let body = Arc::new(body);
    let by_chance = run(|times| RandomScheduler::new(times), times / 2, Arc::clone(&body));
    let by_priority = run(|times| PctScheduler::new(3, times), times / 2, body);
    println!("model {name}: {} interleavings", by_chance + by_priority);
}

fn run<S: Scheduler + 'static>(
    scheduler: impl FnOnce(usize) -> S,
    times: usize,
    body: Arc<impl Fn() + Send + Sync + 'static>,
) -> usize {
    let factor = std::env::var("MODEL_ITERATIONS").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
    let mut config = shuttle::Config::new();
    // Room for frames of debug builds.
    config.stack_size = 1 << 20;
    shuttle::Runner::new(scheduler(times * factor), config).run(move || body())
}

/// A place where another thread may go on.
pub fn point() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}

/// parking_lot's.
#[derive(Debug, Default)]
pub struct Mutex<T>(watched::Mutex<T>);

/// parking_lot's. `None` while its owner waits for a condition.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<watched::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// Unlocked.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(watched::Mutex::new(value))
    }

    /// Waits until it is the caller's.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("its owner does not wait")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("its owner does not wait")
    }
}

/// parking_lot's.
#[derive(Debug, Default)]
pub struct Condvar(watched::Condvar);

impl Condvar {
    /// Nobody waits.
    pub const fn new() -> Condvar {
        Condvar(watched::Condvar::new())
    }

    /// Lets the lock go until somebody notifies.
    pub fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let held = guard.0.take().expect("its owner does not wait");
        guard.0 = Some(self.0.wait(held).unwrap_or_else(PoisonError::into_inner));
    }

    /// Wakes all.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// parking_lot's.
#[derive(Debug, Default)]
pub struct RwLock<T>(watched::RwLock<T>);

impl<T> RwLock<T> {
    /// Unlocked.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock(watched::RwLock::new(value))
    }

    /// With other readers.
    pub fn read(&self) -> watched::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Alone.
    pub fn write(&self) -> watched::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// crossbeam's: waiting is letting others go first.
#[derive(Debug, Default)]
pub struct Backoff(());

impl Backoff {
    /// At its beginning.
    pub fn new() -> Backoff {
        Backoff(())
    }

    /// Waits a little.
    pub fn snooze(&self) {
        shuttle::thread::yield_now();
    }

    /// Should one rather sleep?
    pub fn is_completed(&self) -> bool {
        true
    }

    /// There was something to do.
    pub fn reset(&self) {}
}

/// crossbeam's.
#[derive(Debug, Default)]
pub struct Parker(Unparker);

/// crossbeam's.
#[derive(Clone, Debug, Default)]
pub struct Unparker(Arc<(Mutex<bool>, Condvar)>);

impl Parker {
    /// Without a token.
    pub fn new() -> Parker {
        Parker::default()
    }

    /// Its other end.
    pub fn unparker(&self) -> &Unparker {
        &self.0
    }

    /// Waits for a token, and takes it.
    pub fn park(&self) {
        let (token, changed) = &*self.0.0;
        let mut token = token.lock();
        while !*token {
            changed.wait(&mut token);
        }
        *token = false;
    }

    /// Takes a token, if there is one; the time may as well have come.
    pub fn park_deadline(&self, _: std::time::Instant) {
        shuttle::thread::yield_now();
        *self.0.0.0.lock() = false;
    }
}

impl Unparker {
    /// Leaves a token.
    pub fn unpark(&self) {
        let (token, changed) = &*self.0;
        *token.lock() = true;
        changed.notify_all();
    }
}

/// crossbeam's, with other threads' steps between its own.
#[derive(Debug, Default)]
pub struct Injector<T>(crossbeam_deque::Injector<T>);

/// crossbeam's, with other threads' steps between its own.
#[derive(Debug)]
pub struct Worker<T>(crossbeam_deque::Worker<T>);

/// crossbeam's, with other threads' steps between its own.
#[derive(Clone, Debug)]
pub struct Stealer<T>(crossbeam_deque::Stealer<T>);

impl<T> Injector<T> {
    /// Empty.
    pub fn new() -> Injector<T> {
        Injector(crossbeam_deque::Injector::new())
    }

    /// Adds one.
    pub fn push(&self, item: T) {
        point();
        self.0.push(item);
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        point();
        self.0.is_empty()
    }

    /// Takes some over to `to`, and one out.
    pub fn steal_batch_and_pop(&self, to: &Worker<T>) -> Steal<T> {
        point();
        self.0.steal_batch_and_pop(&to.0)
    }
}

impl<T> Worker<T> {
    /// Takes out the oldest.
    pub fn new_fifo() -> Worker<T> {
        Worker(crossbeam_deque::Worker::new_fifo())
    }

    /// Takes out the youngest.
    pub fn new_lifo() -> Worker<T> {
        Worker(crossbeam_deque::Worker::new_lifo())
    }

    /// Its other end.
    pub fn stealer(&self) -> Stealer<T> {
        Stealer(self.0.stealer())
    }

    /// Adds one.
    pub fn push(&self, item: T) {
        point();
        self.0.push(item);
    }

    /// Takes one out.
    pub fn pop(&self) -> Option<T> {
        point();
        self.0.pop()
    }
}

impl<T> Stealer<T> {
    /// Is there none?
    pub fn is_empty(&self) -> bool {
        point();
        self.0.is_empty()
    }

    /// Takes half of them over to `to`, and one out.
    pub fn steal_batch_and_pop(&self, to: &Worker<T>) -> Steal<T> {
        point();
        self.0.steal_batch_and_pop(&to.0)
    }
}
