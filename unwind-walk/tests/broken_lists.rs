//! What a strict walk objects to, each brought about on purpose, in all modes; and that a diagnostic walk goes on.

mod common;

use barrier_arch::{Key, SizeClass, Spacing, Stub, patch};
use common::{SPACINGS, SimStack, diagnose};
use unwind_walk::{End, Fault, FramePointers, Missed, StepError, Walk, WalkError};

/// Twenty frames, a barrier at every other one.
fn stack(spacing: Spacing) -> SimStack {
    let stack = SimStack::new(SizeClass::of(1 << 13).unwrap(), spacing, &[6; 20]);
    let count = stack.install(&[false, true]);
    let expected = match spacing {
        Spacing::Off => 0,
        Spacing::Exponential { .. } => 4, // as many as such a stack has records
        Spacing::EveryFrame => 10,
    };
    assert_eq!(count, expected);
    stack
}

fn with_barriers() -> impl Iterator<Item = SimStack> {
    SPACINGS[1..].iter().copied().map(stack)
}

/// In all modes; with barriers off a stub stands at frame 1 all the same, that somebody has copied there.
fn with_a_stub() -> impl Iterator<Item = SimStack> {
    SPACINGS.into_iter().map(|spacing| {
        let stack = stack(spacing);
        if spacing == Spacing::Off {
            let foreign = Stub::new(stack.bars.class(), Key::Index(0)).pc();
            stack.write(stack.frames[1].slot.unwrap(), foreign);
        }
        stack
    })
}

/// The error's text has the whole list, with both marks.
fn check_text(error: &WalkError<'_>, bars: &barrier_arch::StkbarSlice, message: &str) {
    let text = error.to_string();
    assert!(text.contains(message), "{text}");
    let (list, culprit) = (text.rsplit_once("; barriers ").unwrap().1, text.find("==>"));
    assert!(list.contains("@@@") && culprit.is_some(), "{text}");
    assert!(bars.iter().all(|record| list.contains(&format!("{record:?}"))), "{text}");
    let at = &text[..text.find(": ").unwrap()];
    let registers = error.registers;
    assert_eq!(
        at,
        format!(
            "frame {} (pc {:#x} sp {:#x} fp {:#x})",
            error.frame, registers.pc, registers.sp, registers.fp
        )
    );
}

/// Does `==>` stand before the record of `slot`?
fn culprit_is(error: &WalkError<'_>, slot: usize) -> bool {
    error.to_string().contains(&format!("==> *{slot:#x}="))
}

#[test]
fn a_barrier_without_a_record_is_missed() {
    for stack in with_a_stub() {
        // SAFETY: nobody runs on the stack, and what is broken by this is what the test wants to see.
        unsafe { patch::purge(&stack.bars) };
        let error = stack.strict().unwrap_err();
        let slot = stack.frames[1].slot.unwrap();
        let missed = Missed { slot, stub: stack.read(slot) };
        assert_eq!((error.fault, error.frame), (Fault::Missed(missed), 1));
        check_text(&error, &stack.bars, "missed stack barrier");
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        let (frames, walked) = diagnose(&walk, stack.registers());
        assert_eq!((frames.len(), walked.end), (2, End::Lost(missed)));
        assert!(frames[0].caller.is_some() && frames[1].caller.is_none());
        stack.check(&frames[..1], 0);
    }
}

#[test]
fn a_list_of_another_stack_or_none_does_not_help() {
    for stack in with_a_stub() {
        let other = SimStack::new(SizeClass::of(1 << 13).unwrap(), Spacing::default(), &[4; 30]);
        other.install(&[true]);
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live);
        let strict = |walk: &Walk<'_, '_, _, _>| {
            let error =
                walk.strict(stack.outermost_sp, stack.registers(), |_| core::ops::ControlFlow::Continue(()));
            error.unwrap_err().to_string()
        };
        let text = strict(&walk.barriers(&other.bars));
        assert!(text.contains("missed stack barrier") && text.contains("==>"), "{text}");
        let text = strict(&walk);
        assert!(text.contains("missed stack barrier") && text.contains("was given no list"), "{text}");
    }
}

/// Code without a frame record of its own: the chain leaves out the caller of frame `index`.
fn leave_out(stack: &SimStack, index: usize) {
    stack.write(stack.chain(index + 1).0, stack.chain(index + 2).1);
}

