//! What the reference heap costs: allocation, marking what is marked already (the bulk of a full re-scan of a deep
//! stack), tracing, sweeping, and the two calls that are made with the world stopped.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gc_mark::heap::{AllocCache, Heap, HeapConfig, MarkSweep, ObjectModel};

/// Pairs of two values in 32 bytes, as a Scheme's: header, car, cdr.
struct Pairs;

const PAIR_BYTES: usize = 32;

// SAFETY: values are null or come from `pair`, which stores both words.
unsafe impl ObjectModel for Pairs {
    fn reference(&self, value: usize) -> Option<usize> {
        (value != 0 && value.is_multiple_of(2)).then_some(value)
    }

    unsafe fn visit(&self, object: *const u8, _bytes: usize, mut visit: impl FnMut(usize)) {
        // SAFETY: a pair is larger than three words.
        let [_, car, cdr] = unsafe { &*object.cast::<[AtomicUsize; 3]>() };
        visit(car.load(Relaxed));
        visit(cdr.load(Relaxed));
    }
}

fn heap() -> MarkSweep<Pairs> {
    MarkSweep::new(Pairs, HeapConfig { limit_bytes: 1 << 30, ..HeapConfig::default() }).unwrap()
}

fn pair(heap: &MarkSweep<Pairs>, cache: &mut AllocCache, car: usize, cdr: usize) -> usize {
    let slot = heap.alloc(cache, PAIR_BYTES).unwrap().cast::<[usize; 3]>();
    // SAFETY: three of the four words of a fresh slot.
    unsafe { slot.write([0, car, cdr]) };
    slot.as_ptr() as usize
}

/// A list of `length` pairs, and the address of each.
fn list(heap: &MarkSweep<Pairs>, length: usize) -> Vec<usize> {
    let mut cache = heap.cache();
    let mut last = 0;
    (0..length)
        .map(|_| {
            last = pair(heap, &mut cache, 0, last);
            last
        })
        .collect()
}

fn mark_all(heap: &MarkSweep<Pairs>, values: &[usize]) -> usize {
    values.iter().filter(|&&value| heap.object_of(value).is_some_and(|object| heap.mark(object))).count()
}

fn collect(heap: &MarkSweep<Pairs>, keep: &[usize]) {
    heap.begin_marking();
    mark_all(heap, keep);
    heap.end_marking();
    heap.sweep();
}

/// Deterministic shuffle (Fisher and Yates; xorshift).
fn shuffled(mut values: Vec<usize>) -> Vec<usize> {
    let mut random = 88_172_645_463_325_252_u64;
    for i in (1..values.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        values.swap(i, random as usize % (i + 1));
    }
    values
}

/// Times `count` allocations of each of `rounds` rounds; the collections in between are not counted.
fn time_allocations(rounds: u64, count: usize, keep_every: Option<usize>, marking: bool) -> Duration {
    let heap = heap();
    let first = list(&heap, 2 * count);
    let kept: Vec<usize> = keep_every.map_or(vec![], |every| first.into_iter().step_by(every).collect());
    let mut cache = heap.cache();
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        collect(&heap, &kept);
        if marking {
            heap.begin_marking();
        }
        let start = Instant::now();
        for _ in 0..count {
            black_box(heap.alloc(&mut cache, black_box(PAIR_BYTES)).unwrap());
        }
        total += start.elapsed();
        if marking {
            heap.end_marking();
            heap.sweep();
        }
    }
    total
}

fn alloc(c: &mut Criterion) {
    const COUNT: usize = 100_000;
    let mut group = c.benchmark_group("alloc");
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("32 B, empty blocks", |b| {
        b.iter_custom(|rounds| time_allocations(rounds, COUNT, None, false));
    });
    group.bench_function("32 B, every second slot in use", |b| {
        b.iter_custom(|rounds| time_allocations(rounds, COUNT, Some(2), false));
    });
    group.bench_function("32 B, black", |b| {
        b.iter_custom(|rounds| time_allocations(rounds, COUNT, None, true));
    });
}

