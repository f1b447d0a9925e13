//! What a stack costs: allocated and freed again, by size, through the pool and through a worker's cache.

use std::hint::black_box;

use barrier_arch::StkbarSlice;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use stack_alloc::{Config, Stack, StackPool};

const SIZES: [(&str, usize); 5] =
    [("2KiB", 2 << 10), ("32KiB", 32 << 10), ("64KiB", 64 << 10), ("1MiB", 1 << 20), ("1GiB", 1 << 30)];
/// More than a cache holds of the smallest stacks.
const BURST: usize = 256;

/// Alloc and free, one after the other: the free stack of the last time is used again.
fn pairs(c: &mut Criterion) {
    let mut group = c.benchmark_group("alloc+free");
    for (name, size) in SIZES {
        let pool = StackPool::default();
        group.bench_function(BenchmarkId::new("pool", name), |b| {
            b.iter(|| {
                let (stack, stkbars) = black_box(pool.alloc(size).expect("memory"));
                // SAFETY: nothing runs on it.
                unsafe { pool.free(stack, stkbars) };
            });
        });
        let mut cache = pool.cache();
        group.bench_function(BenchmarkId::new("cache", name), |b| {
            b.iter(|| {
                let (stack, stkbars) = black_box(cache.alloc(size).expect("memory"));
                // SAFETY: nothing runs on it.
                unsafe { cache.free(stack, stkbars) };
            });
        });
    }
    group.finish();
}

/// Many, and then all of them freed: the cache has to go to the pool.
fn bursts(c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("{BURST} x 2KiB"));
    let pool = StackPool::default();
    let mut held: Vec<(Stack, StkbarSlice)> = Vec::with_capacity(BURST);
    group.bench_function("pool", |b| {
        b.iter(|| {
            held.extend((0..BURST).map(|_| pool.alloc(2048).expect("memory")));
            // SAFETY: nothing runs on them.
            held.drain(..).for_each(|(stack, stkbars)| unsafe { pool.free(stack, stkbars) });
        });
    });
    let mut cache = pool.cache();
    group.bench_function("cache", |b| {
        b.iter(|| {
            held.extend((0..BURST).map(|_| cache.alloc(2048).expect("memory")));
            // SAFETY: nothing runs on them.
            held.drain(..).for_each(|(stack, stkbars)| unsafe { cache.free(stack, stkbars) });
        });
    });
    group.finish();
}

/// Mapped and unmapped each time: what the caches save.
fn uncached(c: &mut Criterion) {
    let mut group = c.benchmark_group("map+unmap");
    for (name, size) in &SIZES[2..] {
        let pool = StackPool::new(Config { cached_per_class: 0, ..Config::default() });
        group.bench_function(BenchmarkId::new("pool", name), |b| {
            b.iter(|| {
                let (stack, stkbars) = black_box(pool.alloc(*size).expect("memory"));
                // SAFETY: nothing runs on it.
                unsafe { pool.free(stack, stkbars) };
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pairs, bursts, uncached);
criterion_main!(benches);