#[test]
fn a_barrier_that_was_not_met_is_leftover() {
    for stack in with_barriers() {
        leave_out(&stack, 2);
        let error = stack.strict().unwrap_err();
        let slot = stack.frames[3].slot.unwrap();
        assert_eq!(error.fault, Fault::Leftover { slot });
        assert!(culprit_is(&error, slot), "{error}");
        check_text(&error, &stack.bars, "leftover stack barriers");
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        assert_eq!(diagnose(&walk, stack.registers()).1.end, End::Outermost);
        // Found by key, too: the barrier at frame 1 leads to the list.
        let by_key = Walk::new(&FramePointers, &live).find_barriers();
        let found =
            by_key.strict(stack.outermost_sp, stack.registers(), |_| core::ops::ControlFlow::Continue(()));
        assert_eq!(found.unwrap_err().to_string(), error.to_string());
    }
}

#[test]
fn leftovers_at_either_end_of_the_list_are_found() {
    for spacing in &SPACINGS[1..] {
        for (index, count) in [(1, 1), (3, 2)] {
            let stack = SimStack::new(SizeClass::of(1 << 13).unwrap(), *spacing, &[6; 20]);
            let wanted: Vec<bool> = (0..20).map(|i| i % 2 == 1 && i < 2 * count).collect();
            assert_eq!(stack.install(&wanted), count);
            leave_out(&stack, index - 1);
            let slot = stack.frames[index].slot.unwrap();
            assert_eq!(stack.strict().unwrap_err().fault, Fault::Leftover { slot });
        }
    }
}

/// A dropped frame's stub may survive in the unwritten part of a later frame: not to be told from a frame that was left out.
#[test]
fn where_frames_may_be_dropped_nothing_is_leftover() {
    for stack in with_barriers() {
        leave_out(&stack, 2);
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        let strict = |walk: Walk<'_, '_, _, _>| {
            walk.strict(stack.outermost_sp, stack.registers(), |_| core::ops::ControlFlow::Continue(()))
                .is_ok()
        };
        assert!(!strict(walk) && strict(walk.dropped_frames(true)));
    }
}

#[test]
fn a_dead_record_is_no_leftover() {
    for stack in with_barriers() {
        // Frame 3 was dropped by a longjmp and its slot written to by somebody else.
        leave_out(&stack, 2);
        stack.write(stack.frames[3].slot.unwrap(), 12345);
        assert_eq!(stack.strict().unwrap().len(), stack.frames.len() - 1);
    }
}

#[test]
fn records_below_the_start_are_no_leftover() {
    for mut stack in SPACINGS.into_iter().map(stack) {
        // The five youngest frames were dropped, nothing was hit; their slots still hold stubs.
        stack.frames.drain(..5);
        stack.check(&stack.strict().unwrap(), 0);
        assert_eq!(stack.bars.position(), 0);
    }
}

#[test]
fn a_walk_that_ends_early_is_short() {
    for spacing in SPACINGS {
        let stack = stack(spacing);
        stack.write(stack.chain(7).0, 0);
        let error = stack.strict().unwrap_err();
        assert_eq!((error.fault, error.frame), (Fault::EndedShort { outermost_sp: stack.outermost_sp }, 7));
        check_text(&error, &stack.bars, "ended short of the outermost frame");
        if let Some(next) =
            stack.frames[7..].iter().filter_map(|f| f.slot).find(|&s| stack.barrier_in(s).is_some())
        {
            assert!(culprit_is(&error, next), "the barrier that should have come next: {error}");
        }
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        assert_eq!(diagnose(&walk, stack.registers()).1.end, End::Outermost);
    }
}

#[test]
fn a_broken_frame_is_named_with_the_list() {
    for spacing in SPACINGS {
        let stack = stack(spacing);
        let wrong = stack.chain(3).1;
        stack.write(stack.chain(7).0, wrong);
        let error = stack.strict().unwrap_err();
        let down = StepError::NotAbove { sp: stack.frames[7].sp, cfa: SimStack::cfa_by(wrong) };
        assert_eq!((error.fault, error.frame), (Fault::Step(down), 7));
        check_text(&error, &stack.bars, "leads down");
    }
}

#[test]
fn stopping_before_the_fault_is_no_error() {
    for stack in with_barriers() {
        let live = stack.live();
        let walk = Walk::new(&FramePointers, &live).barriers(&stack.bars);
        leave_out(&stack, 2);
        stack.write(stack.chain(11).0, 1);
        let strict = |max, stop| {
            walk.max(max).strict(stack.outermost_sp, stack.registers(), |frame| {
                if frame.index == stop {
                    core::ops::ControlFlow::Break(())
                } else {
                    core::ops::ControlFlow::Continue(())
                }
            })
        };
        assert_eq!(strict(9, 100).unwrap().end, End::Max);
        assert_eq!(strict(100, 8).unwrap().end, End::Stopped);
        assert_eq!(strict(100, 100).unwrap_err().fault, Fault::Step(StepError::Misaligned(1)));
    }
}
