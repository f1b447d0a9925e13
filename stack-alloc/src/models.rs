//! The pool and its workers' caches in every interleaving of two workers: loom on the code itself, `--cfg loom` only (`ci/models.sh`).
//!
//! What must hold: no stack is anybody's twice, none is lost, and what is mapped stays within the limit and is all given back.

use std::collections::BTreeSet;
use std::sync::Arc;

use barrier_arch::{StkbarSlice, explore_up_to};
use loom::sync::Mutex;
use loom::thread;

use crate::{Config, GuardPages, Stack, StackCache, StackPool};

/// Of a few hundred steps each; with all interleavings a model takes minutes.
const PREEMPTIONS: Option<usize> = Some(2);
const SMALL: usize = 32 << 10;
const LARGE: usize = 64 << 10;

/// Who has which stack: taking one that is out, or returning one that is not, fails.
#[derive(Default)]
struct Out(Mutex<BTreeSet<usize>>);

type Pair = (Stack, StkbarSlice);

impl Out {
    fn took(&self, stack: &Stack) {
        assert!(self.0.lock().unwrap().insert(stack.base()), "{stack:?} is somebody's already");
    }

    fn returns(&self, stack: &Stack) {
        assert!(self.0.lock().unwrap().remove(&stack.base()), "{stack:?} was nobody's");
    }

    fn take(&self, cache: &mut StackCache, bytes: usize) -> Pair {
        let pair = cache.alloc(bytes).expect("there is memory");
        self.took(&pair.0);
        pair
    }

    fn put(&self, cache: &mut StackCache, (stack, bars): Pair) {
        self.returns(&stack);
        // SAFETY: nothing ran on it.
        unsafe { cache.free(stack, bars) };
    }
}

fn pool(limit: Option<usize>) -> StackPool {
    StackPool::new(Config { guard: GuardPages::Off, limit, ..Config::default() })
}

/// Nothing is out, and all can be given back.
fn nothing_is_lost(pool: &StackPool) {
    assert_eq!(pool.stats().in_use(), 0);
    pool.trim();
    let stats = pool.stats();
    assert_eq!((stats.mapped_bytes, stats.mappings, stats.stranded_bytes), (0, 0, 0));
}

fn two_workers(name: &str, bytes: usize) {
    explore_up_to(name, PREEMPTIONS, move || {
        let (pool, out) = (pool(None), Arc::new(Out::default()));
        let workers = [(); 2].map(|()| {
            let (mut cache, out) = (pool.cache(), Arc::clone(&out));
            thread::spawn(move || {
                let one = out.take(&mut cache, bytes);
                out.put(&mut cache, one);
            })
        });
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        nothing_is_lost(&pool);
    });
}

#[test]
fn two_workers_take_and_return_small_stacks() {
    two_workers("stack-pool/small", SMALL);
}

#[test]
fn two_workers_take_and_return_large_stacks() {
    two_workers("stack-pool/large", LARGE);
}

/// A stack is freed to another cache than it came from, which ends (and flushes) at the same time as the first takes another one.
#[test]
fn a_stack_that_changes_hands_is_not_lost() {
    explore_up_to("stack-pool/changes-hands", PREEMPTIONS, || {
        let (pool, out) = (pool(None), Arc::new(Out::default()));
        let mut cache = pool.cache();
        let given = out.take(&mut cache, SMALL);
        let (mut other, others) = (pool.cache(), Arc::clone(&out));
        let taker = thread::spawn(move || others.put(&mut other, given));
        let second = out.take(&mut cache, SMALL);
        out.put(&mut cache, second);
        drop(cache);
        taker.join().unwrap();
        nothing_is_lost(&pool);
    });
}

/// Two threads want a stack each where the limit is one: what is mapped never exceeds it, whoever comes second.
#[test]
fn the_limit_holds_whoever_comes_first() {
    explore_up_to("stack-pool/limit", PREEMPTIONS, || {
        let pool = pool(Some(LARGE));
        let workers = [(); 2].map(|()| {
            let pool = pool.clone();
            thread::spawn(move || {
                let got = pool.alloc(LARGE);
                assert!(pool.stats().mapped_bytes <= LARGE);
                if let Ok((stack, bars)) = got {
                    // SAFETY: nothing ran on it.
                    unsafe { pool.free(stack, bars) };
                    return true;
                }
                false
            })
        });
        let got = workers.map(|worker| worker.join().unwrap());
        assert!(got.contains(&true), "the first at least finds the limit untouched");
        nothing_is_lost(&pool);
    });
}

/// Trimming beside a worker who takes and returns.
#[test]
fn trimming_takes_nothing_that_is_in_use() {
    explore_up_to("stack-pool/trim", PREEMPTIONS, || {
        let (pool, out) = (pool(None), Arc::new(Out::default()));
        let (mine, theirs) = (pool.clone(), Arc::clone(&out));
        let worker = thread::spawn(move || {
            for _ in 0..2 {
                let (stack, bars) = mine.alloc(LARGE).unwrap();
                theirs.took(&stack);
                // SAFETY: a word of a stack that is ours.
                unsafe { stack.as_ptr().cast::<usize>().write_volatile(1) };
                theirs.returns(&stack);
                // SAFETY: nothing ran on it.
                unsafe { mine.free(stack, bars) };
            }
        });
        pool.trim();
        worker.join().unwrap();
        nothing_is_lost(&pool);
    });
}
