//! The whole runtime under the model checker: real tasks on real stacks, switched by the real assembly; only which thread goes on is up to the
//! checker. Every cycle is verified, so an object that is lost ends the process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use barrier_arch::Spacing;
use gc_mark::Conservatively;
use gc_mark::heap::{AllocCache, HeapConfig, MarkSweep, ObjectModel};
use gc_mark::sync::explore;
use unwind_walk::FramePointers;

use crate::{Current, Language, Runtime, Visit};

/// Objects are pairs of addresses.
struct Pairs;

// SAFETY: values are 0 or come from `cons`, which stores both words at once.
unsafe impl ObjectModel for Pairs {
    fn reference(&self, value: usize) -> Option<usize> {
        (value != 0).then_some(value)
    }
    unsafe fn visit(&self, object: *const u8, _: usize, mut visit: impl FnMut(usize)) {
        // SAFETY: a pair is two words.
        let pair = unsafe { &*object.cast::<[AtomicUsize; 2]>() };
        pair.iter().for_each(|word| visit(word.load(Ordering::Relaxed)));
    }
}

struct Lists {
    heap: MarkSweep<Pairs>,
    frames: Conservatively,
}

impl Language for Lists {
    type Heap = MarkSweep<Pairs>;
    type Frames = Conservatively;
    type Unwind = FramePointers;
    type Worker = AllocCache;
    type Task = ();
    fn heap(&self) -> &MarkSweep<Pairs> {
        &self.heap
    }
    fn frames(&self) -> &Conservatively {
        &self.frames
    }
    fn unwind(&self) -> FramePointers {
        FramePointers
    }
    fn new_worker(&self) -> AllocCache {
        self.heap.cache()
    }
    fn new_task(&self) {}
    fn visit_roots(&self, _: &mut Visit<'_>) {}
    fn visit_task_roots(&self, _: &(), _: &mut Visit<'_>) {}
}

fn cons(current: &Current<'_, Lists>, car: usize, cdr: usize) -> usize {
    let heap = current.language().heap();
    current.safepoint();
    let pair = current.with_worker(|cache| heap.alloc(cache, 16)).unwrap().cast::<[usize; 2]>();
    if current.is_marking() {
        [car, cdr].map(|value| current.shade(value));
    }
    // SAFETY: 16 fresh bytes.
    unsafe { pair.write([car, cdr]) };
    pair.as_ptr() as usize
}

/// A list of `n` pairs, one frame for each; at the bottom `bottom` is called.
fn build(current: &Current<'_, Lists>, n: usize, bottom: &mut dyn FnMut()) -> usize {
    if n == 0 {
        bottom();
        return 0;
    }
    let below = build(current, n - 1, bottom);
    cons(current, 0, below)
}

fn length(mut list: usize) -> usize {
    let mut pairs = 0;
    while list != 0 {
        // SAFETY: lists are pairs, alive because the caller has the first.
        [_, list] = unsafe { (list as *const [usize; 2]).read() };
        pairs += 1;
    }
    pairs
}

fn runtime(spacing: Spacing, workers: usize, mark_workers: usize) -> Runtime<Lists> {
    let config = HeapConfig { limit_bytes: 4 << 20, ..HeapConfig::default() };
    let heap = MarkSweep::new(Pairs, config).unwrap();
    let lists = Lists { heap, frames: Conservatively };
    let builder = Runtime::builder(lists).workers(workers).mark_workers(mark_workers);
    builder.spacing(spacing).verify(true).stack_bytes(256 << 10).start().unwrap()
}

/// Two tasks, of which one starts a third in the middle of a cycle; both ask for cycles at the bottom of their recursion.
fn a_cycle_with_spawning_tasks(spacing: Spacing) {
    let runtime = runtime(spacing, 2, 2);
    let first = runtime.spawn(|current| {
        let mut third = None;
        let list = build(current, 8, &mut || {
            current.request_collection();
            third = Some(
                current.spawn(|current| length(build(current, 4, &mut || current.yield_now()))).unwrap(),
            );
            current.collect();
        });
        (length(list), third.unwrap().join_on(current).unwrap())
    });
    let second = runtime.spawn(|current| {
        let list = build(current, 8, &mut || current.yield_now());
        current.collect();
        length(list)
    });
    assert_eq!(first.unwrap().join().unwrap(), (8, 4));
    assert_eq!(second.unwrap().join().unwrap(), 8);
    assert!(!runtime.cycles().is_empty());
}

#[test]
fn a_whole_cycle_with_spawning_tasks() {
    for (mode, spacing) in
        [("off", Spacing::Off), ("exponential", Spacing::default()), ("every-frame", Spacing::EveryFrame)]
    {
        explore(&format!("runtime/cycle-with-spawns/{mode}"), 500, move || {
            a_cycle_with_spawning_tasks(spacing)
        });
    }
}

/// An alarm wakes a worker that sleeps, or is about to, or will: a task that waits for a time does not wait for ever.
#[test]
fn no_alarm_is_slept_through() {
    explore("runtime/alarms", 1000, || {
        let runtime = runtime(Spacing::default(), 2, 1);
        let waits = |current: &Current<'_, Lists>| current.park_until(Instant::now());
        let tasks = [(); 2].map(|()| runtime.spawn(waits).unwrap());
        tasks.into_iter().for_each(|task| task.join().unwrap());
    });
}

/// Sleeping and waking: with nothing to do all threads sleep, and one request from outside is enough. One worker: nobody else does its work.
#[test]
fn nobody_sleeps_through_a_request() {
    explore("runtime/sleep-and-wake", 2_000, || {
        let runtime = runtime(Spacing::default(), 1, 1);
        for _ in 0..3 {
            let task = runtime.spawn(|current| current.park()).unwrap();
            task.task().unpark();
            task.join().unwrap();
        }
        runtime.collect();
    });
}

/// The runtime goes while a cycle is under way and tasks have not ended.
#[test]
fn a_runtime_that_goes_in_mid_cycle_ends() {
    explore("runtime/shutdown", 1000, || {
        let runtime = runtime(Spacing::default(), 2, 2);
        runtime.request_collection();
        let _lost = runtime.spawn(|current| length(build(current, 4, &mut || current.collect())));
        let _parked = runtime.spawn(|current| current.park());
        drop(runtime);
    });
}
