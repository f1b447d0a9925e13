//! Any sequence of allocations and frees against a model that keeps a list.

mod common;

use std::sync::mpsc;
use std::thread;

use barrier_arch::StkbarSlice;
use common::model::{Model, Op};
use common::{SPACINGS, assert_tagged, tag};
use proptest::prelude::*;
use stack_alloc::{Config, GuardPages, Stack, StackCache, StackPool};

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (prop_oneof![11u32..16, 16u32..24], 0usize..3).prop_map(|(log2, via)| Op::Alloc { log2, via }),
        4 => (any::<usize>(), 0usize..3).prop_map(|(which, via)| Op::Free { which, via }),
        1 => (0usize..1 << 20, 0usize..3).prop_map(|(bytes, via)| Op::AllocBytes { bytes, via }),
        2 => (any::<usize>(), any::<usize>(), 0usize..9000).prop_map(|(from, to, used)| Op::Relocate { from, to, used }),
        1 => (0usize..2).prop_map(|via| Op::Flush { via }),
        1 => Just(Op::Trim),
    ]
}

fn config() -> impl Strategy<Value = Config> {
    let guards = prop::sample::select(&[GuardPages::Off, GuardPages::Cheapest, GuardPages::Mprotect][..]);
    let spacing = prop::sample::select(&SPACINGS[..]);
    (spacing, guards, 0usize..4, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
        |(spacing, guard, cached_per_class, poison, electric_fence)| Config {
            spacing,
            guard,
            cached_per_class,
            poison,
            electric_fence,
            ..Config::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stacks_never_overlap_and_the_stats_add_up(config in config(), ops in prop::collection::vec(op(), 1..80)) {
        let mut model = Model::new(config);
        ops.into_iter().for_each(|op| model.step(op));
        model.finish();
    }
}

/// Bytes that once showed something wrong, each in a file whose name says what.
#[test]
fn what_a_fuzzer_found() {
    let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/regressions/api");
    for file in std::fs::read_dir(found).expect("the fuzzers' directory") {
        common::model::run(&std::fs::read(file.unwrap().path()).unwrap());
    }
}

#[test]
fn what_is_free_is_used_before_more_is_mapped() {
    let pool = StackPool::default();
    let spans_full = |spans: usize, size: usize| {
        let stacks: Vec<_> = (0..spans * (256 << 10) / size).map(|_| pool.alloc(size).unwrap()).collect();
        assert_eq!(pool.stats().mappings, spans, "{size}");
        for (stack, stkbars) in stacks {
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
        }
    };
    for size in [2 << 10, 8 << 10, 32 << 10] {
        spans_full(7, size);
        assert_eq!(pool.stats().mappings, 4, "1 MiB of {size} is spare");
        spans_full(5, size);
        pool.trim();
        assert_eq!(pool.stats().mappings, 0);
        spans_full(1, size);
        pool.trim();
    }
}

#[test]
fn a_cache_mostly_does_without_the_pool() {
    let pool = StackPool::default();
    let mut cache = pool.cache();
    let mut held = Vec::new();
    for i in 0..10_000 {
        held.push(cache.alloc(4096).unwrap());
        // Up and down by a few, as tasks come and go.
        let keep = (i * 7) % 5;
        while held.len() > keep {
            let (stack, stkbars) = held.pop().unwrap();
            // SAFETY: nothing runs on it.
            unsafe { cache.free(stack, stkbars) };
        }
    }
    let rate = pool.stats().worker_caches;
    assert_eq!(rate.hits + rate.misses, 10_000);
    assert!(rate.misses < 10, "{rate:?}");
}

/// Each of two workers frees what the other allocated, while both allocate from their own caches.
#[test]
fn stacks_travel_between_caches() {
    for spacing in SPACINGS {
        let pool = StackPool::new(Config { spacing, ..Config::default() });
        let (to_b, from_a) = mpsc::sync_channel(64);
        let (to_a, from_b) = mpsc::sync_channel(64);
        let work =
            |mut cache: StackCache, out: mpsc::SyncSender<_>, inbox: mpsc::Receiver<(Stack, StkbarSlice)>| {
                move || {
                    for i in 0..20_000usize {
                        let (stack, stkbars) = cache.alloc(2048 << (i % 6)).unwrap();
                        tag(&stack, &stkbars);
                        let kept = out.try_send((stack, stkbars)).err().map(|full| match full {
                            mpsc::TrySendError::Full(pair) | mpsc::TrySendError::Disconnected(pair) => pair,
                        });
                        for (stack, stkbars) in kept.into_iter().chain(inbox.try_iter()) {
                            assert_tagged(&stack, &stkbars);
                            // SAFETY: nothing runs on it.
                            unsafe { cache.free(stack, stkbars) };
                        }
                    }
                    drop(out);
                    for (stack, stkbars) in inbox {
                        assert_tagged(&stack, &stkbars);
                        // SAFETY: nothing runs on it.
                        unsafe { cache.free(stack, stkbars) };
                    }
                }
            };
        let workers = [
            thread::spawn(work(pool.cache(), to_b, from_b)),
            thread::spawn(work(pool.cache(), to_a, from_a)),
        ];
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let stats = pool.stats();
        assert_eq!(stats.in_use(), 0);
        assert_eq!(stats.mapped_bytes, stats.cached_bytes());
        pool.trim();
        assert_eq!(pool.stats().mapped_bytes, 0, "every span is whole again");
    }
}
