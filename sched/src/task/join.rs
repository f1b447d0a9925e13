//! What a task leaves behind: its result, or the panic that ended it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::current::Current;
use crate::language::Language;
use crate::sync::{Condvar, Mutex};
use crate::task::Task;

/// A task panicked.
///
/// The panic was caught at the task's boundary; this is what it was thrown with.
pub struct JoinError(Box<dyn Any + Send>);

impl JoinError {
    /// The panic's payload, for [`std::panic::resume_unwind`].
    pub fn into_panic(self) -> Box<dyn Any + Send> {
        self.0
    }

    /// The message, if the payload is one.
    pub fn message(&self) -> Option<&str> {
        let text = self.0.downcast_ref::<&'static str>().copied();
        text.or_else(|| self.0.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task panicked: {}", self.message().unwrap_or("(payload is no message)"))
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for JoinError {}

/// Waits for a task.
///
/// Dropped, the task goes on and its result is lost.
pub struct JoinHandle<L: Language, R> {
    task: Arc<Task<L>>,
    packet: Arc<Packet<L, R>>,
}

/// Where a task leaves its outcome.
pub(crate) struct Packet<L: Language, R> {
    slot: Mutex<Slot<L, R>>,
    filled: Condvar,
}

struct Slot<L: Language, R> {
    result: Option<Result<R, JoinError>>,
    waiting: Vec<Arc<Task<L>>>,
}

impl<L: Language, R: Send + 'static> JoinHandle<L, R> {
    /// Waits, and blocks the OS thread: not for use on a task, which would hold its worker up.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if the task panicked.
    pub fn join(self) -> Result<R, JoinError> {
        let mut slot = self.packet.slot.lock();
        loop {
            if let Some(result) = slot.result.take() {
                return result;
            }
            self.packet.filled.wait(&mut slot);
        }
    }

    /// Waits, and lets other tasks run meanwhile.
    ///
    /// # Errors
    ///
    /// [`JoinError`] if the task panicked.
    pub fn join_on(self, current: &Current<'_, L>) -> Result<R, JoinError> {
        loop {
            {
                let mut slot = self.packet.slot.lock();
                if let Some(result) = slot.result.take() {
                    return result;
                }
                slot.waiting.push(current.handle());
            }
            current.park();
        }
    }

    /// Has it ended?
    pub fn is_finished(&self) -> bool {
        self.packet.slot.lock().result.is_some()
    }

    /// The task.
    pub fn task(&self) -> &Arc<Task<L>> {
        &self.task
    }
}

impl<L: Language, R> fmt::Debug for JoinHandle<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle({:?})", self.task)
    }
}

impl<L: Language, R: Send + 'static> JoinHandle<L, R> {
    pub(crate) fn new(task: Arc<Task<L>>, packet: Arc<Packet<L, R>>) -> JoinHandle<L, R> {
        JoinHandle { task, packet }
    }
}

impl<L: Language, R: Send + 'static> Packet<L, R> {
    pub(crate) fn new() -> Arc<Packet<L, R>> {
        let slot = Mutex::new(Slot { result: None, waiting: Vec::new() });
        Arc::new(Packet { slot, filled: Condvar::new() })
    }

    /// What the task runs: `f`, its panic caught, its outcome left here.
    pub(crate) fn fill(
        self: Arc<Self>,
        f: impl FnOnce(&Current<'_, L>) -> R + Send + 'static,
    ) -> impl FnOnce(&Current<'_, L>) + Send {
        move |current: &Current<'_, L>| self.settle(catch_unwind(AssertUnwindSafe(|| f(current))))
    }

    /// Leaves the outcome, or the panic that was it, and wakes who waits.
    pub(crate) fn settle(&self, result: Result<R, Box<dyn Any + Send>>) {
        let waiting = {
            let mut slot = self.slot.lock();
            slot.result = Some(result.map_err(JoinError));
            std::mem::take(&mut slot.waiting)
        };
        self.filled.notify_all();
        waiting.iter().for_each(Task::unpark);
    }
}
