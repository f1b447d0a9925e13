//! Threads as shuttle has them, in std's interface.

use std::io;
use std::sync::Arc;

use shuttle::sync::atomic::{AtomicBool, Ordering};
pub use shuttle::thread::{sleep, spawn, yield_now};

/// std's.
#[derive(Debug, Default)]
pub struct Builder(shuttle::thread::Builder);

impl Builder {
    /// Of a thread without a name.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// With this name.
    pub fn name(self, name: String) -> Builder {
        Builder(self.0.name(name))
    }

    /// Starts it.
    ///
    /// # Errors
    ///
    /// None.
    pub fn spawn<T: Send + 'static>(
        self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let body = move || {
            let result = f();
            end.store(true, Ordering::SeqCst);
            result
        };
        Ok(JoinHandle { handle: self.0.spawn(body)?, ended })
    }
}

/// std's.
#[derive(Debug)]
pub struct JoinHandle<T> {
    handle: shuttle::thread::JoinHandle<T>,
    ended: Arc<AtomicBool>,
}

impl<T> JoinHandle<T> {
    /// Has it returned? Not if it panicked: that ends the model.
    pub fn is_finished(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Waits for it.
    ///
    /// # Errors
    ///
    /// Its panic.
    pub fn join(self) -> std::thread::Result<T> {
        self.handle.join()
    }
}
