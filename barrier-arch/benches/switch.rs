//! What a context switch costs, and installing and removing a barrier.

mod thread_time;

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::hint::black_box;
use std::ptr::NonNull;

use barrier_arch::{SizeClass, Spacing, StkbarSlice, arch, patch};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BYTES: usize = 1 << 16;

/// A stack of plain memory, aligned to its size. It is never given back: the process ends.
fn stack(spacing: Spacing) -> StkbarSlice {
    let layout = Layout::from_size_align(BYTES, BYTES).expect("a power of two");
    // SAFETY: the layout is not empty.
    let base = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    let class = SizeClass::of(BYTES).expect("a stack size");
    // SAFETY: aligned, that long, and ours for good.
    unsafe { StkbarSlice::steal(base, class, spacing) }
}

/// Two contexts that switch to each other.
#[derive(Default)]
struct Pair {
    own: arch::Context,
    other: arch::Context,
}

extern "C" fn bounce(argument: usize) -> ! {
    let pair = argument as *mut Pair;
    loop {
        // SAFETY: the bench's pair; the thread's own context was saved by the switch here.
        unsafe { arch::switch(&raw mut (*pair).other, &raw const (*pair).own) };
    }
}

fn switches(criterion: &mut Criterion) {
    let bars = stack(Spacing::Off);
    let mut pair = Pair::default();
    let pair = &raw mut pair;
    // SAFETY: nobody uses the stack; the pair outlives the bench.
    unsafe { (*pair).other = arch::prepare(bars.stack_hi(), bounce, pair as usize).context };
    let mut group = criterion.benchmark_group("switch");
    group.throughput(Throughput::Elements(2));
    group.bench_function("there and back", |bencher| {
        // SAFETY: the other stack is prepared, or left by its own switch.
        let there = || unsafe { arch::switch(&raw mut (*pair).own, &raw const (*pair).other) };
        bencher.iter_custom(|iterations| thread_time::time(iterations, there));
    });
    group.finish();
}

fn patching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("install and remove, per barrier");
    for (name, spacing, count) in
        [("indexed", Spacing::default(), 7_usize), ("searched", Spacing::EveryFrame, 500)]
    {
        let bars = stack(spacing);
        let slots: Vec<usize> = (0..count).map(|i| bars.base() + 1024 + 48 * i).collect();
        // SAFETY: words of this stack, on which nobody runs.
        slots.iter().for_each(|&slot| unsafe { *(slot as *mut usize) = 0x1000 });
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(name, |bencher| {
            let once = || {
                // SAFETY: as above; the frames are fiction.
                let installed = slots.iter().filter(|&&slot| unsafe { patch::install(&bars, slot) }.is_ok());
                assert_eq!(black_box(installed.count()), count);
                // SAFETY: as above.
                black_box(unsafe { patch::remove(&bars, slots[0]) });
            };
            bencher.iter_custom(|iterations| thread_time::time(iterations, once));
        });
    }
    group.finish();
}

criterion_group!(benches, switches, patching);
criterion_main!(benches);
