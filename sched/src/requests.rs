//! Who wants a collection, and who waits for its end.

use std::sync::Arc;

use crate::language::Language;
use crate::sync::{Condvar, Mutex};
use crate::task::Task;

/// Requests for cycles. A ticket is served by a cycle that begins after it was drawn.
pub(crate) struct Requests<L: Language> {
    book: Mutex<Book<L>>,
    changed: Condvar,
}

struct Book<L: Language> {
    /// Last ticket drawn; 0 is none.
    asked: u64,
    /// Tickets that the cycle that runs, or ran last, will have served.
    begun: u64,
    served: u64,
    waiting: Vec<Arc<Task<L>>>,
    shutdown: bool,
}

impl<L: Language> Requests<L> {
    pub(crate) fn new() -> Requests<L> {
        let book = Book { asked: 0, begun: 0, served: 0, waiting: Vec::new(), shutdown: false };
        Requests { book: Mutex::new(book), changed: Condvar::new() }
    }

    /// Draws a ticket. Requests that no cycle has taken up yet share one.
    pub(crate) fn ask(&self) -> u64 {
        let mut book = self.book.lock();
        if book.asked == book.begun {
            book.asked += 1;
            self.changed.notify_all();
        }
        book.asked
    }

    /// Has the cycle for `ticket` ended? If not, the task that `handle` gives is unparked when one ends.
    pub(crate) fn is_served_or_wake(&self, ticket: u64, handle: impl FnOnce() -> Arc<Task<L>>) -> bool {
        let mut book = self.book.lock();
        let served = book.served >= ticket || book.shutdown;
        if !served {
            book.waiting.push(handle());
        }
        served
    }

    /// Blocks the OS thread until the cycle for `ticket` has ended.
    pub(crate) fn wait(&self, ticket: u64) {
        let mut book = self.book.lock();
        while book.served < ticket && !book.shutdown {
            self.changed.wait(&mut book);
        }
    }

    /// The collector waits for a request and takes up all there are; `false` on shutdown.
    pub(crate) fn next(&self) -> bool {
        let mut book = self.book.lock();
        while book.asked == book.begun && !book.shutdown {
            self.changed.wait(&mut book);
        }
        book.begun = book.asked;
        !book.shutdown
    }

    /// The cycle has ended: all that it took up are served.
    pub(crate) fn serve(&self) {
        let waiting = {
            let mut book = self.book.lock();
            book.served = book.begun;
            self.changed.notify_all();
            std::mem::take(&mut book.waiting)
        };
        waiting.iter().for_each(Task::unpark);
    }

    /// No more cycles.
    pub(crate) fn shut_down(&self) {
        let mut book = self.book.lock();
        book.shutdown = true;
        self.changed.notify_all();
    }

    /// Forgets who waits: on shutdown, when nobody runs any more.
    pub(crate) fn clear(&self) {
        self.book.lock().waiting.clear();
    }
}
