//! First scan and re-scan by depth of the stack, with barriers off, exponential and at every frame.
//!
//! The frames are 128 bytes, all of their locals precise slots that hold null; the stack is simulated, its memory is
//! real. In each cycle the task returns from eight frames and calls as many.

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use std::time::{Duration, Instant};

use barrier_arch::Spacing;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gc_mark::{Grey, MarkWorker, Scan};
use simulated::MODES;
use simulated::heap::ToyHeap;
use simulated::program::{Op, Program};
use simulated::shapes::Shapes;

const FRAME: usize = 8 * LOCALS + 16;
const LOCALS: usize = 14;
/// Stack sizes, as powers of two: 64 KiB, 1 MiB, 16 MiB.
const SIZES: [u32; 3] = [16, 20, 24];

/// A stack that is full to three eighths: in every-frame mode half of it is stolen.
fn deep(spacing: Spacing, log2: u32) -> (Program, usize) {
    let mut program = Program::with_stack(log2, spacing, Shapes::vouched(&[LOCALS]));
    let bytes = (1 << log2) / 8 * 3;
    (0..bytes / FRAME).for_each(|_| program.step(Op::Call { shape: 0 }));
    (program, bytes)
}

/// One cycle; how long its two scans took.
fn cycle(program: &mut Program) -> (Duration, Duration) {
    program.start();
    let begin = Instant::now();
    assert!(matches!(program.first_scan(), Scan::Done(_)));
    let first = begin.elapsed();
    program.step(Op::Return { times: 8 });
    (0..8).for_each(|_| program.step(Op::Call { shape: 0 }));
    let begin = Instant::now();
    assert_eq!(program.terminate().stacks, 1);
    let second = begin.elapsed();
    program.finish();
    (first, second)
}

fn scans(c: &mut Criterion) {
    for (name, pick) in [("first scan", true), ("re-scan", false)] {
        let mut group = c.benchmark_group(name);
        group
            .sample_size(20)
            .warm_up_time(Duration::from_millis(200))
            .measurement_time(Duration::from_secs(1));
        for (spacing, log2) in MODES.into_iter().flat_map(|mode| SIZES.map(|log2| (mode, log2))) {
            let (mut program, bytes) = deep(spacing, log2);
            group.throughput(Throughput::Bytes(bytes as u64));
            let mode = match spacing {
                Spacing::Off => "off",
                Spacing::Exponential { .. } => "exponential",
                Spacing::EveryFrame => "every frame",
            };
            group.bench_function(BenchmarkId::new(mode, format!("{} KiB", bytes >> 10)), |b| {
                b.iter_custom(|times| {
                    let took = |_| {
                        let (first, second) = cycle(&mut program);
                        if pick { first } else { second }
                    };
                    (0..times).map(took).sum()
                });
            });
        }
    }
}

/// What a mark termination with nothing left to mark pays for finding that out.
fn nothing_to_drain(c: &mut Criterion) {
    let (heap, grey) = (ToyHeap::new(1), Grey::new());
    let mut workers: Vec<_> = (0..2).map(|_| MarkWorker::new(&grey)).collect();
    c.bench_function("drain until empty, no work", |b| b.iter(|| workers[0].drain_until_empty(&heap)));
}

criterion_group!(benches, scans, nothing_to_drain);
criterion_main!(benches);
