//! Code works on the barriers of the stack that it runs on; the walk is of that stack, from the interrupted registers.

use barrier_arch::{Spacing, StkbarSlice, patch};
use integration_tests::MODES;
use integration_tests::native::Native;
use integration_tests::stage::{Stage, chain, frames, install};
use integration_tests::stepper::Stepper;
use sched::Current;
use unwind_walk::Registers;

use crate::agree::Steady;

const DEPTH: usize = 40;

/// What the code at the bottom needs, and what it found.
struct Scene {
    stage: *mut Stage,
    spacing: Spacing,
    stepper: Stepper,
    seen: Vec<Steady>,
    counts: Vec<usize>,
}

extern "C" fn body(scene: usize) {
    frames(DEPTH, bottom, scene);
}

extern "C" fn bottom(scene: usize) {
    // SAFETY: the test's scene, which waits for us.
    let scene = unsafe { &mut *(scene as *mut Scene) };
    // SAFETY: our own stage.
    let bars = unsafe { (*scene.stage).bars() };
    work(scene, bars);
}

/// The caller's frame, and those above it.
#[inline(always)]
fn own_frames() -> Vec<Registers> {
    let (sp, fp) = barrier_arch::arch::own_frame();
    // SAFETY: our own frames.
    unsafe { chain(Registers { pc: 1, sp, fp }) }
}

/// Steps through one operation. Compares all frames above its caller's.
#[inline(always)]
fn step(scene: &mut Scene, bars: &StkbarSlice, truth: &[Registers], work: impl FnOnce() -> usize) {
    let mut steady = Steady::new(bars, truth[1..].to_vec());
    // SAFETY: `steady` lives until the stop.
    unsafe { scene.stepper.start(&raw mut steady) };
    let count = work();
    scene.stepper.stop();
    scene.seen.push(steady);
    scene.counts.push(count);
}

#[inline(never)]
fn work(scene: &mut Scene, bars: &StkbarSlice) {
    let truth = own_frames();
    let (spacing, sp) = (scene.spacing, truth[0].sp);
    let (middle, further) = (truth[DEPTH / 3].sp, truth[DEPTH / 2].sp);
    // SAFETY: this very stack, whose frames these are.
    step(scene, bars, &truth, || unsafe { install(bars, &truth, spacing) });
    // SAFETY: as above.
    step(scene, bars, &truth, || unsafe { patch::unwind(bars, sp, middle) });
    // SAFETY: as above.
    step(scene, bars, &truth, || unsafe { patch::skip(bars, sp) });
    // SAFETY: as above.
    step(scene, bars, &truth, || unsafe { patch::unwind(bars, sp, further) });
    // SAFETY: as above.
    step(scene, bars, &truth, || unsafe { patch::remove(bars, sp) }.restored);
}

#[test]
fn install_unwind_skip_remove() {
    for spacing in MODES {
        let stepper = Stepper::new();
        let (seen, counts) = (Vec::new(), Vec::new());
        let mut scene = Box::new(Scene { stage: std::ptr::null_mut(), spacing, stepper, seen, counts });
        let mut stage = Stage::new(1 << 17, spacing, body, &raw mut *scene as usize);
        scene.stage = &raw mut *stage;
        assert!(stage.resume());
        assert_eq!(scene.seen.len(), 5);
        scene.seen.iter().for_each(|steady| steady.check(10));
        let [installed, unwound, skipped, further, restored] = scene.counts[..] else { panic!() };
        assert_eq!((installed, skipped), (unwound + further + restored, 0));
        match spacing {
            Spacing::Off => assert_eq!(installed, 0),
            _ => assert!(unwound >= 1 && further >= 1 && restored >= 1, "{:?}", scene.counts),
        }
    }
}

/// Frames of 512 bytes on a task of the scheduler.
#[inline(never)]
fn deep(current: &Current<'_, Native>, depth: usize, leaf: &dyn Fn(&Current<'_, Native>)) -> usize {
    let words = std::hint::black_box([depth; 64]);
    if depth == 0 {
        leaf(current);
        return words[5];
    }
    deep(current, std::hint::black_box(depth - 1), leaf) + std::hint::black_box(&words)[3]
}

/// Waits until a collector has installed barriers on the caller's stack (in the modes that have any), one of them close by.
fn begin_cycle(current: &Current<'_, Native>, spacing: Spacing) {
    let here = 0_usize;
    let close = (&raw const here) as usize + (8 << 10);
    let stands = |bars: &StkbarSlice| bars.iter().skip(bars.position()).any(|r| r.saved_lr_ptr < close);
    while spacing != Spacing::Off && !current.bars(stands) {
        current.request_collection();
        current.safepoint();
    }
}

/// Barriers that a collector installed, taken away by the task itself.
#[test]
fn a_task_unwinds_its_barriers() {
    for spacing in MODES {
        let runtime = Native::builder(64 << 20).spacing(spacing).workers(1).verify(true).start().unwrap();
        let task = runtime.spawn(move |current| {
            deep(current, 60, &|current| {
                for _ in 0..10 {
                    begin_cycle(current, spacing);
                    unwind_task(current, spacing);
                }
            })
        });
        task.unwrap().join().unwrap();
    }
}

#[inline(never)]
fn unwind_task(current: &Current<'_, Native>, spacing: Spacing) {
    let mut stepper = Stepper::new();
    let patched = own_frames();
    // The chain of records shows stubs now; what they stand for, the records say.
    let original = |frame: &Registers| {
        let slot = frame.sp - size_of::<usize>();
        let record = current.bars(|bars| bars.find(slot));
        let is_stub = barrier_arch::is_barrier(frame.pc);
        Registers { pc: record.filter(|_| is_stub).map_or(frame.pc, |(_, r)| r.saved_lr_val), ..*frame }
    };
    let truth: Vec<Registers> = patched[1..].iter().map(original).collect();
    assert!(truth.iter().all(|frame| !barrier_arch::is_barrier(frame.pc)));
    let dst = truth[truth.len() / 2].sp;
    let mut steady = current.bars(|bars| Steady::new(bars, truth));
    // SAFETY: `steady` lives until the stop.
    unsafe { stepper.start(&raw mut steady) };
    let unwound = current.unwind_barriers(dst);
    stepper.stop();
    steady.check(10);
    assert_eq!(unwound > 0, spacing != Spacing::Off, "{spacing:?} {unwound}");
}
