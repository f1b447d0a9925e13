//! What a return through a barrier costs, against a plain return and against the seed's trampoline.
//!
//! All four make the same calls: `DEPTH` nested ones, and at the bottom the return slot of one frame in the
//! middle is set up: not at all, with an indexed stub, with a searching stub, or with a trampoline that
//! takes the next entry of a list on faith (`pos++`), as Go 1.5 had it, but with the list at a fixed
//! address instead of behind `g`.

mod thread_time;

use std::alloc::{Layout, alloc, handle_alloc_error};
use std::arch::{asm, naked_asm};
use std::hint::black_box;
use std::ptr::NonNull;

use barrier_arch::{SizeClass, Spacing, StkbarSlice, arch, patch};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};

/// Big enough for the default spacing to have 12 records.
const BYTES: usize = 1 << 22;
const DEPTH: usize = 12;

/// The blind trampoline's state: the saved addresses and the position.
static mut SAVED: [usize; 64] = [0; 64];
static mut POSITION: usize = 0;

/// Loads the entry at the position, advances the position, jumps. Clobbers r10 and r11; no check, no healing.
#[unsafe(naked)]
unsafe extern "C" fn blind() {
    naked_asm!(
        "mov r10, [rip + {position}]",
        "lea r11, [rip + {saved}]",
        "mov r11, [r11 + 8*r10]",
        "inc r10",
        "mov [rip + {position}], r10",
        "jmp r11",
        position = sym POSITION,
        saved = sym SAVED,
    )
}

/// What is put over the return slot.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Stub,
    Blind,
}

/// Sets up every `step`th of the frames above.
///
/// Each kind installs as many barriers: where it is not barriers that are measured, over words that nobody returns
/// through.
#[inline(never)]
fn set_up(bars: &StkbarSlice, kind: Kind, step: usize) {
    let mut fp: *const usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack)) };
    // SAFETY: one thread; what is left of the last round is not live any more.
    unsafe {
        patch::purge(bars);
        POSITION = 0;
    }
    for i in 0..DEPTH {
        // SAFETY: the chain has at least DEPTH more frames.
        fp = unsafe { *fp as *const usize };
        if i % step == step / 2 {
            // SAFETY: the slot of a live frame.
            unsafe { set_up_frame(bars, kind, i, fp.add(1).cast_mut()) };
        }
    }
    // SAFETY: one thread.
    unsafe { POSITION = 0 };
}

/// Frame number `count` of them, whose return slot is `slot`.
unsafe fn set_up_frame(bars: &StkbarSlice, kind: Kind, count: usize, slot: *mut usize) {
    let nobodys = (bars.base() + 4096 + 16 * count) as *mut usize;
    // SAFETY: a word far below all frames.
    unsafe { nobodys.write_volatile(1) };
    let barrier = if matches!(kind, Kind::Stub) { slot } else { nobodys };
    // SAFETY: a live slot, or a word that nobody uses.
    unsafe { patch::install(bars, barrier as usize) }.expect("room for a barrier");
    if matches!(kind, Kind::Blind) {
        // SAFETY: one thread; a live slot, whose address the trampoline finds in the list.
        unsafe {
            SAVED[POSITION] = *slot;
            POSITION += 1;
            slot.write_volatile(blind as *const () as usize);
        }
    }
}

#[inline(never)]
fn nest(depth: usize, bars: &StkbarSlice, kind: Kind, step: usize) -> usize {
    if depth == 0 {
        set_up(bars, kind, step);
        return 0;
    }
    black_box(nest(black_box(depth - 1), bars, kind, step)) + 1
}

/// A stack of plain memory, aligned to its size. It is never given back: the process ends.
fn stack(spacing: Spacing) -> StkbarSlice {
    let layout = Layout::from_size_align(BYTES, BYTES).expect("a power of two");
    // SAFETY: the layout is not empty.
    let base = NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout));
    let class = SizeClass::of(BYTES).expect("a stack size");
    // SAFETY: aligned, that long, and ours for good.
    unsafe { StkbarSlice::steal(base, class, spacing) }
}

struct Job<'a> {
    work: &'a mut dyn FnMut(&StkbarSlice),
    bars: &'a StkbarSlice,
    back: arch::Context,
}

extern "C" fn enter(argument: usize) -> ! {
    // SAFETY: `on` passes its job, which outlives the switch back.
    let job = unsafe { &mut *(argument as *mut Job<'_>) };
    (job.work)(job.bars);
    // SAFETY: `on` waits there.
    unsafe { arch::switch(&mut arch::Context::default(), &job.back) };
    unreachable!("nobody resumes a finished stack")
}

/// Runs `work` on that stack.
fn on(bars: &StkbarSlice, work: &mut dyn FnMut(&StkbarSlice)) {
    let mut job = Job { work, bars, back: arch::Context::default() };
    // SAFETY: nobody uses the stack; the job outlives the run.
    unsafe {
        let prepared = arch::prepare(bars.stack_hi(), enter, (&raw mut job) as usize);
        arch::switch(&raw mut job.back, &prepared.context);
    }
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, spacing: Spacing, kind: Kind, step: usize) {
    let bars = stack(spacing);
    group.bench_function(name, |bencher| {
        on(&bars, &mut |bars| {
            let once = || assert_eq!(nest(DEPTH, bars, kind, step), DEPTH);
            bencher.iter_custom(|iterations| thread_time::time(iterations, once));
        });
    });
}

fn returns(criterion: &mut Criterion) {
    // `set_up` walks DEPTH frames: those of `nest`, all of which return within one iteration.
    for (label, step) in [("1 barrier in 12 frames", 12), ("3 in 12", 4), ("12 in 12", 1)] {
        let mut group = criterion.benchmark_group(label);
        measure(&mut group, "plain", Spacing::default(), Kind::Plain, step);
        measure(&mut group, "blind pos++", Spacing::default(), Kind::Blind, step);
        measure(&mut group, "indexed stub", Spacing::default(), Kind::Stub, step);
        measure(&mut group, "searching stub", Spacing::EveryFrame, Kind::Stub, step);
        group.finish();
    }
}

criterion_group!(benches, returns);
criterion_main!(benches);
