//! Words of memory as the model checker sees them.
//!
//! A stack is plain memory, while loom's atomics are objects of its own. So each address that a model wants [`watch`]ed gets one, for as long as one
//! execution lasts, beginning with what the memory holds:
//!
//! ```text
//!   from_ptr(p) ──▶ WORDS[p] ──▶ loom's atomic: what each thread may read
//!                      └───────▶ *p: the last value stored, for whoever looks from outside (checker, aftermath)
//! ```
//!
//! Other words are plain memory: stacks that come from the system and go back to it are told apart by nothing that loom knows of.

use core::ops::Range;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::boxed::Box;
use std::collections::HashMap;
use std::println;
use std::sync::{Arc, Mutex};

use loom::sync::atomic::AtomicU64;

/// Explores every interleaving of `body`, and prints how many there were: for the models of all crates.
///
/// # Panics
///
/// If `body` does, in any of them.
pub fn explore(name: &str, body: impl Fn() + Send + Sync + 'static) {
    explore_up_to(name, None, body);
}

/// The interleavings in which a thread is interrupted where it need not be so many times at most: of models with too many steps for all.
///
/// # Panics
///
/// If `body` does, in any of them.
pub fn explore_up_to(name: &str, preemptions: Option<usize>, body: impl Fn() + Send + Sync + 'static) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let mut builder = loom::model::Builder::new();
    builder.max_branches = 20_000;
    builder.preemption_bound = preemptions;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    println!("model {name}: {} interleavings", count.load(Ordering::Relaxed));
}

/// Has the words of `addresses` watched from now on, until the execution ends. For the thread that makes a stack, before others know of it.
///
/// # Safety
///
/// They are readable and writable memory.
pub unsafe fn watch(addresses: Range<usize>) {
    for address in addresses.step_by(size_of::<u64>()) {
        let raw = address as *mut u64;
        // SAFETY: readable, by the caller's promise.
        let watched = Some(AtomicU64::new(unsafe { raw.read_volatile() }));
        WORDS.lock().unwrap().insert(address, Box::new(Word { raw, watched }));
    }
}

loom::lazy_static! {
    static ref WORDS: Mutex<HashMap<usize, Box<Word>>> = Mutex::new(HashMap::new());
}

/// One word, with the part of `core`'s interface that is in use.
pub(crate) struct Word {
    raw: *mut u64,
    watched: Option<AtomicU64>,
}

// SAFETY: `raw` is written by whoever stores, and in a model one thread runs at a time.
unsafe impl Send for Word {}
// SAFETY: as above.
unsafe impl Sync for Word {}

impl Word {
    /// The word at `raw`.
    ///
    /// # Safety
    ///
    /// As `core::sync::atomic::AtomicU64::from_ptr`; and the reference ends with the execution.
    pub(crate) unsafe fn from_ptr<'a>(raw: *mut u64) -> &'a Word {
        let mut words = WORDS.lock().unwrap();
        let word = words.entry(raw as usize).or_insert_with(|| Box::new(Word { raw, watched: None }));
        let word: *const Word = &**word;
        // SAFETY: a box that nobody removes before the execution ends.
        unsafe { &*word }
    }

    pub(crate) fn load(&self, order: Ordering) -> u64 {
        match &self.watched {
            Some(watched) => watched.load(order),
            // SAFETY: readable, by the promise of `from_ptr`.
            None => unsafe { self.raw.read_volatile() },
        }
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        if let Some(watched) = &self.watched {
            watched.store(value, order);
        }
        // SAFETY: writable, by the promise of `from_ptr`.
        unsafe { self.raw.write_volatile(value) };
    }
}
