//! Poison and electric fence.

mod common;

use barrier_arch::{SizeClass, Spacing};
use common::{SPACINGS, assert_faulted, in_each_mode, peek, poke};
use stack_alloc::{Config, POISON, StackPool};

fn words(from: usize, to: usize) -> impl Iterator<Item = usize> {
    (from..to).step_by(size_of::<usize>()).map(peek)
}

#[test]
fn fresh_and_freed_stacks_are_poison() {
    for spacing in SPACINGS {
        let pool = StackPool::new(Config { poison: true, spacing, ..Config::default() });
        for size in [2048, 32 << 10, 1 << 20] {
            let (stack, stkbars) = pool.alloc(size).unwrap();
            let (limit, hi, top) = (stack.limit(), stkbars.stack_hi(), stack.top());
            assert!(words(limit, hi).all(|word| word == POISON), "fresh {size}");
            common::tag(&stack, &stkbars);
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
            let kept = if size > 32 << 10 { top - (32 << 10) } else { limit };
            assert!(words(kept, top).all(|word| word == POISON), "freed {size}");
            let (stack, stkbars) = pool.alloc(size).unwrap();
            assert!(words(limit, hi).all(|word| word == POISON), "reused {size}");
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
        }
    }
}

#[test]
fn poison_reaches_a_mebibyte_down() {
    let _alone = common::one_at_a_time();
    let pool = StackPool::new(Config { poison: true, ..Config::default() });
    let (stack, stkbars) = pool.alloc(1 << 30).unwrap();
    let lowest = stack.top() - (1 << 20);
    assert_eq!((peek(lowest), peek(lowest - 8)), (POISON, 0));
    // SAFETY: nothing runs on it.
    unsafe { pool.free(stack, stkbars) };
}

fn fenced(spacing: Spacing) -> StackPool {
    StackPool::new(Config { electric_fence: true, spacing, ..Config::default() })
}

/// Does the deed, in each mode, end with a fault right after it said `last_words`?
fn faults(test: &str, last_words: &str, deed: impl Fn(Spacing)) {
    in_each_mode(test, deed).iter().for_each(|(_, child)| assert_faulted(child, last_words));
}

fn use_after_free(spacing: Spacing, size: usize) {
    let pool = fenced(spacing);
    let (stack, stkbars) = pool.alloc(size).unwrap();
    let address = stkbars.stack_hi() - 8;
    poke(address, 1);
    // SAFETY: it is the point of the test that somebody breaks this promise.
    unsafe { pool.free(stack, stkbars) };
    println!("freed");
    peek(address);
}

#[test]
fn use_after_free_of_a_small_stack_faults() {
    faults("use_after_free_of_a_small_stack_faults", "freed", |spacing| use_after_free(spacing, 2048));
}

#[test]
fn use_after_free_of_a_large_stack_faults() {
    faults("use_after_free_of_a_large_stack_faults", "freed", |spacing| use_after_free(spacing, 1 << 30));
}

#[test]
fn underflow_runs_into_the_fence() {
    faults("underflow_runs_into_the_fence", "0", |spacing| {
        let (stack, _stkbars) = fenced(spacing).alloc(4096).unwrap();
        println!("{}", peek(stack.top() - 8));
        peek(stack.top());
    });
}

#[test]
fn overflow_of_a_stack_too_small_for_a_guard_runs_into_the_fence() {
    faults("overflow_of_a_stack_too_small_for_a_guard_runs_into_the_fence", "0", |spacing| {
        let (stack, _stkbars) = fenced(spacing).alloc(2048).unwrap();
        println!("{}", peek(stack.base()));
        peek(stack.base() - 8);
    });
}

#[test]
fn nothing_is_reused_until_the_quarantine_is_full() {
    for spacing in SPACINGS {
        let pool = fenced(spacing);
        let mut cache = pool.cache();
        let mut seen = std::collections::HashSet::new();
        for i in 0..1000 {
            let (stack, stkbars) = cache.alloc(2048 << (i % 4)).unwrap();
            assert!(seen.insert(stack.base()), "{stack:?} was in use before");
            // SAFETY: nothing runs on it.
            unsafe { cache.free(stack, stkbars) };
        }
        assert_eq!((pool.stats().quarantined, pool.stats().in_use()), (1000, 0));
        for _ in 0..100 {
            let (stack, stkbars) = pool.alloc(2048).unwrap();
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
        }
        let stats = pool.stats();
        assert_eq!(stats.quarantined, 1024, "the oldest are unmapped");
        assert_eq!((stats.mapped_bytes, stats.mappings), (stats.quarantined_bytes, 1024));
        assert!(pool.trim());
        assert_eq!(pool.stats().mapped_bytes, 0);
    }
}

#[test]
fn fenced_stacks_of_every_size() {
    let _alone = common::one_at_a_time();
    for spacing in SPACINGS {
        let pool = fenced(spacing);
        for class in SizeClass::all() {
            let (stack, stkbars) = pool.alloc(class.bytes()).unwrap();
            common::tag(&stack, &stkbars);
            // SAFETY: nothing runs on it.
            unsafe { pool.free(stack, stkbars) };
        }
    }
}
