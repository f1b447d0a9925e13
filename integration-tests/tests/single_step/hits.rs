//! Returns through barriers, indexed and searched.

use std::hint::black_box;

use barrier_arch::{Spacing, StkbarSlice, arch};
use integration_tests::MODES;
use integration_tests::stage::{Stage, chain, frames, install};
use integration_tests::stepper::{Observer, Stepper};
use unwind_walk::{FramePointers, Registers, Walk};

use crate::agree::{memory, note, shows};

/// Watches frames return, one after the other.
pub(crate) struct Watch {
    pub(crate) bars: StkbarSlice,
    /// Youngest first. Frame i is gone when the stack pointer is at or above frame i + 1's.
    pub(crate) frames: Vec<Registers>,
    pub(crate) looks: usize,
    pub(crate) in_trampoline: usize,
    /// Looks between `pop rbp` and `ret`.
    pub(crate) at_return: usize,
    pub(crate) wrong: Vec<Registers>,
    /// What was seen outside of the trampoline: pc, and a digest of the whole walk.
    pub(crate) log: Vec<(usize, u64)>,
}

impl Watch {
    pub(crate) fn new(bars: &StkbarSlice, frames: Vec<Registers>) -> Watch {
        // SAFETY: the observer goes before the stack does, and only reads.
        let bars = unsafe { bars.alias() };
        let (wrong, log) = (Vec::with_capacity(8), Vec::with_capacity(1 << 14));
        Watch { bars, frames, looks: 0, in_trampoline: 0, at_return: 0, wrong, log }
    }

    /// The frames that a walk from `at` must show, and those it may show before them.
    fn expected(&mut self, at: Registers) -> Option<&[Registers]> {
        if arch::is_trampoline(at.pc) {
            self.in_trampoline += 1;
            // On the landing pad the slot may have been pushed already.
            let caller = self.frames.partition_point(|frame| frame.sp < at.sp);
            return self.frames.get(caller..);
        }
        let alive = self.frames.partition_point(|frame| frame.sp <= at.sp).saturating_sub(1);
        let next = self.frames.get(alive + 1)?;
        if self.frames[alive].fp == at.fp {
            return self.frames.get(alive + 1..);
        }
        // The frame's own record is gone already: one instruction, the return.
        self.at_return += 1;
        let returns = next.fp == at.fp && next.sp == at.sp + size_of::<usize>();
        if returns { self.frames.get(alive + 2..) } else { None }
    }

    /// A digest of all frames, by their distance from the stack's end: the same on any stack.
    fn digest(&self, at: Registers) -> u64 {
        let (live, stack_hi) = (memory(&self.bars, at.sp), self.bars.stack_hi());
        let mut digest = 0_u64;
        Walk::new(&FramePointers, &live).barriers(&self.bars).diagnose(at, |frame| {
            let fp = if frame.fp == 0 { 0 } else { stack_hi.wrapping_sub(frame.fp) };
            for word in [frame.pc, stack_hi.wrapping_sub(frame.sp), fp] {
                digest = (digest.rotate_left(5) ^ word as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
            std::ops::ControlFlow::Continue(())
        });
        digest
    }
}

impl Observer for Watch {
    fn look(&mut self, at: Registers) {
        if !(self.bars.base()..self.bars.stack_hi()).contains(&at.sp) {
            return;
        }
        self.looks += 1;
        // SAFETY: the same array, for the duration of the look.
        let bars = unsafe { self.bars.alias() };
        let right = self.expected(at).is_some_and(|frames| shows(&bars, at, frames));
        note(&mut self.wrong, right, at);
        if !arch::is_trampoline(at.pc) && self.log.len() < self.log.capacity() {
            self.log.push((at.pc, self.digest(at)));
        }
    }
}

const DEPTH: usize = 40;

struct Scene {
    stage: *mut Stage,
    spacing: Spacing,
    compiled: bool,
    stepper: Stepper,
    watch: Option<Watch>,
    installed: usize,
}

/// The recursion, of compiled functions or of assembly.
extern "C" fn body(scene: usize) {
    // SAFETY: the test's scene, which waits for us.
    let compiled = unsafe { (*(scene as *const Scene)).compiled };
    if compiled {
        black_box(climb(DEPTH, scene));
    } else {
        frames(DEPTH, bottom, scene);
    }
    // SAFETY: as above.
    unsafe { (*(scene as *mut Scene)).stepper.stop() };
}

#[inline(never)]
fn climb(depth: usize, scene: usize) -> usize {
    let words = black_box([depth; 30]);
    if depth == 0 {
        bottom(scene);
        return words[3];
    }
    climb(black_box(depth - 1), scene) ^ black_box(&words)[7]
}

extern "C" fn bottom(scene: usize) {
    let (sp, fp) = barrier_arch::arch::own_frame();
    // SAFETY: the test's scene, which waits for us.
    let scene = unsafe { &mut *(scene as *mut Scene) };
    // SAFETY: our own stage, and our own frames on it.
    unsafe {
        let bars = (*scene.stage).bars();
        let frames = chain(Registers { pc: 1, sp, fp });
        scene.installed = install(bars, &frames, scene.spacing);
        let watch = scene.watch.insert(Watch::new(bars, frames));
        scene.stepper.start(&raw mut *watch);
    }
}

fn stepped(spacing: Spacing, compiled: bool) -> (Watch, usize) {
    let (stage, stepper) = (std::ptr::null_mut(), Stepper::new());
    let mut scene = Box::new(Scene { stage, spacing, compiled, stepper, watch: None, installed: 0 });
    let mut stage = Stage::new(1 << 17, spacing, body, &raw mut *scene as usize);
    scene.stage = &raw mut *stage;
    assert!(stage.resume());
    (scene.watch.take().expect("the bottom was reached"), scene.installed)
}

#[test]
fn every_walk_is_right() {
    for compiled in [false, true] {
        for spacing in MODES {
            let (watch, installed) = stepped(spacing, compiled);
            assert!(watch.wrong.is_empty(), "{spacing:?}, of {} looks: {:x?}", watch.looks, watch.wrong);
            assert!(watch.looks > 2 * DEPTH && watch.at_return > DEPTH, "{}", watch.at_return);
            assert!(watch.in_trampoline >= 15 * installed, "{} in {installed}", watch.in_trampoline);
            let expected = match spacing {
                Spacing::Off => 0..=0,
                Spacing::Exponential { .. } => 3..=6,
                Spacing::EveryFrame => DEPTH + 2..=DEPTH + 4,
            };
            assert!(expected.contains(&installed), "{spacing:?} {installed}");
        }
    }
}

#[test]
fn every_walk_equals_the_one_without_barriers() {
    for compiled in [false, true] {
        let (without, _) = stepped(Spacing::Off, compiled);
        assert!(without.log.len() > 2 * DEPTH && without.log.len() < without.log.capacity());
        for spacing in &MODES[1..] {
            let (with, _) = stepped(*spacing, compiled);
            assert_eq!(with.log.len(), without.log.len());
            assert!(with.log == without.log, "{spacing:?}");
        }
    }
}
