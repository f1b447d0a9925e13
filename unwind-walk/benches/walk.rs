//! What a frame costs: strict walks against a bare loop over the frame pointers of the same memory.

use core::hint::black_box;
use core::ops::ControlFlow;
use core::ptr::NonNull;
use std::alloc::{Layout, alloc_zeroed};

use barrier_arch::{SizeClass, Spacing, StkbarSlice, patch};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use unwind_walk::{FramePointers, LiveStack, Registers, Walk};

const WORD: usize = size_of::<usize>();
/// Of a frame of 64 bytes: small, as in a recursion.
const FRAME: usize = 64;
const CLASS: SizeClass = match SizeClass::of(1 << 24) {
    Ok(class) => class,
    Err(_) => panic!(),
};

struct Chain {
    bars: StkbarSlice,
    live: LiveStack,
    registers: Registers,
    outermost_sp: usize,
}

impl Chain {
    /// A chain of `frames` frames; the memory is never given back.
    fn new(frames: usize, spacing: Spacing) -> Chain {
        let layout = Layout::from_size_align(CLASS.bytes(), CLASS.bytes()).unwrap();
        // SAFETY: not of size zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
        // SAFETY: aligned to its size, fresh.
        let bars = unsafe { StkbarSlice::steal(base, CLASS, spacing) };
        let outermost_sp = bars.stack_hi() - 2 * WORD;
        let (mut sp, mut fp) = (outermost_sp, 0);
        for depth in 1..frames {
            // SAFETY: within the stack, 6.4 MB at most of its lower half.
            unsafe { ((sp - 2 * WORD) as *mut [usize; 2]).write([fp, 0x40_0000 + depth % 7 * 32]) };
            (fp, sp) = (sp - 2 * WORD, sp - FRAME);
        }
        let registers = Registers { pc: 0x40_0000, sp, fp };
        // SAFETY: leaked.
        let live = unsafe { LiveStack::new(base.as_ptr() as usize, bars.top()) };
        let chain = Chain { bars, live, registers, outermost_sp };
        chain.install(spacing);
        chain
    }

    fn install(&self, spacing: Spacing) {
        let mut thresholds = spacing.thresholds(self.registers.sp);
        let walked = self.walk().strict(self.outermost_sp, self.registers, |frame| {
            if let Some(caller) = frame.caller
                && thresholds.wants(caller.cfa)
                // SAFETY: a return slot of a stack that does not run.
                && unsafe { patch::install(&self.bars, caller.return_slot) }.is_ok()
            {
                thresholds.placed();
            }
            ControlFlow::Continue(())
        });
        walked.unwrap();
    }

    fn walk(&self) -> Walk<'_, '_, FramePointers, LiveStack> {
        Walk::new(&FramePointers, &self.live).barriers(&self.bars)
    }

    /// Sum of the return addresses and frames, by the walk.
    fn strict(&self) -> usize {
        let mut sum = 0_usize;
        let walked = self.walk().strict(self.outermost_sp, self.registers, |frame| {
            sum = sum.wrapping_add(frame.pc ^ frame.sp);
            ControlFlow::Continue(())
        });
        assert!(walked.is_ok());
        sum
    }

    /// The same by nothing but two loads a frame.
    fn bare(&self) -> usize {
        let Registers { mut pc, mut sp, mut fp } = self.registers;
        let mut sum = pc ^ sp;
        while fp != 0 {
            // SAFETY: a chain that `new` wrote.
            let [next, return_pc] = unsafe { (fp as *const [usize; 2]).read_volatile() };
            (pc, sp, fp) = (return_pc, fp + 2 * WORD, next);
            sum = sum.wrapping_add(pc ^ sp);
        }
        sum
    }
}

fn walks(criterion: &mut Criterion) {
    for frames in [1_000, 100_000] {
        let mut group = criterion.benchmark_group(format!("{frames} frames"));
        group.throughput(Throughput::Elements(frames as u64));
        for (name, spacing) in
            [("off", Spacing::Off), ("exponential", Spacing::default()), ("every frame", Spacing::EveryFrame)]
        {
            let chain = Chain::new(frames, spacing);
            assert!(spacing != Spacing::Off || chain.bare() == chain.strict());
            // Both over the same memory: where it lies in caches and page tables matters as much as the code.
            group
                .bench_function(BenchmarkId::new("bare loop", name), |b| b.iter(|| black_box(&chain).bare()));
            group.bench_function(BenchmarkId::new("strict", name), |b| b.iter(|| black_box(&chain).strict()));
        }
        group.finish();
    }
}

criterion_group!(benches, walks);
criterion_main!(benches);
