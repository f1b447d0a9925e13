//! A walk with barriers sees what a walk without barriers sees, whatever was installed and hit.

mod common;

use core::ops::ControlFlow;

use barrier_arch::{SizeClass, Spacing, patch};
use common::{SPACINGS, SimStack, WORD, collect, diagnose};
use proptest::prelude::*;
use unwind_walk::{End, FramePointers, ReadWord, Unbarred, Walk, Walked};

/// A stack of random frames, with random barriers, of which some have been hit.
#[derive(Clone, Debug)]
struct Plan {
    log2: u32,
    spacing: Spacing,
    locals: Vec<usize>,
    wanted: Vec<bool>,
    returns: usize,
}

impl Plan {
    fn any() -> impl Strategy<Value = Plan> {
        let locals = prop::collection::vec(prop_oneof![9 => 0_usize..20, 1 => 20_usize..200], 0..200);
        let wanted = prop::collection::vec(any::<bool>(), 1..100);
        (12_u32..16, prop::sample::select(&SPACINGS[..]), locals, wanted, 0_usize..300).prop_map(
            |(log2, spacing, locals, wanted, returns)| Plan { log2, spacing, locals, wanted, returns },
        )
    }

    fn bare(&self) -> SimStack {
        SimStack::new(SizeClass::of(1 << self.log2).unwrap(), self.spacing, &self.locals)
    }

    fn built(&self) -> SimStack {
        let mut stack = self.bare();
        stack.install(&self.wanted);
        for _ in 0..self.returns % stack.frames.len() {
            stack.pop();
        }
        stack
    }
}

proptest! {
    #[test]
    fn barriers_change_nothing(plan in Plan::any()) {
        let stack = plan.built();
        let strict = stack.strict().unwrap();
        prop_assert_eq!(strict.len(), stack.frames.len());
        stack.check(&strict, 0);
        // The same frames by the keys in the barriers, and by a walk that may not fail.
        let live = stack.live();
        let by_key = Walk::new(&FramePointers, &live).find_barriers();
        let mut frames = vec![];
        let walked = by_key.strict(stack.outermost_sp, stack.registers(), collect(&mut frames)).unwrap();
        prop_assert_eq!(walked, Walked { frames: frames.len(), end: End::Outermost });
        prop_assert_eq!(&frames, &strict);
        prop_assert_eq!(diagnose(&by_key, stack.registers()), (strict, walked));
    }

    #[test]
    fn every_barrier_is_met(plan in Plan::any()) {
        let stack = plan.built();
        let met: Vec<usize> = stack.strict().unwrap().iter().filter_map(|frame| frame.barrier()).collect();
        prop_assert_eq!(met, (stack.bars.position()..stack.bars.len()).collect::<Vec<_>>());
    }

    #[test]
    fn skip_max_and_stop_cut_the_same_walk(plan in Plan::any(), skip in 0_usize..40, max in 0_usize..40, stop in 1_usize..40) {
        let stack = plan.built();
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars).skip(skip).max(max);
        let mut frames = vec![];
        let mut visit = |frame: &_| {
            frames.push(*frame);
            if frames.len() == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let walked = walk.strict(stack.outermost_sp, stack.registers(), &mut visit).unwrap();
        let left = stack.frames.len().saturating_sub(skip);
        prop_assert_eq!(frames.len(), left.min(max).min(stop));
        prop_assert_eq!(walked.frames, frames.len());
        let end = match frames.len() {
            n if n == stop => End::Stopped,
            n if n == left && (n < max || left > 0) => End::Outermost,
            _ => End::Max,
        };
        prop_assert_eq!(walked.end, end);
        stack.check(&frames, skip);
        let mut again = vec![];
        let whole = walk.diagnose(stack.registers(), collect(&mut again));
        prop_assert!(again.starts_with(&frames) && whole.frames == left.min(max));
    }

    #[test]
    fn unbarred_memory_is_the_memory_before(plan in Plan::any()) {
        let stack = plan.bare();
        let before = stack.copy();
        let count = stack.install(&plan.wanted);
        let live = stack.live();
        let unbarred = Unbarred::new(&live, &stack.bars);
        let mut differ = 0;
        for (address, &word) in (stack.lo()..stack.bars.stack_hi()).step_by(WORD).zip(&before) {
            prop_assert_eq!(unbarred.read_word(address), Some(word));
            differ += usize::from(live.read_word(address) != Some(word));
        }
        prop_assert_eq!(differ, count);
        prop_assert_eq!(unbarred.read_word(stack.lo() + 1), None);
        // An unwinder that knows nothing of barriers walks it.
        let (frames, walked) = diagnose(&Walk::new(&FramePointers, &unbarred), stack.registers());
        prop_assert_eq!(walked.end, End::Outermost);
        prop_assert!(frames.iter().all(|frame| frame.barrier().is_none()));
        prop_assert!(frames.iter().map(|f| f.pc).eq(stack.frames.iter().map(|f| f.pc)));
    }
}

