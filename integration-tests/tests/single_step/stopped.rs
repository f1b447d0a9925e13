//! The collector's thread works on a stopped stack; the walk is of that other stack.

use barrier_arch::{Spacing, patch};
use integration_tests::MODES;
use integration_tests::stage::{Stage, chain, frames};
use integration_tests::stepper::Stepper;
use unwind_walk::Registers;

use crate::agree::{Steady, shows};

const DEPTH: usize = 40;
const BYTES: usize = 1 << 16;

extern "C" fn body(stage: usize) {
    frames(DEPTH, bottom, stage);
}

extern "C" fn bottom(stage: usize) {
    // SAFETY: the argument is the place where the test put its stage's address.
    unsafe { Stage::pause(*(stage as *const *mut Stage)) };
}

/// A stage that is stopped in its deepest frame, and all of its frames.
fn stopped(spacing: Spacing) -> (Box<Stage>, Vec<Registers>) {
    let mut place: Box<*mut Stage> = Box::new(std::ptr::null_mut());
    let mut stage = Stage::new(BYTES, spacing, body, &raw mut *place as usize);
    *place = &raw mut *stage;
    assert!(!stage.resume());
    // SAFETY: it does not run.
    let frames = unsafe { chain(stage.registers()) };
    assert!(frames.len() >= DEPTH + 4, "{} frames", frames.len());
    (stage, frames)
}

/// Steps through `work`, which changes nothing but barriers.
fn step(stage: &Stage, frames: &[Registers], work: impl FnOnce()) {
    let mut stepper = Stepper::new();
    let mut steady = Steady::stopped(stage.bars(), stage.outermost_sp(), frames.to_vec());
    // SAFETY: `steady` lives until the stop.
    unsafe { stepper.start(&raw mut steady) };
    work();
    stepper.stop();
    steady.check(10);
}

/// How many barriers a stack of so many frames gets: none in the youngest, none in the outermost.
fn expected(spacing: Spacing, frames: usize) -> std::ops::RangeInclusive<usize> {
    match spacing {
        Spacing::Off => 0..=0,
        Spacing::Exponential { .. } => 3..=6,
        Spacing::EveryFrame => frames - 2..=frames - 2,
    }
}

#[test]
fn install_and_remove() {
    for spacing in MODES {
        let (stage, frames) = stopped(spacing);
        for _ in 0..2 {
            let (mut installed, mut removed) = (0, patch::Removed::default());
            let sp = frames[0].sp;
            step(&stage, &frames, || {
                // SAFETY: the frames of a stopped stack.
                installed = unsafe { integration_tests::stage::install(stage.bars(), &frames, spacing) };
            });
            // SAFETY: stopped there.
            step(&stage, &frames, || removed = unsafe { patch::remove(stage.bars(), sp) });
            assert!(expected(spacing, frames.len()).contains(&installed), "{spacing:?} {installed}");
            assert_eq!(removed, patch::Removed { restored: installed, ..Default::default() });
        }
    }
}

/// Unwinding barriers, up to every frame in turn.
#[test]
fn unwind() {
    for spacing in MODES {
        let (stage, frames) = stopped(spacing);
        for dst in frames.iter().step_by(3).map(|frame| frame.sp) {
            let installed = stage.install(spacing);
            let mut unwound = 0;
            // SAFETY: stopped there.
            step(&stage, &frames, || unwound = unsafe { patch::unwind(stage.bars(), frames[0].sp, dst) });
            assert_eq!(unwound, stage.bars().iter().filter(|record| record.saved_lr_ptr < dst).count());
            // SAFETY: as above.
            let removed = unsafe { patch::remove(stage.bars(), frames[0].sp) };
            assert_eq!((removed.hit, removed.restored), (unwound, installed - unwound));
        }
    }
}

/// Skipping barriers whose frames are about to be dropped: they are still walked by whoever comes first, and what lies above
/// is walked afterwards.
#[test]
fn skip() {
    for spacing in MODES {
        for first in (0..DEPTH).step_by(5) {
            let (stage, frames) = stopped(spacing);
            stage.install(spacing);
            let sp = frames[first].sp;
            let mut skipped = 0;
            // SAFETY: it will not go on at all.
            step(&stage, &frames, || skipped = unsafe { patch::skip(stage.bars(), sp) });
            assert_eq!(skipped, stage.bars().iter().filter(|record| record.saved_lr_ptr < sp).count());
            assert!(shows(stage.bars(), frames[first], &frames[first..]));
        }
    }
}

/// And after all that the code still returns, through what barriers there are.
#[test]
fn the_stack_goes_on() {
    for spacing in MODES {
        let (mut stage, frames) = stopped(spacing);
        let mut installed = 0;
        step(&stage, &frames, || installed = stage.install(spacing));
        assert!(expected(spacing, frames.len()).contains(&installed) && stage.resume());
        assert!(stage.bars().is_empty());
    }
}
