//! An exception crosses barriers. Its unwinder keeps no frame pointers, but on the trampoline's landing pad every walk is right.

use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use barrier_arch::{Spacing, arch};
use integration_tests::MODES;
use integration_tests::stage::{Stage, chain, install};
use integration_tests::stepper::{Observer, Stepper};
use unwind_walk::Registers;

use crate::hits::Watch;

/// Few: an unwinder takes a hundred thousand instructions for them, each of them a signal.
const DEPTH: usize = 5;

/// Looks on the landing pad only.
struct OnThePad(Watch);

impl Observer for OnThePad {
    fn look(&mut self, at: Registers) {
        if arch::is_trampoline(at.pc) {
            self.0.look(at);
        }
    }
}

struct Scene {
    stage: *mut Stage,
    spacing: Spacing,
    stepper: Stepper,
    watch: Option<OnThePad>,
    installed: usize,
    caught: bool,
}

extern "C" fn body(scene: usize) {
    // SAFETY: the test's scene, which waits for us.
    let scene = unsafe { &mut *(scene as *mut Scene) };
    let caught = catch_unwind(AssertUnwindSafe(|| black_box(nest(DEPTH, scene))));
    scene.stepper.stop();
    scene.caught = caught.is_err();
}

#[inline(never)]
fn nest(depth: usize, scene: &mut Scene) -> usize {
    let words = black_box([depth; 200]);
    if depth == 0 {
        throw(scene);
        return words[3];
    }
    nest(black_box(depth - 1), scene) + black_box(&words)[7]
}

#[inline(never)]
fn throw(scene: &mut Scene) {
    let (sp, fp) = barrier_arch::arch::own_frame();
    // SAFETY: our own stage, and our own frames on it.
    unsafe {
        let bars = (*scene.stage).bars();
        let frames = chain(Registers { pc: 1, sp, fp });
        scene.installed = install(bars, &frames, scene.spacing);
        let watch = scene.watch.insert(OnThePad(Watch::new(bars, frames)));
        scene.stepper.start(&raw mut *watch);
    }
    resume_unwind(Box::new(()));
}

#[test]
fn the_landing_pad_shows_the_caller() {
    for spacing in MODES {
        let (stage, stepper) = (std::ptr::null_mut(), Stepper::new());
        let mut scene = Box::new(Scene { stage, spacing, stepper, watch: None, installed: 0, caught: false });
        let mut stage = Stage::new(1 << 18, spacing, body, &raw mut *scene as usize);
        scene.stage = &raw mut *stage;
        assert!(stage.resume() && scene.caught);
        let OnThePad(watch) = scene.watch.take().expect("it was thrown");
        assert!(watch.wrong.is_empty(), "{spacing:?}: {:x?}", watch.wrong);
        // The barriers below the catch were crossed, three instructions each.
        let crossed = scene.installed.min(DEPTH);
        assert!(watch.looks >= 3 * crossed.min(2), "{} looks, {crossed} barriers", watch.looks);
        assert_eq!(crossed > 0, spacing != Spacing::Off);
    }
}