fn mark(c: &mut Criterion) {
    let mut group = c.benchmark_group("mark what is marked");
    for length in [100_000, 5_000_000] {
        let heap = heap();
        let in_order = list(&heap, length);
        heap.begin_marking();
        assert_eq!(mark_all(&heap, &in_order), length);
        group.throughput(Throughput::Elements(length as u64)).sample_size(10);
        group.bench_function(BenchmarkId::new("in order", length), |b| {
            b.iter(|| assert_eq!(mark_all(&heap, black_box(&in_order)), 0));
        });
        let shuffled = shuffled(in_order);
        group.bench_function(BenchmarkId::new("shuffled", length), |b| {
            b.iter(|| assert_eq!(mark_all(&heap, black_box(&shuffled)), 0));
        });
        group.bench_function(BenchmarkId::new("shuffled, conservative", length), |b| {
            let find = |word: usize| heap.object_at(word + 8).is_some_and(|object| heap.mark(object));
            b.iter(|| assert!(!black_box(&shuffled).iter().any(|&word| find(word))));
        });
    }
}

fn trace(c: &mut Criterion) {
    const LENGTH: usize = 1_000_000;
    let heap = heap();
    let nodes = shuffled(list(&heap, LENGTH));
    let mut cache = heap.cache();
    // A tree over the scattered nodes, so that tracing is not one long chain of dependent misses.
    let roots: Vec<usize> = nodes.chunks(2).map(|two| pair(&heap, &mut cache, two[0], two[1])).collect();
    let mut group = c.benchmark_group("trace");
    group.throughput(Throughput::Elements((LENGTH + roots.len()) as u64)).sample_size(10);
    group.bench_function("scattered pairs", |b| {
        b.iter_custom(|rounds| (0..rounds).map(|_| time_trace(&heap, &roots)).sum());
    });
}

fn time_trace(heap: &MarkSweep<Pairs>, roots: &[usize]) -> Duration {
    heap.begin_marking();
    let start = Instant::now();
    let mut grey = Vec::with_capacity(1024);
    for &root in roots {
        grey.extend(heap.object_of(root).filter(|&object| heap.mark(object)));
        while let Some(object) = grey.pop() {
            heap.visit_children(object, |value| {
                grey.extend(heap.object_of(value).filter(|&object| heap.mark(object)));
            });
        }
    }
    let time = start.elapsed();
    heap.end_marking();
    heap.sweep();
    time
}

fn sweep(c: &mut Criterion) {
    const MIB: usize = 64;
    let mut group = c.benchmark_group("sweep");
    group.throughput(Throughput::Bytes((MIB << 20) as u64)).sample_size(20);
    let heap = heap();
    let all = list(&heap, (MIB << 20) / PAIR_BYTES);
    for (name, every) in [("64 MiB of pairs, all live", 1), ("64 MiB of pairs, a tenth live", 10)] {
        let keep: Vec<usize> = all.iter().copied().step_by(every).collect();
        let stopped = Cell::new((Duration::ZERO, 0_u32));
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| (0..rounds).map(|_| time_sweep(&heap, &keep, &stopped)).sum());
        });
        let (time, calls) = stopped.get();
        println!("{:60}begin_marking and end_marking: {:?} together", "", time / calls.max(1));
    }
}

/// Times one sweep; the two calls of the cycle that stop the world are added to `stopped`.
fn time_sweep(heap: &MarkSweep<Pairs>, keep: &[usize], stopped: &Cell<(Duration, u32)>) -> Duration {
    let start = Instant::now();
    heap.begin_marking();
    let began = start.elapsed();
    mark_all(heap, keep);
    let start = Instant::now();
    heap.end_marking();
    let (time, calls) = stopped.get();
    stopped.set((time + began + start.elapsed(), calls + 1));
    let start = Instant::now();
    heap.sweep();
    start.elapsed()
}

criterion_group!(benches, alloc, mark, trace, sweep);
criterion_main!(benches);