/// A collector's first scan: barriers are installed in frames the walk has just passed, which makes none of them
/// leftover. The next walk meets them all.
#[test]
fn the_callback_may_install_barriers() {
    for spacing in SPACINGS {
        let stack = SimStack::new(SizeClass::of(1 << 16).unwrap(), spacing, &[6; 100]);
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        let mut thresholds = spacing.thresholds(stack.registers().sp);
        let walked = walk.strict(stack.outermost_sp, stack.registers(), |frame| {
            if let Some(caller) = frame.caller
                && thresholds.wants(caller.cfa)
                // SAFETY: the return slot of a frame of a stack that does not run.
                && unsafe { patch::install(&stack.bars, caller.return_slot) }.is_ok()
            {
                thresholds.placed();
            }
            ControlFlow::Continue(())
        });
        assert_eq!(walked.unwrap(), Walked { frames: 101, end: End::Outermost });
        let met = stack.strict().unwrap().iter().filter(|frame| frame.barrier().is_some()).count();
        assert_eq!((met, stack.bars.len() > 1), (stack.bars.len(), spacing != Spacing::Off));
    }
}

/// The tests above would pass on a machine that installs nothing.
#[test]
fn the_three_modes_differ_in_the_number_of_barriers() {
    let class = SizeClass::of(1 << 16).unwrap();
    let count = |spacing| SimStack::new(class, spacing, &[6; 100]).install(&[true]);
    assert_eq!(SPACINGS.map(count), [0, Spacing::default().capacity(class), 100]);
}

#[test]
fn lookup_pc_is_exact_only_where_the_frame_was_interrupted() {
    let stack = SimStack::new(SizeClass::MIN, Spacing::default(), &[4; 5]);
    let live = stack.live();
    let walk = Walk::new(&FramePointers, &live);
    let offsets = |walk: &Walk<_, _>| -> Vec<usize> {
        diagnose(walk, stack.registers()).0.iter().map(|frame| frame.pc - frame.lookup_pc()).collect()
    };
    assert_eq!(offsets(&walk), [0, 1, 1, 1, 1, 1]);
    assert_eq!(offsets(&walk.suspended()), [1; 6]);
}

#[test]
fn a_frame_prints_what_matters() {
    let stack = SimStack::new(SizeClass::MIN, Spacing::default(), &[4; 5]);
    stack.install(&[false, true]);
    let frames = stack.strict().unwrap();
    let slot = stack.frames[1].slot.unwrap();
    let text = frames[1].to_string();
    assert!(text.starts_with("#1 pc 0x400080 sp 0x"), "{text}");
    assert!(text.ends_with(&format!(" *{slot:#x}=0x400060 barrier 0")), "{text}");
    assert!(frames[5].to_string().ends_with(&format!(" fp {:#x} no caller", stack.frames[5].fp)));
    assert_eq!(format!("{:?}", frames[1]), text);
}
