//! A stack moves, with barriers installed and some of them hit.
//!
//! The old stack is walked at every instruction of the move, and of the life on the new one, too: it stays as it was until it is freed. The new
//! one is walked from the first instruction that runs on it.

use barrier_arch::Spacing;
use integration_tests::MODES;
use integration_tests::stage::{Stage, chain, frames};
use integration_tests::stepper::{Observer, Stepper};
use unwind_walk::Registers;

use crate::agree::Steady;
use crate::hits::Watch;

const DEPTH: usize = 40;

/// The lower half of the recursion stands on a second one, with a pause between: returns from there have hit some barriers.
const LOWER: usize = 15;

struct Scene {
    stage: *mut Stage,
    stepper: Stepper,
    watch: Option<Both>,
}

/// The old stack, which does not change, and the new one, which returns.
struct Both {
    old: Steady,
    new: Watch,
}

impl Observer for Both {
    fn look(&mut self, at: Registers) {
        self.old.look(at);
        self.new.look(at);
    }
}

extern "C" fn body(scene: usize) {
    frames(DEPTH, middle, scene);
    // SAFETY: the test's scene, which waits for us.
    unsafe { (*(scene as *mut Scene)).stepper.stop() };
}

extern "C" fn middle(scene: usize) {
    frames(LOWER, pause, scene);
    pause(scene);
    // SAFETY: as above; the observer was put there before we were resumed.
    unsafe {
        let scene = scene as *mut Scene;
        let watch: *mut Both = (*scene).watch.as_mut().expect("an observer");
        (*scene).stepper.start(watch);
    }
}

extern "C" fn pause(scene: usize) {
    // SAFETY: as above; this is its stage.
    unsafe { Stage::pause((*(scene as *const Scene)).stage) };
}

/// From a stack of `from` bytes to one of `to`.
fn moved(from: usize, to: usize, spacing: Spacing) {
    let mut scene = Box::new(Scene { stage: std::ptr::null_mut(), stepper: Stepper::new(), watch: None });
    let mut stage = Stage::new(from, spacing, body, &raw mut *scene as usize);
    scene.stage = &raw mut *stage;
    stage.resume();
    let installed = stage.install(spacing);
    assert_eq!(installed > 0, spacing != Spacing::Off);
    stage.resume();
    // SAFETY: it does not run.
    let patched = unsafe { chain(stage.registers()) };
    let hit = stage.bars().position();
    assert!(hit < installed || spacing == Spacing::Off, "{hit} of {installed}");
    assert!(hit > 0 || spacing == Spacing::Off);
    let truth: Vec<Registers> = patched.iter().map(|frame| original(&stage, frame)).collect();

    let new = stage.another(to);
    let shift = new.1.stack_hi().wrapping_sub(stage.bars().stack_hi());
    let mut old = Steady::stopped(stage.bars(), stage.outermost_sp(), truth.clone());
    // SAFETY: `old` lives until the stop.
    unsafe { scene.stepper.start(&raw mut old) };
    let left = stage.move_to(new);
    scene.stepper.stop();
    old.check((truth[truth.len() - 1].sp - truth[0].sp) / 64);

    let shifted = |frame: &Registers| Registers {
        sp: frame.sp.wrapping_add(shift),
        fp: if frame.fp == 0 { 0 } else { frame.fp.wrapping_add(shift) },
        ..*frame
    };
    let new = Watch::new(stage.bars(), truth.iter().map(shifted).collect());
    scene.watch = Some(Both { old, new });
    assert!(stage.resume());
    let both = scene.watch.take().expect("it was lent");
    both.old.check(2 * DEPTH);
    assert!(both.new.wrong.is_empty(), "of {} looks: {:x?}", both.new.looks, both.new.wrong);
    assert!(both.new.looks > 2 * DEPTH && both.new.in_trampoline >= 15 * (installed - hit));
    stage.free(left);
}

/// A frame as it is without barriers.
fn original(stage: &Stage, frame: &Registers) -> Registers {
    let found = stage.bars().find(frame.sp - size_of::<usize>());
    match found {
        Some((_, record)) if barrier_arch::is_barrier(frame.pc) => {
            Registers { pc: record.saved_lr_val, ..*frame }
        }
        _ => *frame,
    }
}

#[test]
fn to_a_larger_a_smaller_and_an_equal_stack() {
    for spacing in MODES {
        for (from, to) in [(1 << 16, 1 << 17), (1 << 17, 1 << 16), (1 << 16, 1 << 16)] {
            moved(from, to, spacing);
        }
    }
}
